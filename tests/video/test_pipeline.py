"""Three stages at the same time, which end together."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from nst_engine.video.frames import Frame
from nst_engine.video.pipeline import QUEUE_FRAMES, run_pipeline


def frames(count: int, *, fails_at: int | None = None, error: type[BaseException] = ValueError) -> Iterator[Frame]:
    for index in range(count):
        if index == fails_at:
            raise error("decoding")
        yield Frame(np.full((2, 2, 3), index, np.uint8), None, index, 1, index, index + 1)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


def test_all_frames_come_through_in_order() -> None:
    written: list[int] = []
    seconds = run_pipeline(frames(50), lambda frame: frame, lambda frame: written.append(frame.pts))
    assert written == list(range(50))
    assert min(seconds.decode, seconds.paint, seconds.encode) >= 0


def test_frames_that_are_painted_for_nothing_are_not_written() -> None:
    written: list[int] = []
    run_pipeline(frames(6), lambda frame: frame if frame.index > 2 else None, lambda frame: written.append(frame.pts))
    assert written == [3, 4, 5]


def test_no_frames_are_no_trouble() -> None:
    run_pipeline(frames(0), lambda frame: frame, lambda frame: None)


def test_the_stages_work_at_the_same_time_and_do_not_run_away() -> None:
    """Each waits for what only another one can do in the meantime."""
    decoded, may_paint, stylized = threading.Event(), threading.Event(), threading.Event()
    ahead: list[int] = []

    def source() -> Iterator[Frame]:
        for frame in frames(40):
            ahead.append(frame.index)
            if frame.index == 2:
                decoded.set()
            yield frame

    def paint(frame: Frame) -> Frame:
        if frame.index == 0:
            assert decoded.wait(20), "nothing is decoded while a frame is painted"
            may_paint.set()
        if frame.index == 3:
            stylized.set()
        assert len(ahead) - frame.index <= QUEUE_FRAMES + 2
        return frame

    def write(frame: Frame) -> None:
        if frame.index == 0:
            assert stylized.wait(20), "nothing is painted while a frame is written"

    run_pipeline(source(), paint, write)


@pytest.mark.parametrize("stage", ["decoding", "painting", "writing"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError])
def test_an_error_in_any_stage_ends_all(stage: str, error: type[BaseException]) -> None:
    def paint(frame: Frame) -> Frame:
        if stage == "painting" and frame.index == 9:
            raise error("painting")
        return frame

    def write(frame: Frame) -> None:
        if stage == "writing" and frame.index == 9:
            raise error("writing")

    with pytest.raises(error, match=stage):
        run_pipeline(frames(100, fails_at=9 if stage == "decoding" else None, error=error), paint, write)


def test_the_first_error_is_raised() -> None:
    def paint(frame: Frame) -> Frame:
        time.sleep(0.01)
        return frame

    def write(frame: Frame) -> None:
        raise OSError("writing")

    with pytest.raises(OSError, match="writing"):
        run_pipeline(frames(1000, fails_at=900), paint, write)


def test_an_error_after_the_last_frame_is_raised() -> None:
    def write(frame: Frame) -> None:
        if frame.index == 4:
            time.sleep(0.05)
            raise OSError("the last one")

    with pytest.raises(OSError, match="the last one"):
        run_pipeline(frames(5), lambda frame: frame, write)
