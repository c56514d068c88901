"""The service among others: keys, limits, a full queue, clients that go away, its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from cli.running import nst, painting

from .running import Service, service, wait_until_ready
from .test_painting import encoded, stylize

HEAD = b"POST /v1/stylize HTTP/1.1\r\nHost: x\r\nX-API-Key: first-key\r\n"
LARGE = encoded(painting(1200, 1600), "JPEG")


def figure(client: httpx.Client, name: str) -> float:
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "keys.txt").write_text("# of the tests\nfirst-key\nsecond-key\nthird-kéy\n")
    options = ("--models", "live", "--queue", "2", "--max-bytes", "2000000", "--api-key-file", folder / "keys.txt")
    with service(
        folder, *options, "--timeout", "20", "--kserve", NST_ENGINE_CORS_ORIGIN="https://example.org"
    ) as started:
        yield started


@pytest.fixture
def client(small: Service) -> Iterator[httpx.Client]:
    with small.client(headers={"X-API-Key": "first-key"}) as client:
        yield client


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "first-ke"}, {"Authorization": "Basic first-key"}])
def test_without_a_key_nothing_is_answered_but_health(small: Service, headers: dict[str, str]) -> None:
    with small.client(headers=headers) as client:
        answer = client.get("/v1/styles")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "a key is wanted" in answer.json()["error"]["message"]
        assert client.get("/healthz").status_code == 200


def test_kserves_protocol_wants_the_key_too(small: Service, client: httpx.Client) -> None:
    with small.client() as stranger:
        for path in ("/v2", "/v2/models/live", "/v2/models/live/config"):
            refused = stranger.get(path)
            assert refused.status_code == 401
            assert "a key is wanted" in refused.json()["error"]
            assert client.get(path).status_code == 200
        assert stranger.post("/v2/models/live/infer", content=b"{}").status_code == 401
        assert stranger.get("/v2/health/live").json() == {"live": True}
        assert stranger.get("/v2/health/ready").json() == {"ready": True}


def test_each_key_opens(small: Service) -> None:
    with small.client(headers={"Authorization": "Bearer second-key"}) as client:
        assert client.get("/v1/styles").status_code == 200
    with small.client(headers={"X-API-Key": "third-kéy".encode()}) as client:
        assert client.get("/v1/styles").status_code == 200


def test_pages_of_other_origins_may_ask_whether_they_may_send_a_key(small: Service) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    with small.client(headers={"Origin": "https://example.org"}) as browser:
        preflight = browser.options("/v1/stylize", headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-headers"] == "authorization"
        refused = browser.get("/v1/styles")
        assert refused.status_code == 401  # which the page can read
        assert refused.headers["access-control-allow-origin"] == "https://example.org"


def test_invented_methods_are_counted_as_one(client: httpx.Client) -> None:
    for number in range(3):
        client.request(f"INVENTED{number}", "/healthz")
    assert "INVENTED" not in client.get("/metrics").text


def test_what_is_no_http_leaves_no_traceback(small: Service) -> None:
    host, port = small.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc")
        assert b" 400 " in connection.recv(65536)
    assert httpx.get(f"{small.address}/healthz").status_code == 200
    assert "Traceback" not in small.log.read_text()


def test_a_folder_that_takes_no_styles_is_507(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "styles").write_text("no folder")
    with service(tmp_path, "--models", "any-fast") as running, running.client() as client:
        answer = client.post("/v1/styles/encode", files={"style_image": encoded(painting(20, 30), "PNG")})
    assert answer.status_code == 507
    assert "data_folder" in answer.json()["error"]["message"]


def test_headers_for_browsers_and_request_ids(client: httpx.Client) -> None:
    answer = client.get("/v1/styles", headers={"X-Request-ID": "mine-1", "Origin": "https://example.org"})
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.headers["access-control-allow-origin"] == "https://example.org"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    other = client.get("/v1/styles", headers={"X-Request-ID": "no id", "Origin": "https://elsewhere.example"})
    assert len(other.headers["x-request-id"]) == 16
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("how", ["declared", "streamed", "streamed, no form"])
def test_an_oversized_body_is_cut_off(small: Service, how: str) -> None:
    host, port = small.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        length = b"Content-Length: 100000000" if how == "declared" else b"Transfer-Encoding: chunked"
        connection.sendall(HEAD + b"Content-Type: multipart/form-data; boundary=b\r\n" + length + b"\r\n\r\n")
        sent = 0
        with contextlib.suppress(OSError):
            if how == "streamed":
                part = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
                connection.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            while how.startswith("streamed") and sent < 50_000_000:
                connection.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
                sent += 65536
        answer = b""
        with contextlib.suppress(OSError):
            while part := connection.recv(65536):
                answer += part
    assert sent < 50_000_000
    assert b" 413 " in answer[:20] or how != "declared"  # what was sent meanwhile may reset the connection
    assert httpx.get(f"{small.address}/healthz").status_code == 200


def test_a_full_queue_says_so_at_once(client: httpx.Client) -> None:
    before = figure(client, "nst_rejected_total")
    with ThreadPoolExecutor(24) as threads:
        answers = list(threads.map(lambda _: stylize(client, LARGE, style="scream", max_side="1600"), range(24)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= 3
    busy = next(answer for answer in answers if answer.status_code == 503)
    assert busy.headers["retry-after"] == "1"
    assert busy.json()["error"]["type"] == "BusyError"
    assert busy.elapsed.total_seconds() < 10
    assert figure(client, "nst_rejected_total") - before == statuses.count(503)
    assert figure(client, "nst_requests_in_progress") == 0
    assert stylize(client, style="scream").status_code == 200


def inference(pictures: int, height: int, width: int) -> dict[str, Any]:
    """A request of KServe's protocol, for `client.post`."""
    sizes = {"image": 3 * pictures * height * width, "style_weights": 64 * pictures}
    inputs = [
        {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": sizes[name]}}
        for name, datatype, shape in (
            ("image", "UINT8", [pictures, height, width, 3]),
            ("style_weights", "FP32", [pictures, 16]),
        )
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    content = head + bytes(sizes["image"]) + struct.pack("<f", 1) * 16 * pictures
    return {"content": content, "headers": {"Inference-Header-Content-Length": str(len(head))}}


def test_kserves_protocol_goes_through_the_same_queue(client: httpx.Client) -> None:
    path, request = "/v2/models/live/infer", inference(8, 250, 300)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: client.post(path, **request), range(16)))
    assert {answer.status_code for answer in answers} == {200, 503}
    busy = next(answer for answer in answers if answer.status_code == 503)
    assert busy.headers["retry-after"] == "1"
    assert isinstance(busy.json()["error"], str)
    large = client.post(path, content=bytes(2_100_000))
    assert large.status_code == 413
    assert "larger than 2,065,536 bytes" in large.json()["error"]
    with pytest.raises(httpx.ReadTimeout):
        client.post(path, timeout=httpx.Timeout(0.05, connect=10, write=10), **request)
    deadline = time.monotonic() + 20
    while figure(client, "nst_requests_in_progress"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_who_is_slow_to_send_sees_that_there_is_no_place(small: Service, client: httpx.Client) -> None:
    body = inference(8, 250, 300)["content"]
    head = (
        f"POST /v2/models/live/infer HTTP/1.1\r\nHost: x\r\nX-API-Key: first-key\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    address = httpx.URL(small.address)
    with ThreadPoolExecutor(8) as threads, socket.create_connection((address.host, address.port or 80), 60) as late:
        pending = [threads.submit(stylize, client, LARGE, style="scream", strength="2") for _ in range(8)]
        while not any(each.done() for each in pending):  # the first that are answered had no place
            time.sleep(0.01)
        late.sendall(head.encode() + body[:100_000])
        time.sleep(0.3)
        late.sendall(body[100_000:])
        assert late.recv(100).startswith(b"HTTP/1.1 503 ")
        assert {each.result().status_code for each in pending} == {200, 503}


def test_a_client_that_goes_away_frees_its_place(client: httpx.Client) -> None:
    for _ in range(4):
        with pytest.raises(httpx.ReadTimeout):
            client.post(
                "/v1/stylize",
                files={"photo": LARGE},
                data={"style": "scream", "strength": "2"},
                timeout=httpx.Timeout(0.05, connect=10, write=10),
            )
    deadline = time.monotonic() + 20
    while figure(client, "nst_requests_in_progress"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert stylize(client, style="scream").status_code == 200


def test_the_log_is_a_line_of_json_for_each_request(small: Service, client: httpx.Client) -> None:
    client.get("/v1/models", headers={"X-Request-ID": "in-the-log"})
    deadline = time.monotonic() + 10
    while "in-the-log" not in small.log.read_text():  # it is written when the answer has been sent
        assert time.monotonic() < deadline
        time.sleep(0.02)
    line = next(line for line in small.log.read_text().splitlines() if "in-the-log" in line)
    record = json.loads(line[line.index("{") :])
    assert record["path"] == "/v1/models"
    assert record["status"] == 200


def test_sigterm_finishes_what_was_accepted(tmp_path: Path) -> None:
    with (
        service(tmp_path, "--models", "live") as running,
        ThreadPoolExecutor(1) as threads,
        running.client() as client,
        running.client() as other,
    ):
        pending = threads.submit(stylize, client, LARGE, style="scream", strength="2", format="png")
        while not figure(other, "nst_requests_in_progress"):
            time.sleep(0.01)
        assert running.stop() == 0
        assert pending.result().status_code == 200


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGTERM, 0)])
def test_several_workers_end_as_one_does(tmp_path: Path, number: int, code: int) -> None:
    with service(tmp_path, "--models", "live", "--workers", "2") as running:
        assert running.stop(number) == code
        with pytest.raises(httpx.ConnectError):  # no worker of it still listens
            httpx.get(f"{running.address}/healthz")


