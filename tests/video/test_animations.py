"""GIFs and animated WebPs, in and out."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from moving_clips import Identity, error_of, pictures, times_of, write_clip
from PIL import Image

from nst_engine.image import Animation
from nst_engine.video import VideoOptions, paint_video

DURATIONS = [20, 30, 70, 200, 40, 1500, 100, 60]


def animation(path: Path, *, has_holes: bool = False, loop: int | None = 0) -> Path:
    frames = pictures(len(DURATIONS))
    hole = np.zeros((48, 64), np.uint8)
    hole[:, 20:] = 255
    stills = [
        Image.fromarray(np.dstack([frame, np.roll(hole, 3 * i, 1)]) if has_holes else frame)
        for i, frame in enumerate(frames)
    ]
    options: dict[str, Any] = {} if loop is None else {"loop": loop}
    stills[0].save(path, save_all=True, append_images=stills[1:], duration=DURATIONS, disposal=2, **options)
    return path


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize("source_suffix", [".gif", ".webp"])
def test_durations_and_loops_stay(tmp_path: Path, source_suffix: str, suffix: str) -> None:
    source = animation(tmp_path / f"in{source_suffix}", loop=3)
    output = tmp_path / f"öut{suffix}"
    result = paint_video(source, output, Identity())
    assert result.frames == len(DURATIONS)
    actual = Animation(output)
    frames = list(actual)
    assert [frame.duration_ms for frame in frames] == DURATIONS
    assert actual.loop == 3
    for frame, expected in zip(frames, Animation(source), strict=True):
        assert error_of(frame.pixels, expected.pixels) < 8
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    with Image.open(output) as opened:
        assert opened.n_frames == len(DURATIONS)  # type: ignore[attr-defined]


def test_holes_stay_holes(tmp_path: Path) -> None:
    source = animation(tmp_path / "in.webp", has_holes=True)
    for suffix in (".webp", ".gif"):
        paint_video(source, tmp_path / f"out{suffix}", Identity())
        for actual, expected in zip(Animation(tmp_path / f"out{suffix}"), Animation(source), strict=True):
            assert actual.alpha is not None
            assert expected.alpha is not None
            np.testing.assert_array_equal(actual.alpha, expected.alpha)
    paint_video(source, tmp_path / "out.mp4", Identity())  # on white
    assert times_of(tmp_path / "out.mp4")[-1] == Fraction(sum(DURATIONS[:-1]), 1000)


def test_played_once_stays_so(tmp_path: Path) -> None:
    source = animation(tmp_path / "in.gif", loop=None)
    paint_video(source, tmp_path / "out.gif", Identity())
    assert Animation(tmp_path / "out.gif").loop is None


def test_a_video_becomes_a_gif_whose_rounded_times_add_up(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(31))
    paint_video(source, tmp_path / "out.gif", Identity())
    durations = [frame.duration_ms for frame in Animation(tmp_path / "out.gif")]
    assert set(durations) == {30, 40}
    assert sum(durations) == 1030
    assert Animation(tmp_path / "out.gif").loop == 0


def test_frames_that_viewers_would_slow_down_are_left_out(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(120, 32, 32), rate=Fraction(120))
    result = paint_video(source, tmp_path / "out.gif", Identity())
    durations = [frame.duration_ms for frame in Animation(tmp_path / "out.gif")]
    assert min(durations) >= 20
    assert abs(sum(durations) - 1000) <= 10
    assert len(durations) == result.frames < 60
    assert any("left out" in note for note in result.notes)


def test_a_part_and_a_smaller_size(tmp_path: Path) -> None:
    source = animation(tmp_path / "in.webp", has_holes=True)
    options = VideoOptions(start=0.05, end=0.4, max_side=32)
    result = paint_video(source, tmp_path / "out.webp", Identity(), options=options)
    assert (result.height, result.width) == (24, 32)
    assert [frame.duration_ms for frame in Animation(tmp_path / "out.webp")] == [70, 200, 40, 40]


def test_an_animated_png_is_read(tmp_path: Path) -> None:
    stills = [Image.fromarray(frame) for frame in pictures(4)]
    stills[0].save(tmp_path / "in.png", save_all=True, append_images=stills[1:], duration=120)
    paint_video(tmp_path / "in.png", tmp_path / "out.webp", Identity())
    assert [frame.duration_ms for frame in Animation(tmp_path / "out.webp")] == [120] * 4
