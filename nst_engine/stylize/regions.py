"""Different styles in different regions of a picture: each is applied to the whole picture, then masked.

To the whole picture, because normalisation uses its statistics: cut out, a region would have a
contrast and colours of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OptionError
from nst_engine.geometry import fit_longer_side
from nst_engine.image import ImageSource, load_masks, resize_image
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits

_BLOCK_ROWS = 64  # rows of a blend: avoids float copies of whole pictures
_LEAST = np.float32(1e-6)


@dataclass(frozen=True, eq=False)
class Regions:
    """Masks and shares of styles.

    Attributes:
        masks: float32 H×W each, 0-1, in the styles' order.
        shares: Weights of the styles where masks overlap.
    """

    masks: Sequence[NDArray[np.float32]] = field(repr=False)
    shares: Sequence[float]

    def blended(self, stylized: Sequence[NDArray[np.uint8]], out: NDArray[np.uint8]) -> None:
        """Blend stylized pictures, uint8 H×W×3, one for each style, into `out`, which holds the photo.

        Where masks add up to less than 1, the photo remains.
        """
        for top in range(0, len(out), _BLOCK_ROWS):
            rows = slice(top, top + _BLOCK_ROWS)
            weights = np.stack([mask[rows] for mask in self.masks])[..., np.newaxis]
            covered = weights.sum(0).clip(0, 1)
            weights *= np.array(self.shares, np.float32).reshape(-1, 1, 1, 1)
            mixed = (weights * np.stack([each[rows] for each in stylized])).sum(0) / weights.sum(0).clip(_LEAST)
            photo = out[rows].astype(np.float32)
            out[rows] = np.rint(photo + covered * (mixed - photo)).clip(0, 255)


def read_regions(
    masks: Sequence[ImageSource], shares: Sequence[float], height: int, width: int, limits: ImageLimits = DEFAULT_LIMITS
) -> Regions:
    """Read masks and fit them to a picture's size.

    Args:
        masks: One for each style, in order: grey pictures of the photo's proportions, white inside.
        shares: Of the styles.
        height: Of the picture, px.
        width: Of the picture, px.
        limits: Larger inputs are refused before they are decoded.

    Raises:
        OptionError: Another number of masks than of styles, other proportions, or nothing white in one.
        ImageDecodeError: One cannot be read; also its siblings.
    """
    read = load_masks(masks, len(shares), option="style_masks", limits=limits)
    return Regions([_fitted(*mask, height, width) for mask in read], list(shares))


def stylize_in_regions(
    photo: NDArray[np.uint8],
    regions: Regions,
    stylize: Callable[[int], NDArray[np.uint8]],
    out: NDArray[np.uint8] | None,
) -> NDArray[np.uint8]:
    """Stylize a photo, uint8 H×W×3, with each style in its region.

    Args:
        photo: Not modified.
        regions: Of the photo's size.
        stylize: Returns the photo in the style of that number, in a new array.
        out: uint8 H×W×3, the output array; None: a new array.
    """
    stylized = [stylize(number) for number in range(len(regions.masks))]
    blended = np.empty(photo.shape, np.uint8) if out is None else out
    blended[...] = photo
    regions.blended(stylized, blended)
    return blended


def _fitted(mask: NDArray[np.float32], name: str, height: int, width: int) -> NDArray[np.float32]:
    fitted = fit_longer_side(mask.shape[0], mask.shape[1], max(height, width))
    # the photo may have been shrunk, with other rounding
    if max(abs(fitted[0] - height), abs(fitted[1] - width)) > 1:
        raise OptionError(
            f"{name} has {mask.shape[1]}×{mask.shape[0]} px, but the photo {width}×{height}; make the mask of the "
            "photo's proportions",
            option="style_masks",
        )
    return mask if mask.shape == (height, width) else resize_image(mask, height, width)
