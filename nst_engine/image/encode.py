"""Encodes pixels as picture files."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real

import numpy as np
from PIL import Image

from nst_engine.errors import ImageEncodeError, NSTError, OptionError
from nst_engine.image.formats import ALPHA_FORMATS, FORMATS, WRITTEN, format_named, save
from nst_engine.image.picture import Pixels, require_alpha, require_pixels


def encode_image(pixels: Pixels, format: str, *, alpha: Pixels | None = None, quality: int = 95) -> bytes:  # noqa: A002
    """Encode sRGB pixels; nothing but the pixels is embedded.

    Args:
        pixels: uint8 H×W×3 RGB.
        format: "png", "jpeg" (or "jpg"), "webp", "avif", "heic" (with the extra `heif`), "tiff" or "bmp", in any case.
        alpha: uint8 H×W, 255 opaque; one that is opaque throughout is left out.
        quality: 1–100, for JPEG, WebP, AVIF and HEIC (4:4:4 but for WebP); the others are lossless.

    Raises:
        ImageEncodeError: Unknown format, wrong arrays, alpha in a format that has none (see `flatten`),
            or a picture larger than the format can hold.
        MissingDependencyError: HEIC without its extra.
        OptionError: `quality` is no integer in 1–100.
    """
    kind = format_named(format) if isinstance(format, str) else ""
    if kind not in FORMATS:
        raise ImageEncodeError(f"format: came {format!r}, wanted one of {', '.join(FORMATS)}.")
    if not isinstance(quality, int) or not 1 <= quality <= 100:
        raise OptionError(f"quality: came {quality!r}, wanted an integer from 1 to 100.")
    pixels = require_pixels(pixels)
    longest, most = max(pixels.shape[:2]), WRITTEN[kind].longest_px
    if most is not None and longest > most:
        raise ImageEncodeError(f"{kind}: came a side of {longest} pixels, the format holds {most}. Use png or tiff.")
    samples = pixels
    if alpha is not None and not bool((require_alpha(alpha, pixels) == 255).all()):
        if kind not in ALPHA_FORMATS:
            raise ImageEncodeError(
                f"{kind}: cannot hold transparency. Use one of {', '.join(ALPHA_FORMATS)}, or lay the picture on a "
                "background first."
            )
        samples = np.dstack([pixels, alpha])
    try:
        return save(Image.fromarray(samples), kind, quality)
    except NSTError:
        raise
    except (OSError, ValueError, OverflowError, RuntimeError) as error:
        raise ImageEncodeError(f"{kind}: the picture cannot be encoded ({error}). Try png.") from error


def with_alpha(pixels: Pixels, alpha: Pixels | None) -> Pixels:
    """Add the alpha channel: uint8 H×W×4 of H×W×3 and H×W, or opaque throughout for None.

    Raises:
        ImageEncodeError: Arrays of another dtype or shape.
    """
    pixels = require_pixels(pixels)
    if alpha is None:
        return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    return np.dstack([pixels, require_alpha(alpha, pixels)])


def to_pillow(pixels: Pixels, alpha: Pixels | None = None) -> Image.Image:
    """Copy uint8 H×W×3, and H×W if there is transparency, into a Pillow image of mode RGB or RGBA.

    Raises:
        ImageEncodeError: Arrays of another dtype or shape.
    """
    return Image.fromarray(require_pixels(pixels) if alpha is None else with_alpha(pixels, alpha)).copy()


def flatten(pixels: Pixels, alpha: Pixels | None, background: tuple[int, int, int] = (255, 255, 255)) -> Pixels:
    """Composite a picture over a plain background.

    Args:
        pixels: uint8 H×W×3.
        alpha: uint8 H×W, or None for an opaque picture, which is returned as it came.
        background: RGB, 0–255.

    Returns:
        uint8 H×W×3, blended in sRGB as browsers do, and rounded.

    Raises:
        ImageEncodeError: Arrays of another dtype or shape.
        OptionError: A background outside 0–255.
    """
    pixels = require_pixels(pixels)
    came = list(background) if isinstance(background, Iterable) else [background]
    if len(came) != 3 or not all(isinstance(level, Real) and 0 <= level <= 255 for level in came):
        raise OptionError(f"background: came {background!r}, wanted three levels from 0 to 255.")
    if alpha is None:
        return pixels
    cover = require_alpha(alpha, pixels).astype(np.uint32)[:, :, np.newaxis]
    blend = pixels * cover + np.array(came, dtype=np.uint32) * (255 - cover)
    return ((blend + 127) // 255).astype(np.uint8)
