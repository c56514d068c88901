"""Frames are stylized in order, keep their channel order, and do not flicker."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_models import write_own

from nst_engine import ImageLimits, Stylizer
from nst_engine.catalogue import content_path
from nst_engine.errors import ImageTooLargeError, InferenceError, OptionError, StyleNotFoundError
from nst_engine.image import load_image, resize_image
from nst_engine.runtimes.session import Session
from nst_engine.video import FrameStylizer

Pixels = NDArray[np.uint8]
WHOLE = load_image(content_path("coffee")).pixels


@pytest.fixture(scope="module")
def live() -> Stylizer:
    return Stylizer("bundled:live", device="cpu")


@pytest.fixture
def tiny(tmp_path: Path) -> Stylizer:
    return Stylizer(write_own(tmp_path), device="cpu")


def panned(count: int, step: tuple[float, float] = (2.3, 1.6), noise: float = 2.0) -> list[Pixels]:
    """A camera that moves over a photo: what is at (x, y) was at (x + step) before."""
    rng = np.random.default_rng(0)
    frames = []
    for number in range(count):
        shift = np.array([[1.0, 0, 100 + number * step[0]], [0, 1, 60 + number * step[1]]])
        view = cv2.warpAffine(WHOLE, shift, (224, 160), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        frames.append(np.clip(np.rint(view + rng.normal(0, noise, view.shape)), 0, 255).astype(np.uint8))
    return frames


def warping_error(frames: list[Pixels], step: tuple[float, float] = (2.3, 1.6)) -> float:
    """Mean squared difference of frames from those before, warped along the true motion (Lai et al. 2018)."""
    back = np.array([[1.0, 0, step[0]], [0, 1, step[1]]])
    errors = []
    for before, now in itertools.pairwise(frames[2:]):
        warped = cv2.warpAffine(before, back, (224, 160), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        inner = (slice(8, -8), slice(8, -8))
        errors.append(float(np.square((now.astype(float) - warped)[inner] / 255).mean()))
    return float(np.mean(errors))


def test_frames_are_not_enlarged_beyond_the_limits_for_finer_strokes(tmp_path: Path) -> None:
    stylizer = Stylizer(write_own(tmp_path), device="cpu", limits=ImageLimits(max_pixels=90_000))
    frame = panned(1)[0]
    for stability in ("off", "low"):
        with pytest.raises(ImageTooLargeError, match=r"`stroke_size=0\.1` in a picture of \d+×\d+ px"):
            stylized(stylizer, [frame], stroke_size=0.1, stability=stability)


def stylized(stylizer: Stylizer, frames: list[Pixels], **options: Any) -> list[Pixels]:
    frame_stylizer = FrameStylizer(stylizer, "scream", channel_order="rgb", **options)
    return [frame_stylizer.stylize_frame(frame) for frame in frames]


def test_stability_takes_flicker_away(live: Stylizer) -> None:
    frames = panned(9)
    off, low, high = (warping_error(stylized(live, frames, stability=level)) for level in ("off", "low", "high"))
    assert low < 0.7 * off
    assert high < 0.5 * off


def test_noise_on_what_stands_is_not_painted(live: Stylizer) -> None:
    frames = panned(8, (0, 0), noise=3.0)
    off, low = (stylized(live, frames, stability=level) for level in ("off", "low"))
    assert warping_error(low, (0, 0)) < 0.1 * warping_error(off, (0, 0))


def test_off_paints_each_frame_by_itself(tiny: Stylizer) -> None:
    frame_stylizer = FrameStylizer(tiny, "wave", stability="off", channel_order="rgb")
    for frame in panned(3):
        np.testing.assert_array_equal(frame_stylizer.stylize_frame(frame), tiny.stylize(frame, "wave").pixels)


@pytest.mark.parametrize("stability", ["off", "low", "high"])
def test_bgr_is_rgb_with_its_channels_exchanged(tiny: Stylizer, stability: Any) -> None:
    rgb = FrameStylizer(tiny, "wave", stability=stability, channel_order="rgb")
    bgr = FrameStylizer(tiny, "wave", stability=stability)
    for frame in panned(3):
        swapped = np.ascontiguousarray(frame[..., ::-1])
        np.testing.assert_array_equal(bgr.stylize_frame(swapped)[..., ::-1], rgb.stylize_frame(frame))


@pytest.mark.parametrize("stability", ["off", "low", "high"])
@pytest.mark.parametrize("order", ["bgr", "rgb"])
def test_a_result_is_not_written_to_again(tiny: Stylizer, stability: Any, order: Any) -> None:
    frame_stylizer = FrameStylizer(tiny, "wave", stability=stability, channel_order=order)
    pairs: list[tuple[Pixels, Pixels]] = []
    for frame in panned(4):
        before = frame.copy()
        result = frame_stylizer.stylize_frame(frame)
        np.testing.assert_array_equal(frame, before)
        pairs.append((result, result.copy()))
        frame[...] = 0  # the caller's memory again
    for result, copy in pairs:
        np.testing.assert_array_equal(result, copy)


@pytest.mark.parametrize("stability", ["off", "low"])
def test_out_is_filled(tiny: Stylizer, stability: Any) -> None:
    frames = panned(3)
    out = np.empty_like(frames[0])
    filled = FrameStylizer(tiny, "wave", stability=stability)
    fresh = FrameStylizer(tiny, "wave", stability=stability)
    for frame in frames:
        assert filled.stylize_frame(frame, out) is out
        np.testing.assert_array_equal(out, fresh.stylize_frame(frame))
    with pytest.raises(OptionError, match="out: came"):
        filled.stylize_frame(frames[0], out[:-1])


@pytest.mark.parametrize(
    "wrong", [None, np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3)), np.zeros((9, 9, 4), np.uint8)]
)
def test_what_is_no_frame_is_refused_and_changes_nothing(tiny: Stylizer, wrong: Any) -> None:
    first, second = panned(2)
    undisturbed, disturbed = (FrameStylizer(tiny, "wave", stability="low") for _ in range(2))
    for stylizer in (undisturbed, disturbed):
        stylizer.stylize_frame(first)
    with pytest.raises(OptionError, match=r"frame: came .*wanted uint8 H×W×3"):
        disturbed.stylize_frame(wrong)
    np.testing.assert_array_equal(disturbed.stylize_frame(second), undisturbed.stylize_frame(second))


def test_a_cut_begins_anew(live: Stylizer) -> None:
    other = load_image(content_path("rocket")).pixels[:160, :224].copy()
    frame_stylizer = FrameStylizer(live, "scream", stability="high", channel_order="rgb")
    for frame in panned(4):
        frame_stylizer.stylize_frame(frame)
    assert frame_stylizer.cuts == 0
    after_cut = frame_stylizer.stylize_frame(other)
    assert frame_stylizer.cuts == 1
    alone = FrameStylizer(live, "scream", stability="high", channel_order="rgb").stylize_frame(other)
    np.testing.assert_array_equal(after_cut, alone)


def test_after_a_frame_that_failed_nothing_of_those_before_it_is_seen(
    tiny: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, failing, watching = panned(4), *(FrameStylizer(tiny, "wave", stability="low") for _ in range(2))
    for frame in frames[:3]:
        watching.watch_frame(frame)
    for frame in frames[:2]:
        failing.stylize_frame(frame)

    def fail(*_: Any) -> None:
        raise InferenceError("the device was lost")

    with monkeypatch.context() as patch:
        patch.setattr(Session, "run", fail)
        with pytest.raises(InferenceError):
            failing.stylize_frame(frames[2])
    np.testing.assert_array_equal(failing.stylize_frame(frames[3]), watching.stylize_frame(frames[3]))


def test_another_size_begins_anew(tiny: Stylizer) -> None:
    frame_stylizer = FrameStylizer(tiny, "wave", stability="low", channel_order="rgb")
    for frame in panned(2):
        frame_stylizer.stylize_frame(frame)
        small = np.ascontiguousarray(frame[:37, :51])
        again = FrameStylizer(tiny, "wave", stability="low", channel_order="rgb")
        np.testing.assert_array_equal(frame_stylizer.stylize_frame(small), again.stylize_frame(small))


def test_style_strength_and_colours_can_be_changed(tiny: Stylizer) -> None:
    frames = panned(4)
    changed = FrameStylizer(tiny, "wave", stability="low", channel_order="rgb")
    changed.stylize_frame(frames[0])
    changed.restyle({"scream": 1, "poppies": 1}, strength=0.5, preserve_color="luma")
    fresh = FrameStylizer(
        tiny, {"scream": 1, "poppies": 1}, stability="low", channel_order="rgb", strength=0.5, preserve_color="luma"
    )
    np.testing.assert_array_equal(changed.stylize_frame(frames[1]), fresh.stylize_frame(frames[1]))
    photo = FrameStylizer(tiny, "wave", stability="low", channel_order="rgb", strength=0.0)
    np.testing.assert_array_equal(photo.stylize_frame(frames[2]), frames[2])


@pytest.mark.parametrize("stability", ["off", "low"])
def test_a_changed_style_is_a_blend_over_so_many_frames(tiny: Stylizer, stability: Any) -> None:
    frame = panned(1)[0]
    painter = FrameStylizer(tiny, "wave", stability=stability, channel_order="rgb", strength=0.5)
    first = painter.stylize_frame(frame)
    painter.restyle("scream", strength=1.0, frames=4)
    assert painter.styles == {"scream": 1}
    actual = [painter.stylize_frame(frame) for _ in range(6)]
    if stability == "off":
        for number, pixels in enumerate(actual, 1):
            share = min(1, number / 4)
            mix = {"wave": 1 - share, "scream": share}
            expected = tiny.stylize(frame, mix, strength=0.5 + 0.5 * share).pixels
            assert float(np.abs(pixels.astype(int) - expected).max()) <= 1
    # each frame is nearer to the new style than the one before
    away = [float(np.abs(each.astype(int) - actual[-1]).mean()) for each in (first, *actual[:4])]
    assert away == sorted(away, reverse=True)
    assert away[0] > 10
    assert away[-1] < {"off": 0.1, "low": 0.3}[stability] * away[0]  # what is seen is behind by a frame or so
    # one that is not done yet is gone on from where it is
    painter.restyle("wave", frames=2)
    painter.stylize_frame(frame)
    painter.restyle("wave")
    again = FrameStylizer(tiny, "wave", stability=stability, channel_order="rgb")
    np.testing.assert_array_equal(painter.stylize_frame(frame), again.stylize_frame(frame))
    for frames in (-1, 1.5):
        with pytest.raises(OptionError, match="frames"):
            painter.restyle("wave", frames=frames)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (33, 17), (130, 70)])
@pytest.mark.parametrize("stability", ["off", "low", "high"])
def test_frames_of_any_size_are_painted(tiny: Stylizer, size: tuple[int, int], stability: Any) -> None:
    frame_stylizer = FrameStylizer(tiny, "wave", stability=stability)
    frame_stylizer.warmup(size)
    for frame in panned(3):
        assert frame_stylizer.stylize_frame(np.ascontiguousarray(frame[: size[0], : size[1]])).shape == (*size, 3)


def test_bad_options_are_refused(tiny: Stylizer) -> None:
    wrong: Any
    for wrong in ("x", (0, 5), 7):
        with pytest.raises(OptionError, match="warmup"):
            FrameStylizer(tiny, "wave").warmup(wrong)
    for wrong, message in (
        ({"stability": "much"}, "stability: 'much' came; choose from off, low, high"),
        ({"channel_order": "yuv"}, "channel_order: 'yuv' came"),
        ({"strength": 2}, "strength: 2 came"),
        ({"preserve_color": "all"}, "preserve_color: 'all' came"),
    ):
        with pytest.raises(OptionError, match=message):
            FrameStylizer(tiny, "wave", **wrong)
    with pytest.raises(StyleNotFoundError, match="did you mean wave"):
        FrameStylizer(tiny, "waves")


def test_frames_are_painted_in_strokes_of_the_size_that_was_asked_for(live: Stylizer) -> None:
    frame = resize_image(WHOLE, 240, 360)
    frames = FrameStylizer(live, "scream", stability="off", channel_order="rgb", stroke_size=2.0)
    expected = live.stylize(frame, "scream", stroke_size=2.0).pixels
    np.testing.assert_array_equal(frames.stylize_frame(frame), expected)
    assert frames.settings["stroke-size"] == 2.0
    # frames larger than pictures whose strokes would grow keep the network's own
    large = resize_image(frame, 960, 1440)
    plain = FrameStylizer(live, "scream", stability="off", channel_order="rgb")
    other = live.stylize(large, "scream", stroke_size=1280 / 1440).pixels
    np.testing.assert_array_equal(plain.stylize_frame(large), other)
    with pytest.raises(OptionError, match="stroke_size: "):
        FrameStylizer(live, "scream", stroke_size=0.0)


@pytest.mark.parametrize("stability", ["low", "high"])
def test_threads_wait_for_each_other(tiny: Stylizer, stability: Any) -> None:
    """OpenCV's flow keeps pictures of the last size: two threads at once took the process down."""
    frame_stylizer = FrameStylizer(tiny, "scream", stability=stability)
    frames = {size: np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8) for size in ((60, 80), (48, 100))}

    def paint(size: tuple[int, int]) -> set[tuple[int, ...]]:
        return {frame_stylizer.stylize_frame(frames[size]).shape[:2] for _ in range(40)}

    with ThreadPoolExecutor(2) as pool:
        assert [each for result in pool.map(paint, frames) for each in result] == list(frames)


