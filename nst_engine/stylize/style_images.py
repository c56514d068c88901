"""Prepares style images for encoders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OptionError
from nst_engine.geometry import fit_longer_side
from nst_engine.image import ImageSource, Picture, load_image, resize_image
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits

#: Narrower pictures are reflected back and forth until they are so wide: an encoder cannot read a line.
LEAST_SIDE_PX = 64


def read_style_image(source: ImageSource, side_px: int, *, limits: ImageLimits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """Read a style image at the encoder's size.

    Transparent areas are not part of the style: margins are cropped, holes filled with the mean colour.

    Args:
        source: As `nst_engine.load_image` takes it; of an animation, its first frame.
        side_px: Longer side of the result; small pictures are enlarged.
        limits: Larger inputs are refused before they are decoded.

    Returns:
        uint8 H×W×3, RGB, both sides at least `LEAST_SIDE_PX`.

    Raises:
        OptionError: All of it is transparent.
        ImageDecodeError: It cannot be read; also its siblings `ImageNotFoundError` and `ImageTooLargeError`.
    """
    picture = load_image(source, limits=limits, copy=False, first_frame=True)
    pixels, alpha = _visible(picture)
    height, width = fit_longer_side(pixels.shape[0], pixels.shape[1], side_px)
    read = resize_image(pixels, height, width)
    if alpha is not None:
        read = _filled(read, resize_image(alpha, height, width))
    missing = [(0, max(0, LEAST_SIDE_PX - side)) for side in (height, width)]
    return np.pad(read, (*missing, (0, 0)), mode="symmetric")


def _visible(picture: Picture) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Bounding box of everything that is not transparent."""
    if picture.alpha is None:
        return picture.pixels, None
    rows, columns = (np.flatnonzero(picture.alpha.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        raise OptionError(f"{picture.source}: is transparent everywhere; a style image needs something to be seen")
    area = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return picture.pixels[area], picture.alpha[area]


def _filled(pixels: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    opacity = alpha[..., np.newaxis].astype(np.float32) / 255
    # a nearly transparent picture still has its colour
    mean = (pixels * opacity).sum((0, 1)) / max(float(opacity.sum()), 1e-6)
    filled: NDArray[np.uint8] = np.rint(pixels * opacity + mean * (1 - opacity)).clip(0, 255).astype(np.uint8)
    return filled
