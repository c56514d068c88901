"""Masks of regions: grey pictures, white inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nst_engine.color import luma_of
from nst_engine.errors import OptionError
from nst_engine.image.decode import ImageSource, load_image
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits
from nst_engine.wording import counted


class Mask(NamedTuple):
    """Of one region.

    Attributes:
        inside: float32 H×W, 0-1.
        name: What messages call it.
    """

    inside: NDArray[np.float32]
    name: str


def load_mask(source: ImageSource, *, limits: ImageLimits = DEFAULT_LIMITS) -> NDArray[np.float32]:
    """Decode any picture `load_image` takes as a mask: its luma (BT.601), float32 H×W in [0, 1].

    Transparency plays no part. Raises what `load_image` raises.
    """
    luma: NDArray[np.float32] = luma_of(load_image(source, limits=limits).pixels) / np.float32(255)
    return np.minimum(luma, np.float32(1))


def load_masks(
    sources: Sequence[ImageSource], styles: int, *, option: str, limits: ImageLimits = DEFAULT_LIMITS
) -> Iterator[Mask]:
    """Decode a mask for each style, in order, when it is asked for: large ones are not in memory together.

    Args:
        sources: As `load_image` takes them.
        styles: How many there are.
        option: Through which they came.
        limits: Larger ones are refused before they are decoded.

    Raises:
        OptionError: Another number of masks than of styles, or nothing white in one.
        ImageDecodeError: One cannot be read; also its siblings.
    """
    if len(sources) != styles:
        raise OptionError(
            f"{len(sources)} came for {counted(styles, 'style')}; give one for each style, in order", option=option
        )
    for number, source in enumerate(sources, 1):
        picture = load_image(source, limits=limits)
        mask = Mask(load_mask(picture, limits=limits), f"mask {number} ({picture.source})")
        if mask.inside.max() <= 0:
            raise OptionError(f"{mask.name} is black all over; paint the region white", option=option)
        yield mask