WRONG_FRAMES: dict[str, tuple[Any, str]] = {
    "none": (None, r"None, as cv2\.VideoCapture\.read returns at the end"),
    "list": ([[[1, 2, 3]]], "a list, .*; pass arrays only"),
    "grey": (np.zeros((160, 224), np.uint8), "uint8 160×224, .*cv2.COLOR_GRAY2BGR"),
    "one channel": (np.zeros((160, 224, 1), np.uint8), "uint8 160×224×1, .*cv2.COLOR_GRAY2BGR"),
    "float": (np.zeros((160, 224, 3)), r"float64 160×224×3, .*\(frame \* 255\)"),
    "16 bit": (np.zeros((160, 224, 3), np.uint16), r"uint16 160×224×3, .*\(frame // 257\)"),
    "signed": (np.zeros((160, 224, 3), np.int64), r"int64 160×224×3, .*\.astype"),
    "alpha": (np.zeros((160, 224, 4), np.uint8), r"uint8 160×224×4, .*frame\[\.\.\., :3\]"),
    "planes": (np.zeros((3, 160, 224), np.uint8), "uint8 3×160×224, .*channels come last"),
    "batch": (np.zeros((1, 160, 224, 3), np.uint8), "uint8 1×160×224×3, .*of one picture"),
    "no rows": (np.zeros((0, 224, 3), np.uint8), "uint8 0×224×3, .*no pixels"),
    "empty": (np.array([]), "float64 0, .*no pixels"),
    "scalar": (np.array(3, np.uint8), "uint8 , .*"),
    "objects": (np.full((160, 224, 3), None), "object 160×224×3, .*"),
}