def test_ctrl_c_ends_it_as_it_ends_other_commands(tmp_path: Path) -> None:
    with service(tmp_path, "--models", "live") as running:
        assert running.stop(signal.SIGINT) == 130
        assert "Traceback" not in running.log.read_text()


def test_a_killed_worker_is_replaced_and_styles_are_known_to_all(tmp_path: Path) -> None:
    with service(tmp_path, "--models", "any-fast", "--workers", "2") as running:
        style = encoded(painting(64, 64, seed=2))
        kept = httpx.post(f"{running.address}/v1/styles/encode", files={"style_image": style}, timeout=60).json()
        children = subprocess.run(
            ["pgrep", "-P", str(running.process.pid), "-f", "spawn_main"], capture_output=True, text=True, check=True
        )
        os.kill(int(children.stdout.split()[0]), signal.SIGKILL)
        answers = []
        for _ in range(20):
            with contextlib.suppress(httpx.TransportError), running.client() as client:
                answers.append(stylize(client, style_id=kept["style_id"]).status_code)
            time.sleep(0.1)
        wait_until_ready(running.address)
        assert set(answers) == {200}
        assert running.stop() == 0


def test_figures_are_those_of_all_workers(tmp_path: Path) -> None:
    def ask() -> None:
        with running.client(headers={"Connection": "close"}) as client:
            assert client.get("/v1/models").status_code == 200
            assert stylize(client, style="scream").status_code == 200

    def counted() -> set[float]:
        with running.client(headers={"Connection": "close"}) as client:
            return {figure(client, 'nst_requests_total{method="GET",route="/v1/models"') for _ in range(8)}

    with service(tmp_path, "--models", "live", "--workers", "2") as running:
        for _ in range(12):
            ask()
        assert counted() == {12}
        with running.client() as client:
            assert figure(client, "nst_stage_seconds_count") == 12 * 6
            assert figure(client, "nst_requests_in_progress") == 0
            assert "nst_engine_info" in client.get("/metrics").text
        children = subprocess.run(
            ["pgrep", "-P", str(running.process.pid), "-f", "spawn_main"], capture_output=True, text=True, check=True
        )
        os.kill(int(children.stdout.split()[0]), signal.SIGKILL)
        time.sleep(1)
        wait_until_ready(running.address)
        assert counted() == {12}


