from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from nst_engine.errors import MissingDependencyError, OutputError
from nst_engine.video import VIDEO_SUFFIXES, check_video_writing, write_video

FPS, HELD = 10, 5
COLORS = ((200, 40, 40), (40, 180, 60), (50, 60, 210), (230, 230, 90))


def frames(height: int, width: int) -> list[NDArray[np.uint8]]:
    return [np.full((height, width, 3), color, np.uint8) for color in COLORS]


def as_uint8(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def decoded(path: Path) -> tuple[list[NDArray[np.uint8]], float]:
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
        assert rate is not None
        assert not container.streams.audio
        return [as_uint8(frame) for frame in container.decode(video=0)], float(rate)


@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 63), (33, 48), (48, 33)])
def test_a_video_holds_the_frames(tmp_path: Path, height: int, width: int) -> None:
    path = tmp_path / "päinting.mp4"
    write_video(path, iter(frames(height, width)), fps=FPS, hold_seconds=HELD / FPS)
    result, fps = decoded(path)
    assert len(result) == len(COLORS) + HELD
    assert fps == FPS
    assert {frame.shape for frame in result} == {(height + height % 2, width + width % 2, 3)}
    for frame, color in zip(result, [*COLORS, *[COLORS[-1]] * HELD], strict=True):
        assert np.abs(frame.astype(int) - color).mean() < 6
    assert list(tmp_path.iterdir()) == [path]


def test_an_older_video_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"old")
    write_video(path, frames(16, 16), fps=FPS)
    assert len(decoded(path)[0]) == len(COLORS) + 15
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"video\.mp4"):
        write_video(tmp_path / "nowhere" / "video.mp4", frames(16, 16), fps=FPS)
    assert not list(tmp_path.iterdir())


def test_frames_that_fail_leave_nothing_and_the_older_video(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"old")

    def failing() -> Iterator[NDArray[np.uint8]]:
        yield from frames(16, 16)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(path, failing(), fps=FPS)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_without_pyav_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_video_writing()
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r"pip install .*\[video\]'"):
        check_video_writing()
    with pytest.raises(MissingDependencyError, match=r"\.gif or \.webp"):
        write_video(tmp_path / "video.mp4", frames(16, 16), fps=FPS)
    assert VIDEO_SUFFIXES == (".mp4",)
