"""Frames over a WebSocket: painted as the library paints them, the newest only."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from cli.running import painting
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from nst_engine import FrameStylizer, Stylizer, load_image

from .running import Service, service
from .test_painting import encoded
from .test_service import figure

KEY = "kéy of the tests"
FRAMES = [encoded(np.roll(painting(48, 64), 2 * number, 1), "JPEG") for number in range(6)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "keys.txt").write_text(KEY)
    options = ("--models", "live,any-fast", "--api-key-file", folder / "keys.txt", "--max-pixels", "100000")
    with service(folder, *options, "--live", "2", "--cors-origin", "https://example.org") as started:
        yield started


def opened(
    running: Service, query: str = "style=great-wave", *, key: str | None = KEY, request_id: str = "", **options: Any
) -> ClientConnection:
    headers = {} if key is None else {"Authorization": f"Bearer {key}".encode().decode("latin-1")}
    headers |= {"X-Request-ID": request_id} if request_id else {}
    address = running.address.replace("http://", "ws://")
    connection: ClientConnection = connect(
        f"{address}/v1/live?{query}", additional_headers=headers, proxy=None, **options
    )
    return connection


def told(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next text of that kind."""
    while True:
        message = socket.recv(timeout=30)
        if isinstance(message, str):
            said: dict[str, Any] = json.loads(message)
            if said["type"] == kind:
                return said


def frame_of(socket: ClientConnection) -> NDArray[np.uint8]:
    """The next frame."""
    while True:
        message = socket.recv(timeout=30)
        if isinstance(message, bytes):
            return load_image(message).pixels


def test_frames_are_those_of_the_library(running: Service) -> None:
    with (
        Stylizer("bundled:live", device="cpu", threads=1) as stylizer,
        opened(running, "style=great-wave&model=live&quality=95") as socket,
    ):
        ready = told(socket, "ready")
        assert ready["model"] == "bundled:live"
        assert ready["styles"] == {"great-wave": 1.0}
        painter = FrameStylizer(stylizer, "great-wave", channel_order="rgb")
        for content in FRAMES:
            socket.send(content)
            expected = painter.stylize_frame(load_image(content).pixels)
            difference = np.abs(frame_of(socket).astype(int) - expected.astype(int))
            assert difference.mean() < 3  # of JPEG
        socket.send('{"style": "scream", "strength": 0.5}')
        painter.restyle("scream", strength=0.5)
        socket.send(FRAMES[0])
        expected = painter.stylize_frame(load_image(FRAMES[0]).pixels)
        assert np.abs(frame_of(socket).astype(int) - expected.astype(int)).mean() < 3


def test_a_change_leaves_what_it_does_not_name(running: Service) -> None:
    photo = painting(48, 64)
    query = "style=scream&model=live&strength=0.9&preserve_color=luma&stability=off&quality=100"
    looks: list[tuple[str, str, dict[str, Any]]] = [
        ('{"strength": 0.5}', "scream", {"strength": 0.5, "preserve_color": "luma"}),
        ('{"style": "great-wave"}', "great-wave", {"strength": 0.5, "preserve_color": "luma"}),
        ('{"preserve_color": null}', "great-wave", {"strength": 0.5}),
        ('{"strength": 0, "style": "no-such"}', "great-wave", {"strength": 0.5}),  # is refused, whole
        ("{}", "great-wave", {"strength": 0.5}),
    ]
    with Stylizer("bundled:live", device="cpu", threads=1) as stylizer, opened(running, query) as socket:
        for message, style, options in looks:
            socket.send(message)
            socket.send(encoded(photo, "PNG"))
            expected = stylizer.stylize(photo, style, **options).pixels.astype(int)
            assert np.abs(frame_of(socket) - expected).mean() < 4, message  # of JPEG, whose colours are coarser


def test_larger_frames_are_shrunk(running: Service) -> None:
    with opened(running, "style=scream&max_side=100&stability=off") as socket:
        socket.send(encoded(painting(150, 300), "JPEG"))
        assert frame_of(socket).shape == (50, 100, 3)


def test_only_the_newest_frame_is_painted(running: Service) -> None:
    """A hundred come at once; what is painted last is what came last."""
    with (
        opened(running, "style=scream&stability=off&quality=95") as socket,
        Stylizer("bundled:live", device="cpu", threads=1) as stylizer,
    ):
        told(socket, "ready")
        many = [encoded(np.roll(painting(120, 160), number, 0), "JPEG") for number in range(100)]
        for content in many:
            socket.send(content)
        expected = stylizer.stylize(many[-1], "scream").pixels
        count = 0
        while True:
            count += 1
            if np.abs(frame_of(socket).astype(int) - expected.astype(int)).mean() < 3:
                break
        assert count < len(many) / 2


def test_statistics_are_told(running: Service) -> None:
    with opened(running, "style=scream&stability=off") as socket:
        while True:
            socket.send(FRAMES[0])
            message = socket.recv(timeout=30)
            if isinstance(message, str) and json.loads(message)["type"] == "statistics":
                said = json.loads(message)
                break
        assert said["frames_per_second"] > 0
        assert said["painted"] >= 1
        assert said["received"] >= said["painted"]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"no frame", "the frame"),
        (encoded(painting(500, 400), "PNG"), "100,000"),
        ("no json", "the message"),
        ('{"style": "/etc/hostname"}', "GET /v1/styles"),
        ('{"strength": 7}', "strength"),
        ('{"strength": null}', "strength"),
        ('{"style": null}', "style"),
        ('{"invented": 7}', "invented"),
        ('{"style_id": "../../x"}', "style_id"),
    ],
)
def test_what_cannot_be_used_is_told_and_nothing_ends(running: Service, message: str | bytes, reason: str) -> None:
    with opened(running, "style=scream") as socket:
        socket.send(message)
        assert reason in told(socket, "error")["message"]
        socket.send(FRAMES[0])
        assert frame_of(socket).shape == (48, 64, 3)


