"""Resizing of pictures and masks."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nst_engine.cancellation import abandonable
from nst_engine.errors import OptionError
from nst_engine.geometry import fit_longer_side
from nst_engine.image.picture import Picture, describe

# of tens of megapixels it takes half a second
_LONG_PX = 2_000_000

_Scalar = TypeVar("_Scalar", np.uint8, np.float32)


def resize_image(pixels_hwc: NDArray[_Scalar], height: int, width: int) -> NDArray[_Scalar]:
    """Resample with Lanczos.

    Args:
        pixels_hwc: uint8 H×W×3, uint8 H×W, or a float32 H×W mask.
        height: New height in pixels.
        width: New width in pixels.

    Returns:
        A new array of the same dtype; a float mask does not ring beyond the range of its input.

    Raises:
        OptionError: Another dtype or shape, or a size below 1.
    """
    is_colour = pixels_hwc.ndim == 3 and pixels_hwc.shape[2] == 3
    is_float = pixels_hwc.dtype == np.float32
    fits = pixels_hwc.dtype == np.uint8 and (is_colour or pixels_hwc.ndim == 2)
    if 0 in pixels_hwc.shape or not (fits or (is_float and pixels_hwc.ndim == 2)):
        raise OptionError(f"pixels: came {describe(pixels_hwc)}, wanted uint8 H×W×3 or H×W, or float32 H×W.")
    if height < 1 or width < 1:
        raise OptionError(f"size: came {width}×{height}, wanted at least 1×1 pixels.")
    if pixels_hwc.shape[:2] == (height, width):
        return pixels_hwc.copy()
    image = Image.fromarray(np.ascontiguousarray(pixels_hwc))

    resized = np.array(_resampled(image, (width, height), Image.Resampling.LANCZOS), dtype=pixels_hwc.dtype)
    return np.clip(resized, pixels_hwc.min(), pixels_hwc.max()) if is_float else resized


def fitted(picture: Picture, max_side: int | None) -> Picture:
    """The picture, shrunk to at most this longer side; None: unchanged."""
    if max_side is None or max(picture.height, picture.width) <= max_side:
        return picture
    size = fit_longer_side(picture.height, picture.width, max_side)
    alpha = None if picture.alpha is None else resize_image(picture.alpha, *size)
    return replace(picture, pixels=resize_image(picture.pixels, *size), alpha=alpha)


def without_finest(pixels_hwc: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """A picture, uint8 H×W×3, without its finest detail: shrunk to a size and enlarged again; a new array."""
    image = Image.fromarray(np.ascontiguousarray(pixels_hwc))
    small = _resampled(image, (width, height), Image.Resampling.BOX)
    return np.array(_resampled(small, image.size, Image.Resampling.BILINEAR))


def _resampled(image: Image.Image, size: tuple[int, int], how: Image.Resampling) -> Image.Image:
    if max(math.prod(image.size), math.prod(size)) < _LONG_PX:
        return image.resize(size, how)
    return abandonable(lambda: image.resize(size, how))
