"""The scales of a run, coarse to fine, and how many iterations each gets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nst_engine.errors import OptionError
from nst_engine.geometry import fit_longer_side
from nst_engine.vgg19.layers import MIN_SIDE_PX as NETWORK_MIN_SIDE_PX

#: Iterations of the finest scale, the next coarser one, ...; scales beyond the list take the last number. Coarse
#: ones are cheap and place the large strokes, but more of them bring nothing: the picture is judged at the finest,
#: where strokes are sharpened and content comes back. With 18 and 23 at the finest two, and a style weight of 9, style
#: distances are a tenth larger, and content distances a twentieth.
ITERATIONS_FINE_TO_COARSE = (28, 28, 34, 46, 58)
#: Of the coarsest scale, whichever it is: it starts from the photo.
ITERATIONS_AT_FIRST = 69
ITERATIONS_WITHOUT_PYRAMID = 100
#: Shorter side of the coarsest scale, px: below it the deepest style layer sees too few pixels for statistics.
COARSEST_SIDE_PX = 80


@dataclass(frozen=True)
class Scale:
    """One level of the pyramid: its size in px, the ratio to the full size, and its iterations."""

    height: int
    width: int
    ratio: float
    iterations: int


def plan_scales(
    content_height: int, content_width: int, *, image_size: int, num_iterations: int | None, pyramid: bool
) -> list[Scale]:
    """Scales a factor sqrt(2) apart, the last at full size, where the longer side is `image_size` px.

    Args:
        content_height: Of the content image, px.
        content_width: Of the content image, px.
        image_size: Longer side of the result, px.
        num_iterations: In total; shared out in the proportion of the defaults, at least 1 each. None: the defaults.
        pyramid: False: one scale only.

    Raises:
        OptionError: The picture is too small or too narrow for the network.
    """
    height, width = fit_longer_side(content_height, content_width, image_size)
    if min(height, width) < NETWORK_MIN_SIDE_PX:
        raise OptionError(
            f"the content image, {content_width}x{content_height} px, would be painted at {width}x{height} px; "
            f"VGG-19 needs at least {NETWORK_MIN_SIDE_PX} px each way: crop it or raise `image_size`"
        )
    levels = 1
    if pyramid:
        levels += max(0, math.floor(2 * math.log2(min(height, width) / COARSEST_SIDE_PX) + 1e-6))
        levels = min(levels, num_iterations or levels)
    ratios = [2 ** (-level / 2) for level in reversed(range(levels))]
    shares = [ITERATIONS_FINE_TO_COARSE[min(level, len(ITERATIONS_FINE_TO_COARSE) - 1)] for level in range(levels)]
    shares[-1] = ITERATIONS_AT_FIRST if levels > 1 else ITERATIONS_WITHOUT_PYRAMID
    shares.reverse()
    iterations = shares if num_iterations is None else _share_out(num_iterations, shares)
    return [
        Scale(_scaled(height, ratio), _scaled(width, ratio), ratio, count)
        for ratio, count in zip(ratios, iterations, strict=True)
    ]


def _scaled(side: int, ratio: float) -> int:
    return max(NETWORK_MIN_SIDE_PX, round(side * ratio))


def _share_out(total: int, shares: list[int]) -> list[int]:
    """Integers of sum `total`, at least 1 each, as proportional to `shares` as possible."""
    spare = total - len(shares)
    ends = [round(spare * sum(shares[: k + 1]) / sum(shares)) for k in range(len(shares))]
    return [1 + end - start for start, end in zip([0, *ends], ends, strict=False)]
