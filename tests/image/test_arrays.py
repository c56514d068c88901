from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nst_engine.errors import ImageDecodeError
from nst_engine.image import load_image

from .samples import noise


@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
def test_channels(channels: int) -> None:
    array = noise(5, 7, channels or 1)
    if channels == 1:
        array = array[:, :, np.newaxis]
    picture = load_image(array)
    levels = array if array.ndim == 3 else array[:, :, np.newaxis]
    colour = levels[:, :, :3] if channels >= 3 else np.repeat(levels[:, :, :1], 3, axis=2)
    is_seen = np.ones((5, 7), bool) if picture.alpha is None else picture.alpha > 0
    np.testing.assert_array_equal(picture.pixels[is_seen], colour[is_seen])
    if channels in (2, 4):
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha, array[:, :, -1])
    else:
        assert picture.alpha is None
    assert (picture.source, picture.format) == ("<array>", None)
    assert picture.pixels.flags.c_contiguous
    assert picture.pixels.flags.writeable
    assert not np.shares_memory(picture.pixels, array)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_rounded(dtype: type[np.floating[Any]]) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(load_image((levels / 255).astype(dtype)).pixels[:, :, 1], levels)
    assert load_image(np.full((1, 1), 0.499, dtype=dtype)).pixels[0, 0, 0] == 127


def test_uint16_is_divided_by_257_in_either_byte_order() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = np.rint(values / 257)
    for array in (values, values.astype(">u2")):
        np.testing.assert_array_equal(load_image(array).pixels[:, :, 0], expected)


def test_bool_and_opaque_alpha_and_views() -> None:
    np.testing.assert_array_equal(load_image(np.array([[True, False]])).pixels[0, :, 0], [255, 0])
    assert load_image(np.full((2, 3, 4), 255, dtype=np.uint8)).alpha is None
    wide = noise(8, 10)
    np.testing.assert_array_equal(load_image(wide[::2, ::-1]).pixels, wide[::2, ::-1])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2), dtype=np.int64), "int64 of shape"),
        (np.zeros((2, 2), dtype=complex), "complex128"),
        (np.zeros(5, dtype=np.uint8), r"shape \(5,\)"),
        (np.zeros((2, 2, 5), dtype=np.uint8), r"\(2, 2, 5\)"),
        (np.zeros((0, 2, 3), dtype=np.uint8), r"\(0, 2, 3\): it has no pixels"),
        (np.array([[0.5, np.nan]]), "NaN"),
        (np.array([[0.0, 200.0]]), "from 0 to 200.*Divide by 255"),
        (np.array([[-0.1, 0.5]]), "from -0.1"),
        (np.array([[np.inf, 0.5]]), "inf"),
    ],
)
def test_refused(array: Any, message: str) -> None:
    with pytest.raises(ImageDecodeError, match=f"^<array>: came .*{message}"):
        load_image(array)
