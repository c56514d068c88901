"""Converts any colours to upright sRGB: modes, 16 bits, transparency, ICC profiles, EXIF orientation."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, JpegImagePlugin, TiffImagePlugin

from nst_engine.errors import ImageDecodeError
from nst_engine.geometry import fit_longer_side
from nst_engine.image.arrays import byte_of_uint16
from nst_engine.image.picture import Pixels
from nst_engine.image.visible import opaque_to_none, without_hidden_colors

_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}

# cells are averaged until a picture is so many times too large; what Lanczos makes of it then looks the same
_REDUCING_GAP = 3.0


def srgb_of(image: Image.Image, label: str, max_side: int | None = None) -> tuple[Pixels, Pixels | None, str | None]:
    """Decode `image` and bring it to sRGB.

    Args:
        image: not decoded yet.
        label: what messages call it.
        max_side: what its longer side is shrunk to if it is longer, px: before anything is copied.

    Returns:
        pixels uint8 H×W×3; alpha uint8 H×W or None where all is opaque; and why an ICC profile was
        ignored, or None. The arrays are copies, turned upright.

    Raises:
        ImageDecodeError: 32-bit numbers in no known range. Pillow's own exceptions pass through.
    """
    sample_scale = _sample_scale(image)
    image.load()
    orientation = _orientation(image)
    icc = image.info.get("icc_profile")
    colour, alpha = _separate(image, sample_scale, label)
    colour, alpha = _shrunk(without_hidden_colors(colour, alpha), alpha, max_side)
    rgb, complaint = _to_srgb(colour, icc if isinstance(icc, bytes) else None)
    pixels = _upright(np.asarray(rgb), orientation)
    return pixels, opaque_to_none(None if alpha is None else _upright(alpha, orientation)), complaint


def draft(image: Image.Image, max_side: int | None) -> None:
    """Let a JPEG be decoded at a half, a quarter or an eighth of its size, where that is still larger."""
    if max_side is not None and max(image.size) > max_side and isinstance(image, JpegImagePlugin.JpegImageFile):
        height, width = fit_longer_side(image.height, image.width, max_side)
        image.draft(None, (width, height))


def _shrunk(colour: Image.Image, alpha: Pixels | None, max_side: int | None) -> tuple[Image.Image, Pixels | None]:
    if max_side is None or max(colour.size) <= max_side:
        return colour, alpha
    height, width = fit_longer_side(colour.height, colour.width, max_side)

    def shrink(image: Image.Image) -> Image.Image:
        return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)

    info = colour.info
    colour = shrink(colour)
    colour.info = info
    return colour, None if alpha is None else np.asarray(shrink(Image.fromarray(alpha)))


def _orientation(image: Image.Image) -> int:
    # Read after load(): Pillow turns TIFF itself while loading and then drops the tag.
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF: no orientation
        return 1


def _upright(array: Pixels, orientation: int) -> Pixels:
    turned = {
        2: lambda: array[:, ::-1],
        3: lambda: array[::-1, ::-1],
        4: lambda: array[::-1],
        5: lambda: array.swapaxes(0, 1),
        6: lambda: np.rot90(array, -1),
        7: lambda: array[::-1, ::-1].swapaxes(0, 1),
        8: lambda: np.rot90(array, 1),
    }.get(orientation, lambda: array)()
    return np.array(turned, dtype=np.uint8, order="C")


def _sample_scale(image: Image.Image) -> int:
    """Factor for a PNG's transparent grey value: Pillow scales 2- and 4-bit samples, but not the value."""
    tile = getattr(image, "tile", None)  # (codec, extents, offset, arguments)
    rawmode = tile[0][3] if tile else None
    return {"L;2": 85, "L;4": 17}.get(rawmode, 1) if isinstance(rawmode, str) else 1


def _separate(image: Image.Image, sample_scale: int, label: str) -> tuple[Image.Image, Pixels | None]:
    """Return the colours as L, RGB, CMYK or LAB, and the alpha."""
    mode = image.mode
    if mode in ("1", "L", "F") or mode.startswith("I"):
        return _separate_grey(image, sample_scale, label)
    if mode == "RGB":
        return image, _alpha_of_rgb_key(image)
    if mode in ("LA", "La"):
        pair = image if mode == "LA" else image.convert("LA")
        return pair.getchannel("L"), np.asarray(pair.getchannel("A"))
    if mode in ("RGBA", "RGBa") or image.has_transparency_data:
        rgba = image if mode == "RGBA" else image.convert("RGBA")
        return rgba.convert("RGB"), np.asarray(rgba.getchannel("A"))
    if mode in ("CMYK", "LAB"):
        return image, None
    return image.convert("RGB"), None


