"""Names that point elsewhere, in every place where a request has one; and addresses that nobody fetches."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cli.running import painting

from .running import Service, service
from .test_painting import encoded, stylize

SECRET = "the content of a file that nobody may read"
PHOTO = encoded(painting(40, 50))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "secret.txt").write_text(SECRET)
    (folder / "secret.png").write_bytes(PHOTO)
    with service(folder, "--models", "live,any-fast") as started:
        yield started


@pytest.fixture
def client(running: Service) -> Iterator[httpx.Client]:
    with running.client() as client:
        yield client


def tricks(folder: Path) -> list[str]:
    return [
        "../secret.txt",
        "../../secret.png",
        str(folder / "secret.png"),
        f"file://{folder}/secret.png",
        "..\\..\\secret.txt",
        "%2e%2e%2fsecret.txt",
        "secret.png\0.jpg",
        "/proc/self/environ",
        "/dev/zero",
        "C:\\secret.txt",
        "\\\\host\\share\\secret.png",
        "~/secret.png",
        "bundled:../../secret",
        "a" * 5000,
        "scream/../../../secret.png",
    ]


def raw(running: Service, target: str) -> bytes:
    """The answer to a path as it is, which clients would have tidied up."""
    host, port = running.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1"))
        content = b""
        while part := connection.recv(65536):
            content += part
        return content


def named(client: httpx.Client, field: str, name: str) -> Any:
    """The answer to a name in that field."""
    fields: dict[str, Any] = {"style": "scream", field: name}
    return stylize(client, PHOTO, **fields)


@pytest.mark.parametrize("field", ["style", "style_id", "model"])
def test_names_in_fields_are_no_paths(running: Service, client: httpx.Client, field: str) -> None:
    for name in tricks(running.log.parent):
        answer = named(client, field, name)
        assert answer.status_code in {404, 422}, (name, answer.text)
        assert SECRET not in answer.text


def test_names_of_uploads_are_no_paths(running: Service, client: httpx.Client) -> None:
    before = sorted(running.log.parent.rglob("*"))
    for name in tricks(running.log.parent):
        answer = client.post("/v1/stylize", files={"photo": (name, PHOTO, "text/html")}, data={"style": "scream"})
        assert answer.status_code == 200 or (answer.status_code == 400 and len(name) == 5000), (name, answer.text)
    assert sorted(running.log.parent.rglob("*")) == before


def test_labels_are_text_and_name_no_file(running: Service, client: httpx.Client) -> None:
    folder = running.log.parent
    for name in tricks(folder):
        answer = client.post("/v1/styles/encode", files={"style_image": PHOTO}, data={"label": name})
        assert answer.status_code in {201, 422}
    kept = list((folder / "data" / "styles").iterdir())
    assert len(kept) == 1
    assert kept[0].stem.isalnum()


PLACES = (
    "/v1/styles/{}/preview",
    "/v1/optimizations/{}",
    "/v1/optimizations/{}/result",
    "/v1/videos/{}/result",
    "/v1/optimizations/0123456789abcdef0123456789abcdef/snapshots/{}",
    "/docs/assets/{}",
    "/{}",
)
ELSEWHERE = (
    "../secret.txt",
    "../" * 12 + "etc/passwd",
    "..%2f..%2fsecret.txt",
    "%2e%2e/%2e%2e/secret.txt",
    "..%5c..%5csecret.txt",
    "%00",
    "//etc/passwd",
    "....//secret.txt",
    "%252e%252e%252fsecret.txt",
)


@pytest.mark.parametrize("place", PLACES)
def test_paths_lead_nowhere_else(running: Service, place: str) -> None:
    for name in ELSEWHERE:
        answer = raw(running, place.format(name))
        status = int(answer.split(b" ", 2)[1])
        assert status in {400, 404, 405, 422}, (name, answer[:200])
        assert SECRET.encode() not in answer
        assert b"root:" not in answer


def test_addresses_are_not_fetched(client: httpx.Client) -> None:
    came: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.5)

        def listen() -> None:
            try:
                came.append(listening.accept())
            except TimeoutError:
                return

        address = f"http://127.0.0.1:{listening.getsockname()[1]}/picture.png"
        listener = threading.Thread(target=listen)
        listener.start()
        for field in ("style", "style_id", "model"):
            assert named(client, field, address).status_code in {404, 422}
        assert client.post("/v1/stylize", data={"photo": address, "style": "scream"}).status_code == 422
        for content in (
            address.encode(),
            f"<svg><image href='{address}'/></svg>".encode(),
            f"#EXTM3U\n{address}".encode(),
        ):
            assert stylize(client, content, style="scream").status_code == 422
        listener.join()
    assert not came
