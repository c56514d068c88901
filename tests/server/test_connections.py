"""Connections: slow, half closed, too many, unread; and HEAD."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from cli.running import painting

from nst_engine.server.connections import HEADERS_PATIENCE_S, MOST_CONNECTIONS

from .running import Service, service
from .test_painting import encoded

PHOTO = encoded(painting(40, 50))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("service"), "--models", "live", "--timeout", "3") as started:
        yield started


def connected(running: Service) -> socket.socket:
    host, port = running.address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def all_of(connection: socket.socket) -> bytes:
    """What comes until the connection is closed."""
    content = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            content += part
    return content


def form(**fields: bytes) -> bytes:
    """A whole request to /v1/stylize, without `Connection: close`."""
    built = httpx.Request("POST", "http://x/v1/stylize", files={"photo": ("p.png", fields.pop("photo"))}, data=fields)
    head = "".join(f"{name}: {value}\r\n" for name, value in built.headers.items())
    return f"POST /v1/stylize HTTP/1.1\r\n{head}\r\n".encode() + built.read()


def test_headers_that_do_not_end_are_given_up(running: Service) -> None:
    with connected(running) as slow, connected(running) as silent:
        begun = time.monotonic()
        slow.sendall(b"GET /v1/styles HTTP/1.1\r\n")
        slow.settimeout(0.2)
        answer = b""
        while not answer and time.monotonic() < begun + 30:
            slow.sendall(b"X-More: 1\r\n")
            with contextlib.suppress(TimeoutError):
                answer = slow.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"the headers did not come" in answer + all_of(slow)
        assert all_of(silent) == b""
        assert HEADERS_PATIENCE_S - 1 < time.monotonic() - begun < HEADERS_PATIENCE_S + 10


def test_a_body_byte_by_byte_is_given_up_though_each_comes_in_time(running: Service) -> None:
    request = form(photo=PHOTO, style=b"scream")
    with connected(running) as slow:
        begun = time.monotonic()
        slow.sendall(request[:500])
        slow.settimeout(0.2)
        answer, sent = b"", 500
        while not answer and time.monotonic() < begun + 30:
            with contextlib.suppress(TimeoutError):
                answer = slow.recv(65536)
            if not answer:
                slow.sendall(request[sent : sent + 1])
                sent += 1
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"came too slowly" in answer + all_of(slow)
        assert 2 < time.monotonic() - begun < 15


def test_an_answer_that_is_not_read_is_thrown_away(running: Service) -> None:
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, port = running.address.removeprefix("http://").split(":")
        deaf.settimeout(60)
        deaf.connect((host, int(port)))
        large = encoded(painting(1100, 1500), "JPEG")
        deaf.sendall(form(photo=large, style=b"scream", format=b"png", strength=b"0"))
        begun = time.monotonic()
        time.sleep(8)  # until it is painted, and five seconds more
        head, _, body = all_of(deaf).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        declared = next(int(line.split()[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line)
        assert len(body) < declared
        assert time.monotonic() - begun < 20


def test_who_ends_his_side_after_the_request_gets_the_answer(running: Service) -> None:
    with connected(running) as half:
        half.sendall(form(photo=PHOTO, style=b"scream"))
        half.shutdown(socket.SHUT_WR)
        answer = all_of(half)
        between, _, answer = answer.partition(b"\r\n\r\n")
        assert between.startswith(b"HTTP/1.1 102 ")
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.partition(b"\r\n\r\n")[2].startswith(b"\xff\xd8")


def test_an_upload_that_ends_in_its_middle_harms_nobody(running: Service) -> None:
    for _ in range(20):
        with connected(running) as half:
            half.sendall(form(photo=PHOTO, style=b"scream")[:-100])
            half.shutdown(socket.SHUT_WR)
            assert b" 200 " not in all_of(half)
    assert httpx.get(f"{running.address}/healthz").status_code == 200
    assert "Traceback" not in running.log.read_text()


def test_head_is_get_without_its_body(running: Service) -> None:
    with running.client() as client:
        for path in ("/healthz", "/readyz", "/v1/styles", "/v1/models", "/v1/styles/scream/preview", "/openapi.json"):
            head, whole = client.head(path), client.get(path)
            assert head.status_code == 200, path
            assert head.content == b""
            assert head.headers["content-length"] == str(len(whole.content))
            assert head.headers["content-type"] == whole.headers["content-type"]
        assert client.head("/v1/stylize").status_code == 405
        assert client.head("/nowhere").status_code == 404


def test_connections_are_bounded_and_those_that_are_taken_go_on(running: Service) -> None:
    with contextlib.ExitStack() as kept, running.client() as client:
        assert client.get("/healthz").status_code == 200
        for _ in range(MOST_CONNECTIONS - 1):
            kept.enter_context(connected(running))
        more = kept.enter_context(connected(running))
        assert all_of(more).startswith(b"HTTP/1.1 503 ")
        assert client.get("/healthz").status_code == 200
    with running.client() as client:
        assert client.get("/healthz").status_code == 200


def test_the_address_is_said_when_requests_are_answered(running: Service) -> None:
    loading, address = running.log.read_text().splitlines()[:2]
    assert loading == "nst: loading live"
    assert address == f"nst: serving at {running.address}; API at {running.address}/docs"
