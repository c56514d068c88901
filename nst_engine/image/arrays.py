"""NumPy arrays as pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import ImageDecodeError
from nst_engine.image.picture import Picture, Pixels, describe
from nst_engine.image.visible import as_seen
from nst_engine.limits import ImageLimits

_WANTED = "uint8, uint16, bool, or float in [0, 1], of shape H×W, H×W×1, ×2 (grey and alpha), ×3 (RGB) or ×4 (RGBA)"


def picture_of_array(array: NDArray[Any], label: str, limits: ImageLimits, *, copy: bool = True) -> Picture:
    """Copy an array into a `Picture`.

    Args:
        array: H×W or H×W×C with C = 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA); uint8, uint16
            (0–65535), bool, or float in [0, 1].
        label: Name for messages.
        limits: `max_pixels` is checked; an array has no encoded size.
        copy: False: uint8 H×W×3 with its pixels side by side in each row is not copied.

    Raises:
        ImageDecodeError: Another dtype or shape, an empty array, NaN, or floats outside [0, 1].
        ImageTooLargeError: Too many pixels.
    """
    array = np.asarray(array)  # a matrix stays of two axes, whatever is done to it
    if 0 in array.shape:
        raise ImageDecodeError(f"{label}: came {describe(array)}: it has no pixels; wanted {_WANTED}.")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] > 4):
        raise ImageDecodeError(f"{label}: came {describe(array)}, wanted {_WANTED}.")
    limits.check_pixels(label, array.shape[0], array.shape[1])
    if not copy and array.dtype == np.uint8 and array.shape[2:] == (3,) and array.strides[1:] == (3, 1):
        return Picture(array, None, label, None)
    levels = array if array.ndim == 3 else array[:, :, np.newaxis]
    levels = levels if levels.dtype == np.uint8 else levels_of(levels, label)
    channels = levels.shape[2]
    pixels = np.empty((*levels.shape[:2], 3), np.uint8)
    pixels[...] = levels[:, :, : 1 if channels < 3 else 3]
    pixels, alpha = as_seen(pixels, levels[:, :, -1].copy() if channels in (2, 4) else None)
    return Picture(pixels, alpha, label, None)


def levels_of(array: NDArray[Any], label: str) -> Pixels:
    """Scale uint8, uint16, bool or float [0, 1] of any shape to uint8 levels, always a copy; rounds."""
    if array.dtype == np.uint8:
        return array.copy()
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        return byte_of_uint16(array)
    if array.dtype.kind == "f":
        lowest, highest = float(array.min()), float(array.max())
        if np.isnan(lowest) or np.isnan(highest):
            raise ImageDecodeError(f"{label}: came floats with NaN, wanted numbers in [0, 1]. Replace the NaN.")
        if lowest < 0 or highest > 1:
            raise ImageDecodeError(
                f"{label}: came floats from {lowest:g} to {highest:g}, wanted [0, 1]. "
                "Divide by 255 or clip them, or give uint8."
            )
        return np.rint(array.astype(np.float64) * 255).astype(np.uint8)
    raise ImageDecodeError(f"{label}: came {describe(array)}, wanted {_WANTED}. Convert it with astype.")


def byte_of_uint16(array: NDArray[Any]) -> Pixels:
    """Scale 0–65535 to 0–255: divide by 257 and round."""
    return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
