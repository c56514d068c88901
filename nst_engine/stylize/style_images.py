"""Prepares style images for encoders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nst_engine.geometry import fit_longer_side
from nst_engine.image import ImageSource, load_image, painted_part, resized_opaque
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits

#: Narrower pictures are reflected back and forth until they are so wide: an encoder cannot read a line.
LEAST_SIDE_PX = 64


def read_style_image(source: ImageSource, side_px: int, *, limits: ImageLimits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """Read a style image at the encoder's size.

    Transparent areas are not part of the style: margins are cropped, holes filled with the mean colour. Nor is what a
    scan shows around a painting.

    Args:
        source: As `nst_engine.load_image` takes it; of an animated GIF, WebP or TIFF, its first frame.
        side_px: Longer side of the result; small pictures are enlarged.
        limits: Larger inputs are refused before they are decoded.

    Returns:
        uint8 H×W×3, RGB, both sides at least `LEAST_SIDE_PX`.

    Raises:
        OptionError: All of it is transparent.
        ImageDecodeError: It cannot be read; also its siblings `ImageNotFoundError` and `ImageTooLargeError`.
    """
    picture = painted_part(load_image(source, limits=limits, copy=False, first_frame=True))
    height, width = fit_longer_side(picture.height, picture.width, side_px)
    read = resized_opaque(picture, height, width)
    missing = [(0, max(0, LEAST_SIDE_PX - side)) for side in (height, width)]
    return np.pad(read, (*missing, (0, 0)), mode="symmetric")
