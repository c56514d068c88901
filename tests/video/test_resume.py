"""A run that is stopped at any time is gone on with, and nobody sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from moving_clips import Identity, Tone, decoded_frames, decoded_sound, pictures, write_clip
from numpy.typing import NDArray

import nst_engine
from nst_engine import Stylizer
from nst_engine.catalogue import content_path
from nst_engine.errors import OptionError, OutputError
from nst_engine.image import Animation, load_image
from nst_engine.video import VideoOptions, VideoProgress, finished_frames, paint_video, stylize_video, work_folder
from nst_engine.video.segments import SEGMENT_FRAMES

COUNT = 2 * SEGMENT_FRAMES + 40
RESUME = VideoOptions(resume=True)


class Stopped(Exception):  # noqa: N818
    """Stands for whatever ends a run."""


class Stopping(Identity):
    """Paints so many frames, waits until their segments are closed, and stops."""

    def __init__(self, output: Path, after: int, finished: int, error: type[BaseException] = Stopped) -> None:
        super().__init__()
        self._output, self._after, self._finished, self._error = output, after, finished, error

    def stylize_frame(self, frame: NDArray[np.uint8], out: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.frames == self._after:
            deadline = time.monotonic() + 30
            while (finished_frames(self._output) or 0) < self._finished and time.monotonic() < deadline:
                time.sleep(0.005)
            raise self._error
        return super().stylize_frame(frame, out)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(
        tmp_path_factory.mktemp("clip") / "in.mp4",
        pictures(COUNT, 32, 48),
        pts=[500 * i + 7 * (i % 3) for i in range(COUNT)],
        sounds=[Tone(seconds=3.0)],
    )


def stop(source: Path, output: Path, after: int, finished: int, error: type[BaseException] = Stopped) -> None:
    with pytest.raises(error):
        paint_video(source, output, Stopping(output, after, finished, error))
    assert not output.exists()


def assert_same(one: Path, other: Path) -> None:
    (times, frames), (other_times, other_frames) = decoded_frames(one), decoded_frames(other)
    assert times == other_times
    assert len(frames) == COUNT
    for frame, expected in zip(frames, other_frames, strict=True):
        np.testing.assert_array_equal(frame, expected)
    np.testing.assert_array_equal(decoded_sound(one)[1], decoded_sound(other)[1])


@pytest.mark.parametrize(("after", "kept"), [(SEGMENT_FRAMES + 20, 1), (COUNT - 3, 2), (30, 0)])
def test_a_resumed_run_gives_the_same(tmp_path: Path, clip: Path, after: int, kept: int) -> None:
    whole, output = tmp_path / "whole.mp4", tmp_path / "öut.mp4"
    paint_video(clip, whole, Identity())
    stop(clip, output, after, kept * SEGMENT_FRAMES)
    assert finished_frames(output) == (kept * SEGMENT_FRAMES or None)
    assert len(list(tmp_path.iterdir())) == 1 + bool(kept)
    painter = Identity()
    result = paint_video(clip, output, painter, options=RESUME)
    assert (result.frames, result.resumed_frames) == (COUNT, kept * SEGMENT_FRAMES)
    assert painter.frames == COUNT - kept * SEGMENT_FRAMES
    assert_same(output, whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["whole.mp4", "öut.mp4"]


@pytest.mark.parametrize("ends_in_a_scene", [False, True])
def test_the_texture_goes_on_where_it_was(tmp_path: Path, ends_in_a_scene: bool) -> None:
    """Where a network's texture lies depends on how far the camera has moved since the scene began."""
    photo, frames = load_image(content_path("coffee")).pixels, []
    for number in range(COUNT):
        top, left = 40 + number // 4, 60 + int(30 * np.sin(number / 15))
        frames.append(photo[top : top + 64, left : left + 96])
    if ends_in_a_scene:  # that is short enough to be painted again as a whole
        frames[SEGMENT_FRAMES - 2 :] = [frame[::-1] for frame in frames[SEGMENT_FRAMES - 2 :]]
    source, output, whole = write_clip(tmp_path / "in.mp4", frames), tmp_path / "out.mp4", tmp_path / "whole.mp4"

    def stop_at(progress: VideoProgress) -> None:
        if progress.frames == SEGMENT_FRAMES + 30:
            raise Stopped

    options = VideoOptions(crf=0, resume=True)  # whatever an encoder loses, it loses elsewhere each time
    with Stylizer("bundled:live", device="cpu", threads=1) as stylizer:
        stylize_video(source, whole, stylizer, "scream", options=options)
        with pytest.raises(Stopped):
            stylize_video(source, output, stylizer, "scream", options=options, on_progress=stop_at)
        result = stylize_video(source, output, stylizer, "scream", options=options)
    assert result.resumed_frames == SEGMENT_FRAMES
    for one, other in zip(decoded_frames(whole)[1], decoded_frames(output)[1], strict=True):
        assert np.abs(one.astype(int) - other).mean() < 0.5  # of 255; at another place it is 10


