"""What is to be seen of a picture with transparent areas: whatever colours those hold, nobody painted them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from nst_engine.errors import OptionError
from nst_engine.image.picture import Picture, Pixels
from nst_engine.image.resize import resize_image

# Times the size that is wanted, at least.
_REDUCED_TO = 2


def visible_part(picture: Picture) -> Picture:
    """Its smallest rectangle with everything that is not transparent.

    Raises:
        OptionError: All of it is transparent.
    """
    if picture.alpha is None:
        return picture
    rows, columns = (np.flatnonzero(picture.alpha.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        raise OptionError(f"{picture.source}: is transparent everywhere; a style image needs something to be seen")
    area = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return replace(picture, pixels=picture.pixels[area], alpha=picture.alpha[area])


def resized_opaque(picture: Picture, height: int, width: int) -> Pixels:
    """The picture in another size, uint8 H×W×3, with holes filled by the mean colour of what is to be seen."""
    if picture.alpha is None:
        return resize_image(picture.pixels, height, width)
    # a large picture is halved or more first, in bytes: floats of all of it would take gigabytes
    factor = max(1, min(picture.height // height, picture.width // width) // _REDUCED_TO)
    pixels, alpha = picture.pixels, picture.alpha
    if factor > 1:  # Pillow weighs by opacity, too
        both = np.asarray(Image.fromarray(np.dstack([pixels, alpha])).reduce(factor))
        pixels, alpha = both[..., :3], both[..., 3]
    opacity = alpha.astype(np.float32) / np.float32(255)
    resized_opacity = resize_image(opacity, height, width)
    filled = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        # weighed before they are mixed with what nobody sees
        seen = resize_image(pixels[..., channel].astype(np.float32) * opacity, height, width)
        # a nearly transparent picture still has its colour
        mean = float(seen.sum()) / max(float(resized_opacity.sum()), 1e-6)
        filled[..., channel] = np.rint(seen + mean * (1 - resized_opacity)).clip(0, 255)
    return filled
