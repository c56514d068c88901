"""What is to be seen of pictures with transparent areas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_engine import OptionError
from nst_engine.image import load_image, resized_opaque, visible_part

from .samples import noise


def test_margins_are_cut_off_and_holes_get_the_mean_colour() -> None:
    pixels = noise(31, 47)
    alpha = np.zeros((31, 47), np.uint8)
    alpha[3:20, 5:40] = 255
    alpha[9:11, 20:31] = 0
    part = visible_part(load_image(np.dstack([pixels, alpha])))
    assert (part.height, part.width) == (17, 35)
    is_seen = alpha[3:20, 5:40] > 0
    expected = pixels[3:20, 5:40].astype(np.float64)
    expected[~is_seen] = expected[is_seen].mean(0)
    assert np.abs(resized_opaque(part, 17, 35) - expected).max() <= 0.51


def test_hidden_colours_are_not_mixed_in_where_sizes_change() -> None:
    lines = np.zeros((96, 120), np.uint8)
    lines[::4] = 255  # one line of four is seen, and it is grey
    pictures = []
    for hidden in ((255, 0, 255), (0, 0, 0)):
        pixels = np.where(lines[..., np.newaxis] > 0, 90, np.array(hidden)).astype(np.uint8)
        pictures.append(resized_opaque(load_image(np.dstack([pixels, lines])), 24, 31))
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert np.abs(pictures[0].astype(int) - 90).max() <= 1


@pytest.mark.parametrize("max_side", [None, 31])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "array"])
def test_what_hidden_pixels_hold_is_not_read(tmp_path: Path, mode: str, max_side: int | None) -> None:
    rows, columns = np.mgrid[:75, :98]
    alpha = np.where(np.hypot(rows - 30, columns - 50) < 25, 255, 0).astype(np.uint8)
    shown = np.stack([columns + 90] * 3, axis=-1).clip(0, 255).astype(np.uint8)
    pictures = []
    for hidden in (0, 255):
        rgba = np.dstack([np.where(alpha[..., np.newaxis] > 0, shown, np.uint8(hidden)), alpha])
        Image.fromarray(rgba).convert("RGBA" if mode == "array" else mode).save(tmp_path / "cut.png")
        pictures.append(load_image(rgba if mode == "array" else tmp_path / "cut.png", max_side=max_side))
    np.testing.assert_array_equal(pictures[0].pixels, pictures[1].pixels)
    if max_side is None:
        np.testing.assert_array_equal(pictures[0].alpha, alpha)
        np.testing.assert_array_equal(pictures[0].pixels[alpha > 0], shown[alpha > 0])
        # those next to what is seen go on as it does, far ones are no colour that is nowhere
        beside = (alpha == 0) & (np.hypot(rows - 30, columns - 50) < 28)
        assert np.abs(pictures[0].pixels[beside].astype(int) - shown[beside]).max() <= 16
        assert shown[alpha > 0].min() - 3 <= pictures[0].pixels.min()
        assert pictures[0].pixels.max() <= shown[alpha > 0].max() + 3


def test_large_pictures_are_reduced_alike() -> None:
    rng = np.random.default_rng(0)
    alpha = np.kron(rng.integers(0, 2, (30, 40)) * 255, np.ones((24, 24))).astype(np.uint8)
    pixels = np.where(alpha[..., np.newaxis] > 0, np.array((180, 90, 30)), np.array((0, 255, 0))).astype(np.uint8)
    result = resized_opaque(load_image(np.dstack([pixels, alpha])), 60, 81)
    assert np.abs(result.astype(int) - (180, 90, 30)).max() <= 1


def test_opaque_pictures_stay_whole() -> None:
    picture = load_image(noise(13, 7))
    assert visible_part(picture) is picture
    np.testing.assert_array_equal(resized_opaque(picture, 13, 7), picture.pixels)


def test_nothing_to_be_seen_is_refused() -> None:
    with pytest.raises(OptionError, match="is transparent everywhere"):
        visible_part(load_image(np.dstack([noise(5, 6), np.zeros((5, 6), np.uint8)])))
