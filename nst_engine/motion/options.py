"""Options for the frames of one clip or camera, with their limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nst_engine.color import COLORS_KEPT, ColorMode
from nst_engine.options import check_options, option
from nst_engine.stylize.options import STROKE_SIZES

Stability = Literal["off", "low", "high"]


@dataclass(frozen=True, kw_only=True)
class FrameOptions:
    """See `nst_engine.FrameStylizer`. Stylizing twice would flicker: strength ends at 1.

    Attributes:
        strength: 0: the photo; 1: the stylized picture.
        preserve_color: `luma`, `match` or `histogram` keep the photo's colours; None: the style's.
        stroke_size: 1: the network's own strokes, whatever the frames' size.
        stability: Flicker reduction.

    Raises:
        OptionError: An invalid value.
    """

    strength: float = option(
        1.0,
        "0 is what came",
        metavar="0-1",
        limits=(0.0, 1.0),
        why="beyond 1 pictures are stylized twice: frames flicker",
    )
    preserve_color: ColorMode | None = option(None, COLORS_KEPT)
    stroke_size: float = option(
        1.0, "1 is the network's own, 0.5 is finer, 4 much broader", metavar="0.1-8", limits=STROKE_SIZES
    )
    stability: Stability = option("low", "no flicker")

    def __post_init__(self) -> None:
        check_options(self)