@pytest.mark.parametrize(
    "query",
    [
        "style=no-such",
        "model=no-such&style=scream",
        "style=/etc/hostname&model=any-fast",
        "style=scream&strokes=2",
        "style=scream&style=great-wave",
        "",
    ],
)
def test_what_cannot_be_begun_is_told(running: Service, query: str) -> None:
    with opened(running, query) as socket:
        said = told(socket, "error")
        assert said["message"]
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=30)
        assert socket.close_code == 1008


def test_the_places_are_bounded_and_come_back(running: Service) -> None:
    with opened(running) as first, opened(running) as second:
        told(first, "ready")
        told(second, "ready")
        with opened(running) as third:
            assert "all 2 live connections" in told(third, "error")["message"]
            with pytest.raises(ConnectionClosed):
                third.recv(timeout=30)
            assert third.close_code == 1013
    with opened(running) as again:
        told(again, "ready")


def test_a_browser_gives_the_key_as_a_subprotocol(running: Service) -> None:
    key = base64.urlsafe_b64encode(KEY.encode()).decode().rstrip("=")
    names = [Subprotocol("nst"), Subprotocol(f"nst.key.{key}")]
    with opened(running, key=None, subprotocols=names, origin=running.address) as socket:
        assert socket.subprotocol == "nst"
        told(socket, "ready")


@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [
        ({"key": None}, 401, "a key is wanted"),
        ({"key": "another"}, 401, "a key is wanted"),
        ({"key": None, "subprotocols": [Subprotocol("nst"), Subprotocol("nst.key.####")]}, 401, "a key is wanted"),
        ({"origin": "https://elsewhere.example"}, 403, "cors_origin"),
        ({"origin": "null"}, 403, "cors_origin"),
        ({"query": "strength=two"}, 422, "strength: 'two' came; input should be a valid number"),
        (
            {"query": "style=scream&stability=much"},
            422,
            "stability: 'much' came; input should be 'off', 'low' or 'high'",
        ),
    ],
)
def test_others_may_not_open_it_and_are_told_why(
    running: Service, how: dict[str, Any], status: int, reason: str
) -> None:
    with pytest.raises(InvalidStatus) as refused, opened(running, **how):
        pass
    response = refused.value.response
    assert response.status_code == status
    error = json.loads(response.body or b"")["error"]
    assert reason in error["message"]
    assert error["request_id"] == response.headers["X-Request-ID"]


def test_a_connection_is_counted_and_logged(running: Service) -> None:
    number = "camera-1"
    with httpx.Client(base_url=running.address, headers={"X-API-Key": KEY.encode()}) as client:  # type: ignore[arg-type]
        ended = 'nst_requests_total{method="GET",route="/v1/live",status="101"'
        before, frames = figure(client, ended), figure(client, 'nst_live_frames_total{model="bundled:live"')
        with opened(running, "style=scream&model=live", request_id=number) as socket:
            told(socket, "ready")
            assert figure(client, "nst_live_connections") == 1
            for content in FRAMES[:2]:
                socket.send(content)
                frame_of(socket)
        deadline = time.monotonic() + 30
        while figure(client, "nst_live_connections"):
            assert time.monotonic() < deadline
        assert figure(client, ended) == before + 1
        assert figure(client, 'nst_live_frames_total{model="bundled:live"') == frames + 2
    (line,) = [json.loads(line[line.index("{") :]) for line in running.log.read_text().splitlines() if number in line]
    assert (line["path"], line["status"], line["code"]) == ("/v1/live", 101, 1000)
    assert line["bytes_in"] == sum(map(len, FRAMES[:2]))
    assert line["bytes_out"] > 500


def test_a_client_that_goes_away_at_once_is_no_fault(running: Service) -> None:
    for _ in range(5):
        with opened(running, "style=scream") as socket:
            socket.close_socket()
    with opened(running, "style=scream") as socket:
        told(socket, "ready")
    assert "Traceback" not in running.log.read_text()


def test_pages_of_allowed_origins_may(running: Service) -> None:
    with opened(running, origin="https://example.org") as socket:
        told(socket, "ready")


def test_styles_that_were_encoded_before(running: Service) -> None:
    files = {"style_image": encoded(painting(90, 70), "JPEG")}
    headers = {"X-API-Key": KEY.encode()}
    with httpx.Client(base_url=running.address, headers=headers, timeout=60) as client:  # type: ignore[arg-type]
        identity = client.post("/v1/styles/encode", files=files).json()["style_id"]
    with opened(running, f"style_id={identity}&stability=off") as socket:
        assert told(socket, "ready")["model"] == "bundled:any-fast"
        socket.send(FRAMES[0])
        assert frame_of(socket).shape == (48, 64, 3)


def test_the_service_ends_although_a_camera_runs(tmp_path: Path) -> None:
    with service(tmp_path, "--models", "live") as running, opened(running, key=None) as socket:
        told(socket, "ready")
        assert running.stop() == 0
        with pytest.raises(ConnectionClosed):
            told(socket, "nothing more")
        assert socket.close_code == 1012
