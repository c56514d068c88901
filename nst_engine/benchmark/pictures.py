"""The photos of a benchmark: real ones, since noise is not typical and hides errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nst_engine.image.likeness import psnr_db


def photos_of(width: int, height: int, count: int) -> list[NDArray[np.uint8]]:
    """Bundled photos in turn, resized to one size: uint8 H×W×3 each."""
    from nst_engine.catalogue import bundled_contents
    from nst_engine.image import load_image, resize_image

    paths = [photo.path for photo in bundled_contents().values()]
    first = [resize_image(load_image(path).pixels, height, width) for path in paths[:count]]
    return [first[number % len(first)] for number in range(count)]


def least_psnr_db(pictures: Sequence[NDArray[np.uint8]], reference: Sequence[NDArray[np.uint8]]) -> float:
    """Peak signal-to-noise ratio of the worst picture against its reference, dB; of another shape: 0."""
    return min(psnr_db(picture, expected) for picture, expected in zip(pictures, reference, strict=True))
