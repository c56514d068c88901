"""Videos that name other files or addresses: nothing of it is read, and nobody is asked."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from cli.running import code_of, painting
from tiny_models import write_own

from nst_engine.video import write_video

from .jobs_of import begin, wait_for
from .running import Service, service

#: `ftyp` of an MP4, by which a list looks like a video.
DISGUISE = b"\0\0\0\x14ftypisom\0\0\2\0isom"


class Listener:
    """Counts who comes to an address of the loopback."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self.port, self.came, self._is_over = self._socket.getsockname()[1], 0, threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while not self._is_over.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            self.came += 1
            connection.close()

    def close(self) -> None:
        self._is_over.set()
        self._thread.join()
        self._socket.close()


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "secret.mp4"
    write_video(path, [np.roll(painting(64, 96), 9 * number, 1) for number in range(6)], fps=12)
    return path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("service"), "--models", "live") as started:
        yield started


@pytest.fixture
def client(running: Service) -> Iterator[httpx.Client]:
    with running.client() as client:
        yield client


def with_data_elsewhere(video: bytes, address: bytes) -> bytes:
    """An MP4 that says that its frames are at an address (`dref`, ISO/IEC 14496-12)."""
    place = video.rindex(b"url ", 0, video.rindex(b"stbl"))
    moved = bytearray(video[: place + 4] + bytes(4) + address + b"\0" + video[place + 8 :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref", b"url "):
        size = video.rindex(box, 0, place + 4) - 4
        old = int.from_bytes(moved[size : size + 4], "big")
        moved[size : size + 4] = (old + len(address) + 1).to_bytes(4, "big")
    return bytes(moved)


LISTS: dict[str, Callable[[str], str]] = {
    "HLS": lambda name: f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{name}\n#EXT-X-ENDLIST\n",
    "HLS with a key": lambda name: f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{name}"\n#EXTINF:9,\n{name}\n',
    "HLS of lists": lambda name: f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{name}\n",
    "concat": lambda name: f"ffconcat version 1.0\nfile '{name}'\n",
    "DASH": lambda name: (
        f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        f"<AdaptationSet><Representation><BaseURL>{name}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    ),
    "SDP": lambda name: f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video {name} RTP/AVP 96\n",
    "XSPF with an entity": lambda name: (
        f'<?xml version="1.0"?><!DOCTYPE p [<!ENTITY x SYSTEM "{name}">]><playlist><location>&x;</location></playlist>'
    ),
    "PLS": lambda name: f"[playlist]\nFile1={name}\nNumberOfEntries=1\n",
    "EDL": lambda name: f"# mpv EDL v0\n{name},0,5\n",
    "an address alone": lambda name: name,
    "a chain of protocols": lambda name: f"concat:{name}|{name}",
}


def names_in(clip: Path, listener: Listener) -> list[str]:
    address = f"127.0.0.1:{listener.port}/video.mp4"
    return [f"http://{address}", f"tcp://{address}", f"rtmp://{address}", f"file:{clip}", str(clip), "/etc/passwd"]


@pytest.mark.parametrize("kind", LISTS)
def test_lists_of_other_files_are_no_videos(client: httpx.Client, clip: Path, listener: Listener, kind: str) -> None:
    for name in names_in(clip, listener)[:: 1 if kind == "HLS" else 3]:
        for begin_of_it in (b"", DISGUISE) if kind == "HLS" else (b"",):
            job = begin(client, "videos", begin_of_it + LISTS[kind](name).encode(), style="scream")
            failed = wait_for(client, job, "failed")
            assert failed["error"]["type"] == "VideoDecodeError", (name, failed)
            assert client.get(job["links"]["result"]).status_code == 422
    time.sleep(0.2)
    assert listener.came == 0


@pytest.mark.parametrize("scheme", ["http://127.0.0.1:{port}/x", "file:///etc/passwd", "/etc/passwd"])
def test_frames_that_are_elsewhere_are_not_fetched(
    client: httpx.Client, clip: Path, listener: Listener, scheme: str
) -> None:
    video = with_data_elsewhere(clip.read_bytes(), scheme.format(port=listener.port).encode())
    job = begin(client, "videos", video, style="scream")
    wait_for(client, job, "failed", "done")
    time.sleep(0.2)
    assert listener.came == 0


@pytest.mark.parametrize("kind", LISTS)
def test_the_command_reads_none_either(
    tmp_path: Path, clip: Path, listener: Listener, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    model: Any = write_own(tmp_path)
    for number, name in enumerate(names_in(clip, listener)):
        for suffix in (".mp4", ".m3u8"):
            source = tmp_path / f"list{number}{suffix}"
            source.write_text(LISTS[kind](name))
            assert code_of("video", source, "--model", model, "--style", "wave", "-o", tmp_path / "out.mp4") == 2
            assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out.mp4").exists()
    assert listener.came == 0
