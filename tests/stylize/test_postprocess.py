from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_models import assert_rounded, photo

from nst_engine.color import keep_luma, match_color
from nst_engine.errors import InferenceError
from nst_engine.models.spec import ModelSpec
from nst_engine.stylize.postprocess import finished, pictures_of
from nst_engine.stylize.preprocess import ModelInput, model_input


def spec(**entries: Any) -> ModelSpec:
    return ModelSpec(name="model", styles=("a",), **entries)


def back(tensor: NDArray[Any], prepared: ModelInput, model_spec: ModelSpec) -> list[NDArray[np.uint8]]:
    return pictures_of(tensor, prepared, model_spec, model="model.onnx")


@pytest.mark.parametrize(
    "entries",
    [
        {},
        {"pad_multiple": 4, "channel_order": "bgr"},
        {"value_range": (0.0, 255.0), "layout": "nhwc"},
        {"value_range": (-1.0, 1.0), "channel_order": "bgr", "layout": "nhwc"},
        {"dtype": "uint8", "layout": "nhwc", "pad_multiple": 8},
        {"dtype": "uint8", "channel_order": "bgr"},
    ],
)
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (33, 17)])
def test_a_model_that_does_nothing_gives_the_pictures_back(entries: dict[str, Any], size: tuple[int, int]) -> None:
    model_spec = spec(**entries)
    pictures = [photo(*size, seed=seed) for seed in range(2)]
    prepared = model_input(pictures, model_spec)
    kept = prepared.tensor.copy()
    for pixels, returned in zip(pictures, back(prepared.tensor, prepared, model_spec), strict=True):
        np.testing.assert_array_equal(returned, pixels)
        assert returned.flags.c_contiguous
    np.testing.assert_array_equal(prepared.tensor, kept)


@pytest.mark.parametrize("value_range", [(0.0, 1.0), (0.0, 255.0), (-1.0, 1.0)])
def test_levels_are_scaled_clipped_and_rounded(value_range: tuple[float, float]) -> None:
    low, high = value_range
    shares = np.random.default_rng(0).uniform(-0.5, 1.5, (1, 3, 20, 30))
    tensor = (low + shares * (high - low)).astype(np.float32)
    (pixels,) = back(tensor, ModelInput(tensor, 19, 28), spec(value_range=value_range))
    assert_rounded(pixels, np.clip(shares * 255, 0, 255)[0].transpose(1, 2, 0)[:19, :28])


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(wrong: float) -> None:
    tensor = np.zeros((2, 3, 16, 16), np.float32)
    prepared = ModelInput(tensor, 16, 16)
    tensor[1, 2, 15, 3] = wrong
    with pytest.raises(InferenceError, match=r"model\.onnx: returned NaN or infinity in 1 of 1,536 values"):
        back(tensor, prepared, spec())


def test_infinities_that_cancel_are_refused_and_large_numbers_are_not() -> None:
    tensor = np.full((1, 3, 16, 16), 3e38, np.float32)
    prepared = ModelInput(tensor, 16, 16)
    assert (back(tensor, prepared, spec())[0] == 255).all()
    tensor[0, 0, 0, :2] = (np.inf, -np.inf)
    with pytest.raises(InferenceError, match="in 2 of 768"):
        back(tensor, prepared, spec())


def test_another_size_is_refused() -> None:
    prepared = ModelInput(np.zeros((1, 3, 17, 16), np.float32), 17, 16)
    with pytest.raises(InferenceError, match=r'returned 1×3×20×16 for 1×3×17×16, .*"pad_multiple": 4'):
        back(np.zeros((1, 3, 20, 16), np.float32), prepared, spec())


@pytest.mark.parametrize(
    "entries", [{}, {"value_range": (-1.0, 1.0), "channel_order": "bgr", "layout": "nhwc"}, {"dtype": "uint8"}]
)
@pytest.mark.parametrize("strength", [0, 0.3, np.float32(0.9), 1])
def test_photos_shine_through_what_a_model_returns(entries: dict[str, Any], strength: Any) -> None:
    model_spec = spec(**entries)
    pictures, photos = ([photo(9, 21, seed=seed) for seed in seeds] for seeds in ((1, 2), (3, 4)))
    photos[1] = photos[1][::-1, ::-1]  # any view will do
    prepared = model_input(pictures, model_spec)
    blended = pictures_of(prepared.tensor, prepared, model_spec, model="m", photos=photos, strength=strength)
    share = float(strength)
    for pixels, under, result in zip(pictures, photos, blended, strict=True):
        assert_rounded(result, under * (1 - share) + pixels.astype(np.float64) * share)


@pytest.mark.parametrize("strength", [0, 0.25, 0.5, np.float32(0.9), 1])
def test_strength_blends_with_the_photo(strength: Any) -> None:
    stylized, content = photo(130, 21, seed=1), photo(130, 21, seed=2)
    kept = stylized.copy(), content.copy()
    blended = finished(stylized, content, strength=strength)
    share = float(strength)
    assert_rounded(blended, content * (1 - share) + stylized.astype(np.float64) * share)
    np.testing.assert_array_equal((stylized, content), kept)
    if strength in (0, 1):
        np.testing.assert_array_equal(blended, stylized if strength else content)


def test_colours_are_kept_before_blending() -> None:
    stylized, content = photo(20, 30, seed=1), photo(20, 30, seed=2)
    np.testing.assert_array_equal(finished(stylized, content, preserve_color="luma"), keep_luma(stylized, content))
    for method in ("match", "histogram"):
        recoloured = match_color(stylized, content, method=method)
        np.testing.assert_array_equal(finished(stylized, content, preserve_color=method), recoloured)
        half = finished(stylized, content, strength=0.5, preserve_color=method)
        assert_rounded(half, (recoloured.astype(np.float64) + content) / 2)