@pytest.mark.parametrize("kind", WRONG_FRAMES)
def test_a_wrong_frame_is_refused_and_leaves_no_trace(tiny: Stylizer, kind: str) -> None:
    frame, message = WRONG_FRAMES[kind]
    options: Any
    for options in ({"stability": "off"}, {"stability": "low"}, {"stability": "high", "channel_order": "rgb"}):
        without, disturbed = (FrameStylizer(tiny, "scream", **options) for _ in range(2))
        for each in (without, disturbed):
            each.restyle("wave", frames=3)
        for good in panned(4):
            wanted = without.stylize_frame(good)
            with pytest.raises(OptionError, match=f"^frame: came {message}") as refused:
                disturbed.stylize_frame(frame)
            assert "wanted uint8 H×W×3" in str(refused.value)
            np.testing.assert_array_equal(disturbed.stylize_frame(good), wanted)


def test_a_wrong_output_array_leaves_no_trace(tiny: Stylizer) -> None:
    without, disturbed = (FrameStylizer(tiny, "scream") for _ in range(2))
    for good in panned(3):
        wanted = without.stylize_frame(good)
        out: Any
        for out in (np.zeros((3, 3, 3), np.uint8), np.zeros(good.shape), good):
            with pytest.raises(OptionError, match="out: "):
                disturbed.stylize_frame(good, out)
        np.testing.assert_array_equal(disturbed.stylize_frame(good), wanted)
