from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from nst_engine.errors import OptionError
from nst_engine.image import resize_image, without_finest

from .samples import noise, smooth


def test_shapes_and_dtypes() -> None:
    assert resize_image(noise(13, 7), 5, 29).shape == (5, 29, 3)
    mask = resize_image(noise(13, 7, 1), 5, 29)
    assert mask.shape == (5, 29)
    assert mask.dtype == np.uint8
    soft = resize_image(np.eye(9, 11, dtype=np.float32), 31, 17)
    assert soft.shape == (31, 17)
    assert soft.dtype == np.float32
    assert soft.min() >= 0
    assert soft.max() <= 1


def test_a_ramp_stays_a_ramp() -> None:
    small, large = smooth(40, 60), smooth(80, 120)
    resized = resize_image(large, 40, 60).astype(int)
    assert np.abs(resized - small)[3:-3, 3:-3].max() <= 3
    flat = np.full((7, 9, 3), 77, dtype=np.uint8)
    assert np.unique(resize_image(flat, 100, 3)).tolist() == [77]


def test_same_size_is_a_copy() -> None:
    pixels = noise(5, 6)
    resized = resize_image(pixels, 5, 6)
    np.testing.assert_array_equal(resized, pixels)
    assert not np.shares_memory(resized, pixels)


@pytest.mark.parametrize(
    ("pixels", "size"),
    [
        (noise(4, 4), (0, 4)),
        (noise(4, 4), (4, -1)),
        (noise(4, 4, 4), (2, 2)),
        (np.zeros((4, 4, 3), dtype=np.float32), (2, 2)),
        (np.zeros((4, 4)), (2, 2)),
    ],
)
def test_refused(pixels: Any, size: tuple[int, int]) -> None:
    with pytest.raises(OptionError, match=r"came .* wanted"):
        resize_image(pixels, *size)


def test_without_the_finest_is_the_mean_of_blocks_enlarged_again() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    means = pixels.reshape(20, 3, 30, 3, 3).mean((1, 3))
    expected = cv2.resize(means, (90, 60), interpolation=cv2.INTER_LINEAR)
    # Pillow rounds after each of its passes
    assert np.abs(without_finest(pixels, 20, 30) - expected).max() <= 2
