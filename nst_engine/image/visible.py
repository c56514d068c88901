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

_SEEN = [0, *[255] * 255]  # of each opacity


def visible_part(picture: Picture) -> Picture:
    """Its smallest rectangle with everything that is not transparent.

    Raises:
        OptionError: All of it is transparent.
    """
    if picture.alpha is None:
        return picture
    area = visible_area(picture)
    return replace(picture, pixels=picture.pixels[area], alpha=picture.alpha[area])


def visible_area(picture: Picture) -> tuple[slice, slice]:
    """Rows and columns of that rectangle.

    Raises:
        OptionError: All of it is transparent.
    """
    if picture.alpha is None:
        return slice(0, picture.height), slice(0, picture.width)
    rows, columns = (np.flatnonzero(picture.alpha.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        raise OptionError(f"{picture.source}: is transparent everywhere; a style image needs something to be seen")
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def without_hidden_colors(image: Image.Image, alpha: Pixels | None) -> Image.Image:
    """Hidden pixels in the colours of those nearby that are seen; a picture that is hidden throughout stays as it is.

    What they hold is chance (black, white, what was cut away), and would tell in statistics of the whole picture, and
    where edges are averaged.

    Args:
        image: L or RGB.
        alpha: uint8 H×W, of which 0 is hidden; None: all is seen.

    Returns:
        A picture of the same mode; `image` itself where nothing changes.
    """
    if alpha is None or alpha.all() or not alpha.any():
        return image
    return _continued(image, Image.fromarray(alpha).point(_SEEN))


def _continued(image: Image.Image, seen: Image.Image) -> Image.Image:
    """From halves of halves, whose pixels are means of what is seen (Gortler et al. 1996, section 3.4)."""
    if seen.getextrema() == (255, 255):
        return image
    around = _continued(*_halved(image, seen)).resize(image.size, Image.Resampling.BILINEAR)
    around.paste(image, mask=seen)  # in place: of large pictures, each copy counts
    return around


def _halved(image: Image.Image, seen: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Half the size: means of what is seen of four pixels each, and where that is anything."""
    alone = Image.new(image.mode, image.size)
    alone.paste(image, mask=seen)
    weighed = Image.merge(f"{image.mode}a", (*alone.reduce(2).split(), seen.reduce(2)))
    half = weighed.convert(f"{image.mode}A")
    return half.convert(image.mode), half.getchannel("A").point(_SEEN)


def as_seen(pixels: Pixels, alpha: Pixels | None) -> tuple[Pixels, Pixels | None]:
    """Pixels, uint8 H×W×3, without hidden colours, and alpha, uint8 H×W, or None if nothing is transparent."""
    alpha = opaque_to_none(alpha)
    return pixels if alpha is None else np.array(without_hidden_colors(Image.fromarray(pixels), alpha)), alpha


def opaque_to_none(alpha: Pixels | None) -> Pixels | None:
    """Return None for an alpha channel that hides nothing."""
    return None if alpha is None or bool((alpha == 255).all()) else alpha


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
