"""Decoded pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import ImageEncodeError

Pixels: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded still picture, upright and in sRGB.

    Attributes:
        pixels: uint8 H×W×3, RGB in sRGB, 0–255. Colours of pixels nearby, where alpha is 0 and not everywhere.
        alpha: uint8 H×W, 0 transparent to 255 opaque; None where every pixel is opaque.
        source: Name in messages: the path, "<bytes>", "<array>", ...
        format: "PNG", "JPEG", ...; None for arrays.
    """

    pixels: Pixels
    alpha: Pixels | None
    source: str
    format: str | None

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])


def require_pixels(pixels: Pixels, what: str = "pixels") -> Pixels:
    """Return `pixels` contiguous if they are uint8 H×W×3 and not empty; `ImageEncodeError` otherwise."""
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.ndim != 3
        or pixels.shape[2] != 3
        or 0 in pixels.shape
    ):
        raise ImageEncodeError(f"{what}: came {describe(pixels)}, wanted uint8 of shape (height, width, 3).")
    return np.ascontiguousarray(pixels)


def require_alpha(alpha: Pixels, pixels: Pixels) -> Pixels:
    """Return `alpha` contiguous if it is uint8 H×W like `pixels`; `ImageEncodeError` otherwise."""
    if not isinstance(alpha, np.ndarray) or alpha.dtype != np.uint8 or alpha.shape != pixels.shape[:2]:
        raise ImageEncodeError(f"alpha: came {describe(alpha)}, wanted uint8 of shape {pixels.shape[:2]}.")
    return np.ascontiguousarray(alpha)


def describe(value: object) -> str:
    """Name an array by dtype and shape, anything else by its type."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    return f"a {type(value).__name__}"
