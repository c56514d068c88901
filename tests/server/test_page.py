"""The page's files: complete, compressed, kept by browsers, and closed to everything from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import onnxruntime  # type: ignore[import-untyped]
import pytest

from nst_engine.server import page

from .running import Service, service

BUILT = Path(page.__file__).parent / "page_files"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "keys.txt").write_text("a-key")
    with service(folder, "--models", "live", "--api-key-file", folder / "keys.txt", is_ready=False) as started:
        yield started


@pytest.fixture
def client(running: Service) -> Iterator[httpx.Client]:
    with running.client() as client:
        yield client


def names_in(text: str) -> list[str]:
    return re.findall(r'(?:src|href)="(/assets/[^"]+)"', text)


def test_the_page_and_all_that_it_names_are_there_without_a_key(client: httpx.Client) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-encoding"] == "gzip"
    names = names_in(answer.text)
    assert {Path(name).suffix for name in names} == {".css", ".js", ".svg"}
    for name in names:
        assert client.get(name).raise_for_status().headers["cache-control"] == "public, max-age=31536000, immutable"


def test_nothing_from_elsewhere_is_let_in(client: httpx.Client) -> None:
    headers = client.get("/").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert policy["style-src"] == policy["connect-src"] == "'self'"
    assert not re.search(
        r"unsafe-inline|unsafe-eval(?<!wasm-unsafe-eval)|https?:|\*", headers["content-security-policy"]
    )
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize("name", sorted(path.name.removesuffix(".gz") for path in (BUILT / "assets").iterdir()))
def test_every_file_comes_plain_too_with_its_own_type(client: httpx.Client, name: str) -> None:
    types = {
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".css": "text/css",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
    }
    plain = client.get(f"/assets/{name}", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.headers["content-type"].partition(";")[0] == types[Path(name).suffix]
    assert plain.content == client.get(f"/assets/{name}").content
    assert plain.headers["cross-origin-embedder-policy"] == "require-corp"  # workers have their own


@pytest.mark.parametrize("path", ["/", "/assets/live.onnx"])
def test_what_may_change_is_asked_for_again_and_sent_only_when_it_has(client: httpx.Client, path: str) -> None:
    first = client.get(path)
    assert first.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(path, headers={"If-None-Match": '"another"'}).content == first.content


def test_the_model_for_browsers_takes_and_returns_bytes(client: httpx.Client) -> None:
    session = onnxruntime.InferenceSession(client.get("/assets/live.onnx").content)
    assert {each.name: each.type for each in session.get_inputs()}["image"] == "tensor(uint8)"


@pytest.mark.parametrize(
    "path", ["/assets/none.js", "/assets/..%2findex.html", "/assets/%2e%2e/page.py", "/index.html"]
)
def test_no_other_file_is_handed_out(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (401, 404)
    assert "error" in answer.json()


def test_the_built_files_are_small_and_bring_their_licences() -> None:
    assert sum(path.stat().st_size for path in BUILT.rglob("*") if path.is_file()) < 9_000_000
    notices = (BUILT / "THIRD-PARTY.txt").read_text(encoding="utf-8")
    assert all(name in notices for name in ("onnxruntime-web", "react-dom", "MIT License"))
