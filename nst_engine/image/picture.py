"""Decoded pictures, and limits on their size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import ImageEncodeError, ImageTooLargeError
from nst_engine.options import check_number, check_options, option

Pixels: TypeAlias = NDArray[np.uint8]

_COUNTS = (1, math.inf)


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded still picture, upright and in sRGB.

    Attributes:
        pixels: uint8 H×W×3, RGB in sRGB, 0–255. Under transparent pixels the colour is kept as decoded.
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


@dataclass(frozen=True)
class ImageLimits:
    """Limits that are checked before decoding.

    Attributes:
        max_bytes: largest encoded size in bytes.
        max_pixels: largest width × height in pixels.
        max_side: longest side in pixels; None: any. (What `stylize` calls `max_side` shrinks, and refuses nothing.)

    Raises:
        OptionError: a limit that is no whole number above 0.
    """

    max_bytes: int = option(256 * 1024 * 1024, "refuse larger picture files", metavar="N", limits=_COUNTS)
    max_pixels: int = option(128 * 1024 * 1024, "refuse pictures of more pixels", metavar="N", limits=_COUNTS)
    max_side: int | None = None

    def __post_init__(self) -> None:
        check_options(self)
        if self.max_side is not None:
            check_number("max_side", self.max_side, *_COUNTS, is_whole=True)

    def check_bytes(self, label: str, size_bytes: int | None) -> None:
        """Raise `ImageTooLargeError` for more than `max_bytes`; None: a stream that exceeds it."""
        if size_bytes is None or size_bytes > self.max_bytes:
            came = f"{size_bytes:,} bytes" if size_bytes is not None else f"more than {self.max_bytes:,} bytes"
            raise ImageTooLargeError(
                f"{label}: the picture has {came}, the limit is {self.max_bytes:,}. "
                "Save it smaller, or raise the limit `max_bytes`."
            )

    def check_pixels(self, label: str, height: int, width: int) -> None:
        """Raise `ImageTooLargeError` for more than `max_pixels`, or a side longer than `max_side`."""
        if height * width > self.max_pixels:
            raise ImageTooLargeError(
                f"{label}: the picture has {width}×{height} = {height * width:,} pixels, "
                f"the limit is {self.max_pixels:,}. Scale it down first, or raise the limit `max_pixels`."
            )
        if self.max_side is not None and max(height, width) > self.max_side:
            raise ImageTooLargeError(
                f"{label}: the picture has {width}×{height} pixels, the limit is {self.max_side:,} a side. Scale it "
                "down first, or raise ImageLimits.max_side."
            )


DEFAULT_LIMITS = ImageLimits()


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
