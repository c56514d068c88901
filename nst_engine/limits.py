"""How large pictures may be; checked before they are decoded."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nst_engine.errors import ImageTooLargeError, OptionError
from nst_engine.options import check_number, check_options, option

_COUNTS = (1, math.inf)


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


def require_limits(limits: object) -> ImageLimits:
    """Limits that a caller has given.

    Raises:
        OptionError: They are something else, such as a number.
    """
    if not isinstance(limits, ImageLimits):
        raise OptionError(f"{limits!r} came; wanted such as ImageLimits(max_pixels=12_000_000)", option="limits")
    return limits
