"""Cameras that are slow, stall, die and come back."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nst_engine.errors import OptionError
from nst_engine.video import write_video
from nst_engine.webcam import camera as camera_module
from nst_engine.webcam.camera import Camera, Captured
from nst_engine.webcam.newest import Newest
from nst_engine.webcam.source import OpenCvSource


class FakeSource:
    """Gives numbered frames; `fails`, `hangs` and `is_absent` are for the tests to change."""

    def __init__(self, *, is_live: bool = True, period_s: float = 0.005) -> None:
        self.label, self.is_live, self.fps = "camera 7", is_live, 200.0
        self.fails = self.is_absent = False
        self.hangs = threading.Event()
        self.hangs.set()
        self.opened = 0
        self.reads = 0
        self._period_s = period_s

    def open(self) -> None:
        if self.is_absent:
            raise OptionError("`camera='7'`: there is no such camera")
        self.fails = False
        self.opened += 1

    def read(self) -> NDArray[np.uint8] | None:
        time.sleep(self._period_s)
        self.hangs.wait()
        self.reads += 1
        return None if self.fails else np.full((4, 6, 3), (self.reads % 256, self.reads // 256, 0), np.uint8)

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_module, "_RETRY_S", 0.01)


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to be")


def test_only_the_newest_is_kept() -> None:
    place = Newest[int]()
    for number in range(5):
        place.put(number)
    assert (place.take(1), place.dropped) == (4, 4)
    assert place.take(0.01) is None
    place.put(5)
    place.close()
    assert not place.is_over
    assert place.take(1) == 5
    assert place.is_over


def number_of(captured: Captured | None) -> int:
    assert captured is not None
    low, high, _ = captured.pixels[0, 0]
    return int(low) + 256 * int(high)


def test_a_reader_that_is_slow_gets_the_newest_frame() -> None:
    source = FakeSource()
    with Camera(source) as camera:
        first = number_of(camera.frames.take(1))
        wait_for(lambda: source.reads >= first + 10)
        read = source.reads
        later = number_of(camera.frames.take(1))
        assert later >= read - 1  # the one that was read last may not have been put down yet
        assert camera.frames.dropped >= later - 2  # all others of so many, but for these two
        # a busy machine may not have run the camera's thread for long: that is a stall, and passes
        wait_for(lambda: (camera.state, camera.message) == ("running", ""))


def test_a_camera_that_stalls_is_told_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_module, "STALL_S", 0.1)
    source = FakeSource()
    with Camera(source) as camera:
        source.hangs.clear()
        wait_for(lambda: camera.state == "stalled")
        assert camera.message.startswith("camera 7: no picture for")
        source.hangs.set()
        wait_for(lambda: camera.state == "running")


def test_a_camera_that_is_unplugged_comes_back() -> None:
    source = FakeSource()
    with Camera(source) as camera:
        source.is_absent = source.fails = True
        wait_for(lambda: camera.state == "lost")
        assert camera.message == "camera 7: gone; plug it in again, it will be found"
        assert not camera.frames.is_over
        source.is_absent = False
        wait_for(lambda: camera.state == "running")
        assert (camera.reconnected, source.opened) == (1, 2)
        camera.frames.take(0.01)
        assert camera.frames.take(1) is not None


def test_a_camera_that_is_lost_can_be_closed() -> None:
    source = FakeSource()
    with Camera(source) as camera:
        source.is_absent = source.fails = True
        wait_for(lambda: camera.state == "lost")
    assert threading.active_count() < 20
    assert "camera" not in {thread.name for thread in threading.enumerate()}


def test_a_file_ends() -> None:
    source = FakeSource(is_live=False)
    with Camera(source) as camera:
        assert camera.frames.take(1) is not None
        source.fails = True
        wait_for(lambda: camera.frames.take(0.05) is None and camera.state == "ended")
        assert camera.message == "camera 7: has ended"


def test_a_file_is_read_at_its_own_speed(tmp_path: Path) -> None:
    clip = tmp_path / "clip é.mp4"
    write_video(clip, (np.full((48, 64, 3), 20 * number, np.uint8) for number in range(10)), fps=10, hold_seconds=0)
    source = OpenCvSource(str(clip))
    times = []
    with Camera(source) as camera:
        while (captured := camera.frames.take(1)) is not None:
            assert captured.pixels.shape == (48, 64, 3)
            times.append(captured.at)
    assert source.fps == 10
    # on a busy machine frames are read late; then two may come at once, of which the newer one is taken
    assert len(times) + camera.frames.dropped == 10
    assert 0.85 < times[-1] - times[0] < 3


def test_a_file_stands_at_its_first_frame_until_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    source = FakeSource(is_live=False)
    with Camera(source) as camera:
        first = camera.frames.look(1)
        assert first is not None
        time.sleep(0.3)  # a model warms up
        with monkeypatch.context() as busy:  # a machine where the camera's thread has not run for long
            busy.setattr("nst_engine.webcam.camera.STALL_S", 0.0)
            assert (source.reads, camera.state) == (1, "running")
        taken = camera.frames.take(1)
        assert taken is not None
        assert taken.pixels[0, 0, 0] == 1
        assert taken.at - first.at > 0.2
        wait_for(lambda: source.reads > 3)


def test_a_file_of_one_picture_or_none_is_refused(tmp_path: Path) -> None:
    for count, message in ((1, r"holds one picture only; type: nst stylize .*photo\.png"), (0, "gives no pictures")):
        source = OpenCvSource(str(tmp_path / "photo.png"))
        left = iter(range(count))
        source.read = lambda left=left: None if next(left, None) is None else np.zeros((4, 4, 3), np.uint8)  # type: ignore[method-assign, misc]
        with pytest.raises(OptionError, match=message):
            source.check_moves()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.mp4", "`camera='nowhere.mp4'`: no such file"),
        ("77", "`camera='77'`: there is no such camera; connected:"),
        ("/dev/video77", "`camera='/dev/video77'`: there is no such camera"),
        ("rtsp://127.0.0.1:9/none", "`camera='rtsp://127.0.0.1:9/none'`: does not answer"),
    ],
)
def test_a_camera_that_is_not_there_is_told(name: str, message: str) -> None:
    with pytest.raises(OptionError, match=message.replace(".", r"\.")):
        OpenCvSource(name).open()


def test_a_file_that_is_no_video_is_told(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    with pytest.raises(OptionError, match="cannot be read as a video"):
        OpenCvSource(str(path)).open()


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".txt"])
def test_a_list_of_other_files_is_no_camera(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "video_codec;h264")
    secret = tmp_path / "secret.mp4"
    write_video(secret, (np.full((48, 64, 3), 20 * number, np.uint8) for number in range(10)), fps=10, hold_seconds=0)
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n"
    listed = tmp_path / f"list{suffix}"
    listed.write_text(playlist if suffix == ".m3u8" else "ffconcat version 1.0\nfile secret.mp4\n")
    with pytest.raises(OptionError, match="cannot be read as a video"):
        OpenCvSource(str(listed)).open()
    source = OpenCvSource(str(secret))
    source.open()
    assert source.read() is not None
    assert os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] == "video_codec;h264"  # for other files and addresses
