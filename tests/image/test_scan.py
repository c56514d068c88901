"""Edges of scans, of paintings whose edges are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nst_engine.catalogue import bundled_styles, style_path
from nst_engine.image import Picture, load_image, without_scan_edges


def painted(height: int = 211, width: int = 303) -> NDArray[np.uint8]:
    """A painting without edges, of that size."""
    return load_image(style_path("starry-night")).pixels[100 : 100 + height, 150 : 150 + width]


def framed(pixels: NDArray[np.uint8], widths: tuple[int, int, int, int], colour: int) -> NDArray[np.uint8]:
    """With edges at the top, bottom, left and right, as a scanner sees them: not quite of one colour."""
    top, bottom, left, right = widths
    edges = np.pad(pixels, ((top, bottom), (left, right), (0, 0)), constant_values=colour).astype(np.int16)
    return (edges + np.random.default_rng(0).integers(-4, 5, edges.shape)).clip(0, 255).astype(np.uint8)


def area_of(part: Picture, whole: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """What was cut off at the top, bottom, left and right."""
    for top in range(40):
        for left in range(40):
            if np.array_equal(whole[top : top + part.height, left : left + part.width], part.pixels):
                return top, whole.shape[0] - top - part.height, left, whole.shape[1] - left - part.width
    raise AssertionError("not a part of it")


@pytest.mark.parametrize("widths", [(3, 5, 1, 9), (12, 0, 0, 0), (0, 0, 0, 7), (6, 6, 6, 6)])
@pytest.mark.parametrize("colour", [0, 250])
def test_edges_are_cut_off_with_the_lines_that_they_are_blurred_into(
    widths: tuple[int, int, int, int], colour: int
) -> None:
    scan = framed(painted(), widths, colour)
    cut = area_of(without_scan_edges(load_image(scan)), scan)
    assert cut == tuple(width and width + 2 for width in widths)


@pytest.mark.parametrize("name", bundled_styles())
def test_bundled_paintings_have_no_edges_and_stay_whole(name: str) -> None:
    picture = load_image(style_path(name))
    assert without_scan_edges(picture) is picture


def test_wide_grounds_gradients_and_flat_pictures_stay_whole() -> None:
    poster = framed(painted(), (40, 40, 60, 60), 255)
    sky = painted().copy()
    sky[:12] = np.linspace(90, 140, 12)[:, None, None]  # light as the clouds below
    sky[12:30] = sky[11]
    flat, tiny = np.full((90, 80, 3), 200, np.uint8), np.zeros((1, 1, 3), np.uint8)
    small = framed(painted(56, 76), (1, 1, 2, 0), 250)  # little would be left of much smaller ones
    for pixels in (poster, sky, flat, tiny, painted(9, 7), small):
        picture = load_image(np.ascontiguousarray(pixels))
        assert without_scan_edges(picture) is picture


def test_transparent_pictures_are_left_to_their_alpha() -> None:
    picture = load_image(np.dstack([framed(painted(), (5, 5, 5, 5), 0), np.full((221, 313), 99, np.uint8)]))
    assert without_scan_edges(picture) is picture