@pytest.mark.parametrize(
    ("message", "options", "environment"),
    [
        ("nst: --port: '99999' came", ["--port", "99999"], {}),
        ("nst: NST_ENGINE_QUEUE: 'many' came", [], {"NST_ENGINE_QUEUE": "many"}),
        ("nst: nix: no such file", ["--models", "nix"], {}),
        ("nst: --models: at least one", ["--models", ","], {}),
        ("holds no key", ["--api-key-file", "keys.txt"], {}),
        ("nst: --backend: 'cuda' came", ["--backend", "cuda"], {}),
        ("nst: --host: '192.0.2.1' came", ["--host", "192.0.2.1"], {}),
        ("nst: --models: 2 are called live", ["--kserve", "--models", "live,live.onnx"], {}),
    ],
)
def test_bad_settings_are_one_line(
    tmp_path: Path, message: str, options: list[str], environment: dict[str, str]
) -> None:
    (tmp_path / "keys.txt").write_text("# none\n")
    (tmp_path / "live.onnx").touch()
    done = nst("serve", *options, cwd=tmp_path, **environment)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_slow_bodies_do_not_keep_others_waiting(small: Service, client: httpx.Client) -> None:
    host, port = small.address.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port)), timeout=60) for _ in range(30)]
    try:
        for connection in slow:
            connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\na")
        assert stylize(client, style="scream").status_code == 200
    finally:
        for connection in slow:
            connection.close()


def test_many_threads_get_the_same_picture(client: httpx.Client) -> None:
    pictures: list[bytes] = []
    lock = threading.Lock()

    def ask(_: int) -> None:
        answer = stylize(client, style="scream", format="png")
        if answer.status_code == 200:
            with lock:
                pictures.append(answer.content)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(ask, range(12)))
    assert len(set(pictures)) == 1
