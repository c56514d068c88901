"""Strokes of any size, at any size of picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nst_engine import FrameStylizer, ImageLimits, OptionError, Stylizer
from nst_engine.catalogue import bundled_contents
from nst_engine.errors import ImageTooLargeError
from nst_engine.image import load_image, resize_image, without_finest
from nst_engine.stylize.strokes import check_finer, in_proportion, stylize_broadly


@pytest.fixture(scope="module")
def stylizer() -> Stylizer:
    return Stylizer("bundled:live", device="cpu", backend="onnxruntime")


def photo(side: int) -> NDArray[np.uint8]:
    pixels = load_image(bundled_contents()["coffee"].path).pixels
    return resize_image(pixels, round(side * pixels.shape[0] / pixels.shape[1]), side)


def stroke_px(stylized: NDArray[np.uint8]) -> float:
    """How long the waves are that a picture is made of, without its finest and its largest forms."""
    width = stylized.shape[1]
    grey = cv2.cvtColor(stylized, cv2.COLOR_RGB2GRAY).astype(np.float64)
    # with twice of it cut off, strokes half as large as usual are gone, and the photo's own forms alone are measured
    band = cv2.GaussianBlur(grey, (0, 0), width / 700) - cv2.GaussianBlur(grey, (0, 0), width / 22)
    slopes = [np.square(np.diff(band, axis=axis)).mean() for axis in (0, 1)]
    return float(band.std() / np.sqrt(sum(slopes)))


@pytest.mark.parametrize("style", ["auvers", "great-wave"])
def test_larger_sizes_give_larger_strokes_smoothly(stylizer: Stylizer, style: str) -> None:
    picture = photo(700)
    sizes = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
    strokes = [stroke_px(stylizer.stylize(picture, style, stroke_size=size).pixels) for size in sizes]
    steps = np.diff(np.log(strokes))
    assert steps.min() > 0.03, strokes
    assert steps.max() < 0.15, strokes


def test_strokes_of_large_pictures_grow_with_them(stylizer: Stylizer) -> None:
    small, large = (stylizer.stylize(photo(side), "scream").pixels for side in (1200, 2400))
    assert stroke_px(large) / stroke_px(small) == pytest.approx(2, rel=0.25)
    assert in_proportion(800, 1280) == 1
    assert in_proportion(2560, 1000) == 2
    assert in_proportion(4000, 100) == in_proportion(64, 4000) == 1, "a ribbon shows no larger forms for being long"
    assert in_proportion(1280, 5120) == 3


def test_broad_strokes_are_not_soft(stylizer: Stylizer) -> None:
    picture = photo(1000)
    own, broad = (stylizer.stylize(picture, "scream", stroke_size=size).pixels for size in (1.0, 3.0))
    merely_enlarged = resize_image(stylizer.stylize(photo(333), "scream").pixels, *picture.shape[:2])

    def finest(pixels: NDArray[np.uint8]) -> float:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float64)
        return float((grey - cv2.GaussianBlur(grey, (0, 0), 1)).std())

    assert finest(merely_enlarged) < 0.4 * finest(own)
    assert finest(broad) > 0.7 * finest(own)


def test_strokes_that_are_a_little_larger_are_hardly_softer(stylizer: Stylizer) -> None:
    picture = photo(640)

    def sharpness(size: float) -> float:
        grey = cv2.cvtColor(stylizer.stylize(picture, "great-wave", stroke_size=size).pixels, cv2.COLOR_RGB2GRAY)
        return float(np.abs(cv2.Laplacian(grey.astype(np.float64), cv2.CV_64F)).mean())

    of_sizes = np.array([sharpness(size) for size in (1, 1.002, 1.1, 1.2, 1.3, 1.4, 1.55, 1.7, 2)])
    assert of_sizes[1] == pytest.approx(of_sizes[0], rel=0.06)
    assert of_sizes.min() > 0.75 * of_sizes[0], of_sizes
    assert np.abs(np.diff(np.log(of_sizes))).max() < 0.12, of_sizes


def test_no_picture_is_painted_smaller_than_a_scene_can_be_seen() -> None:
    seen: list[tuple[int, ...]] = []

    def same(scaled: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        seen.append(scaled[0].shape[:2])
        return list(scaled)

    for shape in ((64, 4000), (100, 150), (30, 200)):
        stylize_broadly([np.zeros((*shape, 3), np.uint8)], 4.0, same)
    assert seen == [(40, 2500), (64, 4000), (40, 60), (50, 75), (100, 150), (30, 200)], "in proportion, all of them"


def test_what_is_painted_is_put_together_as_described() -> None:
    pictures = [np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)]
    seen: list[tuple[int, ...]] = []

    def darker(scaled: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        seen.append(scaled[0].shape)
        return [pixels // 2 for pixels in scaled]

    (same,) = stylize_broadly(pictures, 1.0, darker)
    np.testing.assert_array_equal(same, pictures[0] // 2)
    (fine,) = stylize_broadly(pictures, 0.5, darker)
    np.testing.assert_array_equal(fine, resize_image(resize_image(pictures[0], 120, 180) // 2, 60, 90))
    pictures = [np.random.default_rng(0).integers(0, 256, (120, 180, 3), dtype=np.uint8)]
    (broad,) = stylize_broadly(pictures, 3.0, darker)
    half = crisped(resize_image(resize_image(pictures[0], 40, 60) // 2, 60, 90), 1.5)
    np.testing.assert_array_equal(broad, crisped(resize_image(half, 120, 180), 2.0))
    sizes = [(60, 90, 3), (120, 180, 3), (40, 60, 3), (60, 90, 3), (120, 180, 3)]
    assert seen == sizes, "of the broad ones, an octave after the other"


def crisped(first: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    again = first // 2
    coarse = without_finest(again, *(round(scale**0.2 * side / scale) for side in first.shape[:2]))
    return np.asarray(np.clip(first.astype(int) + again - coarse, 0, 255), np.uint8)


def test_broad_strokes_of_neighbouring_sizes_are_alike(stylizer: Stylizer) -> None:
    """An octave more begins from nothing."""
    picture = photo(640)
    painted = [stylizer.stylize(picture, "starry-night", stroke_size=size).pixels for size in (1.99, 2, 2.01)]
    below, two, above = (cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), 2) for pixels in painted)
    assert np.abs(above - two).mean() < 1.5 * np.abs(two - below).mean()


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (16, 17)])
@pytest.mark.parametrize("size", [0.1, 8.0])
def test_the_smallest_pictures_are_painted_too(stylizer: Stylizer, shape: tuple[int, int], size: float) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert stylizer.stylize(picture, "scream", stroke_size=size).pixels.shape == picture.shape


@pytest.mark.parametrize("size", [0, 0.09, 9, -1, float("nan"), float("inf"), "2", True])
def test_sizes_out_of_range_are_refused(stylizer: Stylizer, size: float) -> None:
    with pytest.raises(OptionError, match=r"stroke_size: .* from 0\.1 to 8"):
        stylizer.stylize(photo(64), "scream", stroke_size=size)


def test_finer_strokes_do_not_enlarge_beyond_the_limits() -> None:
    small = Stylizer("bundled:live", device="cpu", backend="onnxruntime", limits=ImageLimits(max_pixels=90_000))
    picture = photo(200)
    wanted = r"`stroke_size=0\.1` in a picture of 200×133 px .*; take `stroke_size=0\.55` or more"
    with pytest.raises(ImageTooLargeError, match=wanted):
        small.stylize(picture, "scream", stroke_size=0.1)
    with pytest.raises(ImageTooLargeError, match=wanted):
        FrameStylizer(small, "scream", stroke_size=0.1).stylize_frame(picture)
    assert small.stylize(picture, "scream", stroke_size=0.55).pixels.shape == picture.shape


def test_the_limits_of_one_call_hold_for_finer_strokes_too(stylizer: Stylizer) -> None:
    picture, limits = photo(200), ImageLimits(max_pixels=90_000)
    for paint in (
        lambda: stylizer.stylize(picture, "scream", stroke_size=0.5, limits=limits),
        lambda: stylizer.stylize_batch([photo(64), picture], "scream", stroke_size=0.5, limits=limits),
    ):
        with pytest.raises(ImageTooLargeError, match=r"painted at 106,400 pixels, the limit is 90,000"):
            paint()


def test_the_least_stroke_size_is_told_in_proportion_to_the_picture(stylizer: Stylizer) -> None:
    picture = np.zeros((1280, 1920, 3), np.uint8)
    limits = ImageLimits(max_pixels=1920 * 1280)
    with pytest.raises(ImageTooLargeError, match=r"`stroke_size=0\.5` in .* take `stroke_size=0\.67` or more"):
        stylizer.stylize(picture, "scream", stroke_size=0.5, limits=limits)
    check_finer(1280, 1920, 0.67, limits, proportion=in_proportion(1280, 1920))


def test_strength_beyond_one_leads_to_a_painting_of_the_painting(stylizer: Stylizer) -> None:
    picture = photo(320)
    once, between, twice = (stylizer.stylize(picture, "great-wave", strength=s).pixels for s in (1.0, 1.5, 2.0))
    np.testing.assert_array_equal(twice, stylizer.stylize(once, "great-wave").pixels)
    mean = (once.astype(float) + twice) / 2
    assert np.abs(between - mean).max() <= 0.5
    with pytest.raises(OptionError, match=r"strength: 2\.1 came"):
        stylizer.stylize(picture, "great-wave", strength=2.1)


def test_results_are_written_where_asked_with_strokes_too(stylizer: Stylizer, tmp_path: Path) -> None:
    picture = photo(300)
    out = np.empty_like(picture)
    result = stylizer.stylize(picture, "scream", stroke_size=2.0, strength=0.7, out=out)
    assert result.pixels is out
    np.testing.assert_array_equal(out, stylizer.stylize(picture, "scream", stroke_size=2.0, strength=0.7).pixels)
    (batched,) = stylizer.stylize_batch([picture], "scream", stroke_size=2.0, strength=0.7)
    np.testing.assert_array_equal(out, batched.pixels)
