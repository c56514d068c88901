"""Options of stylization in one pass, with their limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from nst_engine.color import COLORS_KEPT, ColorMode
from nst_engine.limits import ImageLimits
from nst_engine.options import check_options, option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nst_engine.cancellation import CancelToken
    from nst_engine.image import ImageSource

STROKE_SIZES = (0.1, 8.0)


@dataclass(frozen=True, kw_only=True)
class StylizeOptions:
    """Options of a picture; see `nst_engine.Stylizer.stylize`.

    Attributes:
        strength: 0: the photo; 1: the stylized picture; up to 2: stylized again.
        preserve_color: `luma`, `match` or `histogram` keep the photo's colours; None: the style's.
        stroke_size: Stroke size, relative to what suits the picture's size.
        max_side: Larger pictures are first shrunk to this longer side, px; None: no limit.

    Raises:
        OptionError: An invalid value.
    """

    strength: float = option(1.0, "0 is the photo, 2 exaggerates", metavar="0-2", limits=(0.0, 2.0))
    preserve_color: ColorMode | None = option(None, COLORS_KEPT)
    stroke_size: float = option(
        1.0,
        "1 suits the picture's size, 0.5 is finer, 4 much broader; a small picture has room for less",
        metavar="0.1-8",
        limits=STROKE_SIZES,
    )
    max_side: int | None = option(
        None, "shrink larger pictures to this longer side first", metavar="PX", limits=(1, math.inf)
    )

    def __post_init__(self) -> None:
        check_options(self)


class StylizeArguments(TypedDict, total=False):
    """What `nst_engine.Stylizer.stylize` takes by name."""

    strength: float
    preserve_color: ColorMode | None
    stroke_size: float
    style_masks: ImageSource | Sequence[ImageSource]
    max_side: int | None
    out: NDArray[np.uint8] | None
    limits: ImageLimits | None
    cancel: CancelToken | None
