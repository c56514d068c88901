"""Stroke size: a network's strokes have a fixed size in pixels, whatever the picture's.

Larger ones come from stylizing a smaller picture and enlarging the result by at most an octave at a time; what that
lacks, the crispness of the finest strokes, is taken from stylizing the result again. So large forms are stylized once,
nothing is soft, and what is fine follows what is a little coarser: over four times as large a picture at once, a
second stylization lays its own small strokes across the first one's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from nst_engine.cancellation import check_cancelled
from nst_engine.errors import ImageTooLargeError
from nst_engine.image import resize_image, without_finest
from nst_engine.limits import ImageLimits

#: Longer side up to which strokes have the network's own size, px; beyond it they grow with the picture.
NATURAL_SIDE_PX = 1280

_BLOCK_ROWS = 64
_FINER, _LEFT_OUT, _WHOLE_FROM = 1.3, 0.2, 0.25
#: Of longer and shorter side, up to where a picture is as large as its longer side says.
_SLIMMEST = 3.0
#: Smaller pictures of a scene show nothing of it any more.
_LEAST_SIDE_PX = 40

Pictures = Sequence[NDArray[np.uint8]]


def in_proportion(height: int, width: int) -> float:
    """Default stroke size for a picture of this size, relative to the network's own."""
    return max(1.0, min(max(height, width), _SLIMMEST * min(height, width)) / NATURAL_SIDE_PX)


def check_finer(height: int, width: int, stroke_size: float, limits: ImageLimits, *, proportion: float = 1.0) -> None:
    """Refuse finer strokes of a picture that would have to be enlarged beyond the limits for them.

    Args:
        height: Of the picture, px.
        width: Of the picture, px.
        stroke_size: As the caller gave it.
        limits: Of the enlarged picture.
        proportion: What a stroke size of 1 is, relative to the network's own.

    Raises:
        ImageTooLargeError: It would.
    """
    scale = stroke_size * proportion
    pixels = height * width / scale**2
    if scale < 1 and pixels > limits.max_pixels:
        least = math.ceil(100 * math.sqrt(height * width / limits.max_pixels) / proportion) / 100
        raise ImageTooLargeError(
            f"strokes of `stroke_size={stroke_size:g}` in a picture of {width}×{height} px are painted at "
            f"{pixels:,.0f} pixels, the limit is {limits.max_pixels:,}; "
            f"take `stroke_size={min(least, 1.0):g}` or more, or a smaller picture"
        )


def stylize_broadly(
    photos: Pictures, scale: float, stylize: Callable[[Pictures], list[NDArray[np.uint8]]]
) -> list[NDArray[np.uint8]]:
    """Stylize pictures of one size with strokes scaled relative to the network's own.

    Returns:
        uint8 H×W×3 each.
    """
    height, width = photos[0].shape[:2]
    scale = min(scale, max(1.0, min(height, width) / _LEAST_SIDE_PX))
    painted = stylize(_resized(photos, height / scale, width / scale))
    while scale > 1:
        finer = 2.0 ** (math.ceil(math.log2(scale)) - 1)  # the next power of two; 1 is the last one
        broad = _resized(painted, height / finer, width / finer)
        if broad is not painted:
            painted = [_crisp(*both, scale / finer) for both in zip(broad, stylize(broad), strict=True)]
        scale = finer
    return list(_resized(painted, height, width))


def _resized(pictures: Pictures, height: float, width: float) -> Pictures:
    """Pictures of that size, rounded; themselves, if they have it."""
    sides = max(1, round(height)), max(1, round(width))
    return pictures if pictures[0].shape[:2] == sides else [resize_image(each, *sides) for each in pictures]


def _crisp(broad: NDArray[np.uint8], again: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """An output that was enlarged by that scale, plus the finest detail of its second stylization."""
    # slightly more detail is left out, or the second pass's strokes would show beside the first one's; but of what the
    # picture lacks, in octaves, a fifth at most, or one that was hardly enlarged would stay soft
    finer = min(_FINER, scale**_LEFT_OUT)
    share = min(1.0, (scale - 1) / _WHOLE_FROM)  # from nothing on: a pixel more shall not change the picture
    coarse = without_finest(again, *(max(1, round(finer * side / scale)) for side in broad.shape[:2]))
    crisp = np.empty_like(broad)
    for top in range(0, len(broad), _BLOCK_ROWS):
        check_cancelled()
        rows = slice(top, top + _BLOCK_ROWS)
        levels = again[rows].astype(np.int16)
        levels -= coarse[rows]
        if share < 1:
            levels = np.rint(levels * np.float32(share)).astype(np.int16)
        levels += broad[rows]
        np.clip(levels, 0, 255, out=levels)
        crisp[rows] = levels
    return crisp