def test_a_killed_process_is_gone_on_with(tmp_path: Path, clip: Path) -> None:
    output, whole = tmp_path / "out.mkv", tmp_path / "whole.mkv"
    paint_video(clip, whole, Identity())
    program = (
        "import sys, time; sys.path[:0] = sys.argv[3:]\n"
        "from moving_clips import Identity\n"
        "from nst_engine.video import paint_video\n"
        "class Slow(Identity):\n"
        "    def stylize_frame(self, frame, out):\n"
        "        time.sleep(0.004)\n"
        "        return super().stylize_frame(frame, out)\n"
        "paint_video(sys.argv[1], sys.argv[2], Slow())\n"
    )
    folders = [str(Path(__file__).parents[1]), str(Path(nst_engine.__file__).parents[1])]
    process = subprocess.Popen([sys.executable, "-c", program, str(clip), str(output), *folders])
    try:
        deadline = time.monotonic() + 60
        while not finished_frames(output):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.005)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert not output.exists()
    painter = Identity()
    result = paint_video(clip, output, painter, options=RESUME)
    assert 0 < result.resumed_frames < COUNT
    assert painter.frames == COUNT - result.resumed_frames
    assert_same(output, whole)


def test_a_line_that_was_cut_off_and_a_lost_file_cost_only_their_parts(tmp_path: Path, clip: Path) -> None:
    output = tmp_path / "out.mp4"
    stop(clip, output, COUNT - 3, 2 * SEGMENT_FRAMES)
    folder = work_folder.folder_beside(output)
    log = folder / "work.jsonl"
    log.write_bytes(log.read_bytes()[:-9])
    (folder / "000001.part").write_bytes(b"half a segm")
    (folder / "whole.mp4").write_bytes(b"half a file")
    result = paint_video(clip, output, Identity(), options=RESUME)
    assert (result.frames, result.resumed_frames) == (COUNT, SEGMENT_FRAMES)
    stop(clip, tmp_path / "other.mp4", COUNT - 3, 2 * SEGMENT_FRAMES)
    next(work_folder.folder_beside(tmp_path / "other.mp4").glob("000000*")).unlink()
    assert paint_video(clip, tmp_path / "other.mp4", Identity(), options=RESUME).resumed_frames == 0


