"""The style changes over the time of a video, and at each time it is the same whichever part is rendered."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from moving_clips import Identity, pictures, times_of, write_clip
from PIL import Image
from tiny_models import expected_pixels, write_own

from nst_engine import StyleKeyframe, Stylizer, VideoOptions, stylize_video
from nst_engine.errors import OptionError, StyleNotFoundError
from nst_engine.image import Animation, load_image
from nst_engine.video.keyframes import StyleTimeline

WAVE_TO_SCREAM = (StyleKeyframe(0.2, "wave"), StyleKeyframe(0.8, "scream"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Stylizer:
    return Stylizer(write_own(tmp_path_factory.mktemp("model")), device="cpu")


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures for a second."""
    folder = tmp_path_factory.mktemp("stills")
    for number, frame in enumerate(pictures(10), 1):
        Image.fromarray(frame).save(folder / f"{number}.png")
    return folder / "%d.png"


def scream_at(seconds: float) -> float:
    """Its share between the keyframes."""
    return min(1.0, max(0.0, (seconds - 0.2) / 0.6))


def test_between_keyframes_the_blend_is_linear_and_outside_constant(tiny: Stylizer) -> None:
    timeline = StyleTimeline(WAVE_TO_SCREAM[::-1], tiny)  # in any order
    for seconds in (0.0, 0.2, 0.35, 0.5, 0.8, 99.0):
        share = scream_at(seconds)
        expected = {"wave": 1 - share, "scream": share, "poppies": 0.0}
        np.testing.assert_allclose(timeline.at(seconds).weights[0], list(expected.values()), atol=1e-6)
        shares = timeline.at(seconds).shares
        assert {name: shares.get(name, 0.0) for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("part", [(None, None), (0.3, 0.8)])
def test_each_frame_has_the_style_of_its_time_in_the_source(
    tmp_path: Path, tiny: Stylizer, stills: Path, part: tuple[float | None, float | None]
) -> None:
    options = VideoOptions(fps=10, start=part[0], end=part[1])
    result = stylize_video(
        stills, tmp_path / "%d.png", tiny, keyframes=WAVE_TO_SCREAM, stability="off", options=options
    )
    first = round(10 * (part[0] or 0))
    assert result.frames == (5 if part[0] else 10)
    for place in range(result.frames):
        share = scream_at((first + place) / 10)
        expected = expected_pixels(pictures(10)[first + place], {"wave": 1 - share, "scream": share})
        actual = load_image(tmp_path / f"{first + place + 1}.png").pixels.astype(int)
        assert np.abs(actual - expected).max() <= 1


def test_gifs_and_smoothed_frames_change_likewise(tmp_path: Path, tiny: Stylizer, stills: Path) -> None:
    options = VideoOptions(fps=10)
    stylize_video(stills, tmp_path / "a.webp", tiny, keyframes=WAVE_TO_SCREAM, stability="low", options=options)
    frames = [frame.pixels.astype(float) for frame in Animation(tmp_path / "a.webp")]
    begun, ended = (expected_pixels(pictures(10)[place], {name: 1.0}) for place, name in ((0, "wave"), (9, "scream")))
    assert float(np.abs(frames[0] - begun).mean()) < 6
    assert float(np.abs(frames[9] - ended).mean()) < 6


def test_the_first_times_of_broadcasts_are_no_times_of_the_clip(tmp_path: Path, tiny: Stylizer) -> None:
    late = [90_000 + 3000 * i for i in range(30)]
    source = write_clip(tmp_path / "in.ts", pictures(30), pts=late, time_base=Fraction(1, 90_000))
    stylize_video(source, tmp_path / "%d.png", tiny, keyframes=WAVE_TO_SCREAM, stability="off")
    last = load_image(tmp_path / "30.png").pixels.astype(float)
    assert float(np.abs(last - expected_pixels(pictures(30)[29], {"scream": 1.0})).mean()) < 4


def test_a_run_that_was_stopped_goes_on_with_the_style_of_the_time(tmp_path: Path, tiny: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(180))  # three segments
    changing = (StyleKeyframe(0, "wave"), StyleKeyframe(6, "scream"))
    whole, output = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    stylize_video(source, whole, tiny, keyframes=changing, stability="off")

    def stop(progress: object) -> None:
        if getattr(progress, "frames", 0) == 150:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stylize_video(source, output, tiny, keyframes=changing, stability="off", on_progress=stop)
    options = VideoOptions(resume=True)
    with pytest.raises(OptionError, match=r"begun with other options \(style: "):
        stylize_video(source, output, tiny, keyframes=changing[:1], stability="off", options=options)
    result = stylize_video(source, output, tiny, keyframes=changing, stability="off", options=options)
    assert result.resumed_frames >= 60
    assert output.read_bytes() == whole.read_bytes()


def test_keyframes_behind_the_end_are_told_of(tmp_path: Path, tiny: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(30))
    messages: list[str] = []
    late = (StyleKeyframe(0, "wave"), StyleKeyframe(1.02, "scream"), StyleKeyframe(70, "poppies"))
    stylize_video(source, tmp_path / "out.mp4", tiny, keyframes=late, on_note=messages.append)
    (note,) = messages
    assert "keyframes at 70 s come after the painted part, which ends at about 1.0 s" in note
    options = VideoOptions(start=0.5)
    assert not stylize_video(source, tmp_path / "b.mp4", tiny, keyframes=late[:2], options=options).notes
    assert times_of(tmp_path / "b.mp4")[0] == 0


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e9, "5", True])
def test_times_that_are_none(seconds: float) -> None:
    with pytest.raises(OptionError, match=r"keyframe: .* came; wanted a number from 0 to"):
        StyleKeyframe(seconds, "wave")


def test_keyframes_that_cannot_be(tmp_path: Path, tiny: Stylizer) -> None:
    source, output = write_clip(tmp_path / "in.mp4", pictures(3)), tmp_path / "out.mp4"
    with pytest.raises(OptionError, match="two at 2 s"):
        stylize_video(source, output, tiny, keyframes=[StyleKeyframe(2, "wave"), StyleKeyframe(2.0, "scream")])
    with pytest.raises(OptionError, match="style and keyframes: both came"):
        stylize_video(source, output, tiny, "wave", keyframes=WAVE_TO_SCREAM)
    with pytest.raises(StyleNotFoundError, match="did you mean scream"):
        stylize_video(source, output, tiny, keyframes=[StyleKeyframe(2, "screm")])
    with pytest.raises(OptionError, match="none came"):
        StyleTimeline([], tiny)
    assert not output.exists()
    assert not hasattr(Identity(), "go_to")  # painters of others need not know of times
