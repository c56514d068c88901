from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_models import photo

from nst_engine.models.spec import ModelSpec
from nst_engine.stylize.preprocess import model_input

SIZES = [(1, 1), (1, 40), (40, 1), (5, 3), (16, 16), (17, 33), (64, 20)]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def spec(**entries: Any) -> ModelSpec:
    return ModelSpec(name="model", styles=("a",), **entries)


def reference(pixels: NDArray[np.uint8], spec: ModelSpec, bucket_px: int = 1) -> NDArray[np.float64]:
    """N = 1, in float64, from NumPy alone."""
    height, width = (max(side, spec.min_side_px) for side in pixels.shape[:2])
    while height % spec.pad_multiple or height % bucket_px:
        height += 1
    while width % spec.pad_multiple or width % bucket_px:
        width += 1
    padding = ((0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0))
    levels = np.pad(pixels.astype(np.float64), padding, mode="reflect")
    if spec.channel_order == "bgr":
        levels = levels[:, :, ::-1]
    if spec.dtype == "float32":
        low, high = spec.value_range
        levels = (levels / 255 * (high - low) + low - np.array(spec.mean)) / np.array(spec.std)
    return (levels if spec.layout == "nhwc" else levels.transpose(2, 0, 1))[np.newaxis]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "entries",
    [
        {},
        {"min_side_px": 1},
        {"min_side_px": 1, "pad_multiple": 4},
        {"value_range": (0.0, 255.0), "pad_multiple": 7},
        {"mean": MEAN, "std": STD, "channel_order": "bgr"},
        {"value_range": (-1.0, 1.0), "mean": (0.5, 0.25, 0.0), "layout": "nhwc"},
        {"dtype": "uint8", "layout": "nhwc", "pad_multiple": 8},
        {"dtype": "uint8", "channel_order": "bgr"},
    ],
)
def test_a_picture_becomes_what_the_specification_says(size: tuple[int, int], entries: dict[str, Any]) -> None:
    pixels, expected = photo(*size), spec(**entries)
    prepared = model_input([pixels], expected)
    assert prepared.tensor.dtype == expected.dtype
    assert prepared.tensor.flags.c_contiguous
    assert (prepared.height, prepared.width) == size
    np.testing.assert_allclose(prepared.tensor, reference(pixels, expected), rtol=1e-5, atol=1e-5)


def test_buckets_are_multiples_of_both() -> None:
    pixels, expected = photo(65, 30), spec(pad_multiple=6)
    prepared = model_input([pixels], expected, bucket_px=64)
    assert prepared.tensor.shape == (1, 3, 192, 192)
    np.testing.assert_allclose(prepared.tensor, reference(pixels, expected, 64), atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_batch_is_its_pictures(dtype: Any) -> None:
    expected = spec(dtype=dtype, pad_multiple=4)
    pictures = [photo(18, 21, seed=seed) for seed in range(3)]
    prepared = model_input(pictures, expected)
    for place, pixels in enumerate(pictures):
        np.testing.assert_array_equal(prepared.tensor[place : place + 1], model_input([pixels], expected).tensor)


def test_the_pictures_stay_as_they_were_and_strides_do_not_matter() -> None:
    pixels = photo(20, 30)
    turned, kept = pixels.transpose(1, 0, 2), pixels.copy()
    np.testing.assert_allclose(model_input([turned], spec()).tensor, reference(turned, spec()), atol=1e-6)
    np.testing.assert_array_equal(pixels, kept)