def test_without_resume_it_is_begun_anew_and_said(tmp_path: Path, clip: Path) -> None:
    output = tmp_path / "out.mp4"
    stop(clip, output, SEGMENT_FRAMES + 20, SEGMENT_FRAMES)
    messages: list[str] = []
    result = paint_video(clip, output, Identity(), on_note=messages.append)
    assert result.resumed_frames == 0
    assert "unfinished work of an earlier run is thrown away" in messages[0]
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_other_options_or_another_input_are_refused(tmp_path: Path, clip: Path) -> None:
    output = tmp_path / "out.mp4"
    source = tmp_path / "in.mp4"
    source.write_bytes(clip.read_bytes())
    stop(source, output, SEGMENT_FRAMES + 20, SEGMENT_FRAMES)

    class Other(Identity):
        @property
        def settings(self) -> Mapping[str, Any]:
            return {"painter": "other"}

    with pytest.raises(OptionError, match=r"crf: 17 then, 20 now.*leave out `resume`"):
        paint_video(source, output, Identity(), options=VideoOptions(resume=True, crf=20))
    with pytest.raises(OptionError, match="painter: identity then, other now"):
        paint_video(source, output, Other(), options=RESUME)
    write_clip(source, pictures(10, 32, 48))
    with pytest.raises(OptionError, match="begun from another input"):
        paint_video(source, output, Identity(), options=RESUME)
    assert finished_frames(output) == SEGMENT_FRAMES


def test_two_runs_do_not_work_on_one_output(tmp_path: Path, clip: Path) -> None:
    output = tmp_path / "out.mp4"
    painting, may_end = threading.Event(), threading.Event()

    class Waiting(Identity):
        def stylize_frame(self, frame: NDArray[np.uint8], out: NDArray[np.uint8]) -> NDArray[np.uint8]:
            painting.set()
            may_end.wait(30)
            return super().stylize_frame(frame, out)

    first = threading.Thread(target=paint_video, args=(clip, output, Waiting()))
    first.start()
    try:
        assert painting.wait(30)
        for options in (VideoOptions(), RESUME):
            with pytest.raises(OutputError, match="another run is at work"):
                paint_video(clip, output, Identity(), options=options)
    finally:
        may_end.set()
        first.join()
    assert len(decoded_frames(output)[0]) == COUNT


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animations_are_gone_on_with_frame_by_frame(tmp_path: Path, clip: Path, suffix: str) -> None:
    whole, output = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    part = VideoOptions(end=0.5)
    paint_video(clip, whole, Identity(), options=part)
    with pytest.raises(Stopped):
        paint_video(clip, output, Stopping(output, 9, 6), options=part)
    kept = finished_frames(output)
    assert kept is not None
    assert 6 <= kept <= 9
    result = paint_video(clip, output, Identity(), options=VideoOptions(end=0.5, resume=True))
    assert result.resumed_frames == kept
    assert output.read_bytes() == whole.read_bytes()
    assert len(list(Animation(output))) == result.frames


def test_a_painter_with_memory_sees_the_frames_before_again(tmp_path: Path, clip: Path) -> None:
    output = tmp_path / "out.mp4"
    stop(clip, output, SEGMENT_FRAMES + 20, SEGMENT_FRAMES)

    class Remembering(Identity):
        memory_frames = 5

    painter = Remembering()
    result = paint_video(clip, output, painter, options=RESUME)
    assert (result.frames, painter.frames, painter.resets) == (COUNT, COUNT - SEGMENT_FRAMES + 5, 1)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_whatever_stops_a_run_leaves_no_thread(tmp_path: Path, clip: Path, error: type[BaseException]) -> None:
    before = threading.active_count()
    stop(clip, tmp_path / "out.mp4", SEGMENT_FRAMES + 20, SEGMENT_FRAMES, error)
    assert threading.active_count() == before


def test_a_full_disk_keeps_what_is_finished(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "out.mp4"

    def no_room(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    real: Callable[..., Any] = nst_engine.video.segments.mux  # type: ignore[attr-defined]
    monkeypatch.setattr("nst_engine.video.segments.mux", no_room)
    with pytest.raises(OutputError, match=r"out\.mp4: cannot be written \(No space left on device\)"):
        paint_video(clip, output, Identity())
    assert finished_frames(output) == COUNT
    monkeypatch.setattr("nst_engine.video.segments.mux", real)
    painter = Identity()
    assert paint_video(clip, output, painter, options=RESUME).frames == COUNT
    assert painter.frames == 0