def _separate_grey(image: Image.Image, sample_scale: int, label: str) -> tuple[Image.Image, Pixels | None]:
    key = image.info.get("transparency")
    if image.mode in ("1", "L"):
        grey = image.convert("L")
        if image.mode == "1" and key:  # 1 before Pillow 11, 255 since
            key = 255
        alpha = _keyed(np.asarray(grey) != key * sample_scale) if isinstance(key, int) else None
        return grey, alpha
    samples = np.asarray(image)
    if _is_white_at_zero(image):
        samples = np.iinfo(np.uint16).max - samples
    alpha = _keyed(samples != key) if isinstance(key, int) else None
    return Image.fromarray(_levels(samples, label)), alpha


def _is_white_at_zero(image: Image.Image) -> bool:
    """Whether a TIFF of 16 bits is the negative of what it shows; of fewer bits, Pillow turns it around itself."""
    if not (isinstance(image, TiffImagePlugin.TiffImageFile) and image.mode.startswith("I;16")):
        return False
    return image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0


def _alpha_of_rgb_key(image: Image.Image) -> Pixels | None:
    key = image.info.get("transparency")
    if not isinstance(key, tuple):
        return None
    if max(key) > 255:  # a 16-bit PNG: Pillow keeps the high byte of the samples, but not of the key
        key = tuple(value >> 8 for value in key)
    return _keyed((np.asarray(image) != np.array(key)).any(axis=2))


def _keyed(opaque: NDArray[np.bool_]) -> Pixels:
    return opaque.astype(np.uint8) * np.uint8(255)


def _levels(samples: NDArray[Any], label: str) -> Pixels:
    """Scale grey samples to uint8: integers from 0–65535; floats from 0–1, or from 0–255 if one exceeds 1."""
    lowest, highest = samples.min(), samples.max()
    if samples.dtype.kind in "iu" and lowest >= 0 and highest <= 65535:
        return byte_of_uint16(samples)
    if samples.dtype.kind == "f" and lowest >= 0 and highest <= 255:
        return np.rint(samples.astype(np.float64) * (255 if highest <= 1 else 1)).astype(np.uint8)
    raise ImageDecodeError(
        f"{label}: came 32-bit grey levels from {lowest:g} to {highest:g}, wanted integers in 0–65535 or "
        "floats in 0–1 or 0–255. Save the picture with 8 or 16 bits per channel."
    )


def _to_srgb(colour: Image.Image, icc: bytes | None) -> tuple[Image.Image, str | None]:
    complaint = None
    if icc:
        try:
            return _by_profile(colour, icc), None
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            complaint = f"its colour profile is ignored, the colours are taken as they stand ({error})"
    if colour.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        return _transformed(colour, ImageCms.ImageCmsProfile(lab)), complaint
    return colour.convert("RGB"), complaint


def _by_profile(colour: Image.Image, icc: bytes) -> Image.Image:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    space = profile.profile.xcolor_space.strip()
    mode = _SPACES.get(space)
    if mode == "RGB" and colour.mode == "L":  # a grey picture in an RGB workspace, as editors save it
        colour = colour.convert("RGB")
    if mode != colour.mode:
        raise ValueError(f"it is for {space} colours, the picture has {colour.mode}")
    if mode == "RGB" and _is_srgb(profile):
        return colour
    if mode == "L":
        # Little CMS's fast path for grey is up to 10 levels off in the shadows; 256 levels need no speed.
        ramp = Image.frombytes("L", (256, 1), bytes(range(256)))
        table = np.asarray(_transformed(ramp, profile, ImageCms.Flags.NOOPTIMIZE))[0]
        return Image.fromarray(table[np.asarray(colour)])
    return _transformed(colour, profile)


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Whether a profile changes colours by rounding only, and can be skipped: sRGB under any name."""
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    probe = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    moved = np.asarray(_transformed(Image.fromarray(probe), profile)).astype(np.int16) - probe
    return bool(np.abs(moved).max() <= 1)


def _transformed(
    colour: Image.Image, profile: ImageCms.ImageCmsProfile, flags: ImageCms.Flags = ImageCms.Flags.NONE
) -> Image.Image:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    transform = ImageCms.buildTransform(profile, srgb, colour.mode, "RGB", ImageCms.Intent.PERCEPTUAL, flags)
    result = ImageCms.applyTransform(colour, transform)
    if result is None:
        raise ValueError("the colour transform gave no picture")
    return result
