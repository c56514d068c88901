"""Any source becomes a `Picture`: the one door through which pictures come in."""

from __future__ import annotations

import io
import math
import os
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from nst_engine.cancellation import CancellableBytes
from nst_engine.checks import require_path
from nst_engine.errors import ImageDecodeError, ImageTooLargeError, NSTError
from nst_engine.image.arrays import picture_of_array
from nst_engine.image.cost import check_coded_size, check_samples, check_scans, check_tiles, has_more_pages
from nst_engine.image.formats import ACCEPTED_FORMATS, OPENERS, sniff
from nst_engine.image.picture import Picture
from nst_engine.image.profile import draft, srgb_of
from nst_engine.image.quiet import pillow_quiet, silence_libtiff
from nst_engine.image.read import read_file, read_path
from nst_engine.image.resize import fitted
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits, require_limits
from nst_engine.options import check_number
from nst_engine.wording import label_of_path

PillowImage: TypeAlias = Image.Image
#: A file, its content, or what Pillow read from one.
EncodedImage: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image
ImageSource: TypeAlias = EncodedImage | NDArray[Any] | Picture

#: Phones' photos with further pictures beside the first, which are no animations; a caller may have opened them.
_OF_SEVERAL_PICTURES = ("MPO", "HEIC", "HEIF")
# Pillow's words for files that are whole, and beyond it
_NOT_READ = ("unknown pixel mode", "unknown raw mode", "Unsupported BMP", "unknown data organization", "not supported")


def load_image(
    source: ImageSource,
    *,
    limits: ImageLimits = DEFAULT_LIMITS,
    name: str | None = None,
    copy: bool = True,
    first_frame: bool = False,
    max_side: int | None = None,
) -> Picture:
    """Decode one still picture to upright sRGB.

    Args:
        source: a path; encoded bytes; a binary file object; an array as `picture_of_array` takes it; a
            Pillow image; or what this function returned. Encoded pictures are PNG, JPEG, WebP, AVIF, HEIC
            (with the extra `heif`), TIFF, BMP, or a GIF of one frame.
        limits: what is refused before it is decoded.
        name: what messages call the source, instead of its path or "<bytes>".
        copy: False: an array of uint8 H×W×3 may be taken as it is; then it must not change while the picture is used.
        max_side: shrink pictures whose longer side is longer, px: as they are decoded, in less memory than whole ones
            take; None: none is.
        first_frame: take the first picture of an animation or of several pages, instead of refusing them.

    The EXIF turn is applied; an ICC profile is converted to sRGB (a damaged or unfitting one is ignored with
    a `RuntimeWarning`); CMYK without a profile is converted by Pillow's plain formula. 16-bit grey is divided
    by 257 and rounded; of 16-bit RGB Pillow keeps the high byte. Single-channel floats are taken as 0–1, or
    as 0–255 where one exceeds 1. What wholly transparent pixels hold is replaced by colours of pixels
    nearby that are seen. A host application that sets Pillow's `ImageFile.LOAD_TRUNCATED_IMAGES` turns
    the detection of truncated files off.

    Raises:
        ImageNotFoundError: there is no such file.
        ImageDecodeError: unreadable, empty, no picture, truncated, animated, or an array in no known range.
        ImageTooLargeError: beyond `limits`.
        OptionError: `limits` or `max_side` is none, or a path is of bytes.
    """
    limits = require_limits(limits)
    if max_side is not None:
        check_number("max_side", max_side, 1, math.inf, is_whole=True)
    if isinstance(source, os.PathLike):
        source = require_path("source", source)
    label = name or _label(source)
    if isinstance(source, Picture):
        limits.check_pixels(label, source.height, source.width)
        return fitted(source, max_side)
    if isinstance(source, np.ndarray):
        return fitted(picture_of_array(source, label, limits, copy=copy), max_side)
    how: dict[str, Any] = {"first_frame": first_frame, "max_side": max_side}
    if isinstance(source, Image.Image):
        picture, complaint = _decode(lambda: source, source.format, label, limits, **how, is_own=False)
    else:
        content = _content(source, label, limits)
        file_format = _format_of(content, label, limits)
        opener = OPENERS[file_format]
        picture, complaint = _decode(
            lambda: opener(CancellableBytes(content)), file_format, label, limits, **how, is_own=True
        )
    if complaint:
        warnings.warn(f"{label}: {complaint}.", RuntimeWarning, stacklevel=2)
    return picture


def _label(source: ImageSource) -> str:
    if isinstance(source, str | os.PathLike):
        return label_of_path(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return "<bytes>"
    if isinstance(source, Picture):
        return source.source
    if isinstance(source, np.ndarray):
        return "<array>"
    if isinstance(source, Image.Image):
        filename = getattr(source, "filename", None)
        return label_of_path(filename) if isinstance(filename, str) and filename else "<image>"
    filename = getattr(source, "name", None)
    return label_of_path(filename) if isinstance(filename, str) and filename else "<file>"


def _content(source: ImageSource, label: str, limits: ImageLimits) -> bytes:
    if isinstance(source, str | os.PathLike):
        return read_path(source, label, limits)
    if isinstance(source, bytes | bytearray | memoryview):
        limits.check_bytes(label, memoryview(source).nbytes)
        return bytes(source)
    if callable(getattr(source, "read", None)):
        return read_file(cast("BinaryIO", source), label, limits)
    raise ImageDecodeError(
        f"{label}: came a {type(source).__name__}, wanted a path, bytes, a binary file, a NumPy array or a "
        "Pillow image."
    )


def _format_of(content: bytes, label: str, limits: ImageLimits) -> str:
    """A key of `OPENERS`, of what may be opened."""
    file_format = sniff(content, label)
    if file_format == "JPEG":
        check_scans(content, label)
    if file_format == "AVIF":
        check_coded_size(content, label, limits)
    if file_format == "TIFF":
        silence_libtiff()
    return file_format


def _decode(
    opener: Callable[[], Image.Image],
    file_format: str | None,
    label: str,
    limits: ImageLimits,
    *,
    first_frame: bool,
    max_side: int | None,
    is_own: bool,
) -> tuple[Picture, str | None]:
    try:
        with pillow_quiet():
            image = opener()
            limits.check_pixels(label, image.height, image.width)
            check_tiles(image, label, limits)
            check_samples(image, label)
            if not first_frame:
                _check_still(image, file_format, label)
            _check_complete(image, label)
            if file_format == "JPEG" and is_own:
                draft(image, max_side)
            pixels, alpha, complaint = srgb_of(image, label, max_side)
    except (NSTError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise ImageTooLargeError(
            f"{label}: the picture exceeds Pillow's own limit ({error}). Scale it down first, or raise "
            "PIL.Image.MAX_IMAGE_PIXELS."
        ) from error
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged input
        if any(word in str(error) for word in _NOT_READ):
            raise ImageDecodeError(
                f"{label}: the {file_format} is of a kind that is not read ({error}). Save it with 8 bits per channel, "
                f"as {ACCEPTED_FORMATS}."
            ) from error
        raise ImageDecodeError(
            f"{label}: the {file_format or 'picture'} is truncated or damaged ({error}). Save or download it again."
        ) from error
    return Picture(pixels, alpha, label, file_format), complaint


def _check_still(image: Image.Image, file_format: str | None, label: str) -> None:
    """Refuse animations and several pages."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        if has_more_pages(image):
            raise ImageDecodeError(
                f"{label}: the TIFF has several pages, one still picture was wanted. Extract one of the pages first."
            )
        return
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and file_format not in _OF_SEVERAL_PICTURES:
        raise ImageDecodeError(
            f"{label}: the {file_format} has {frames} frames, one still picture was wanted. "
            "Extract one of the frames first, or paint it as a video."
        )


def _check_complete(image: Image.Image, label: str) -> None:
    """Refuse what has no pixels; and a shortened run-length BMP: Pillow's decoder fills in silently what is missing."""
    if 0 in image.size:
        raise ImageDecodeError(f"{label}: has {image.width}×{image.height} px, and a picture was wanted.")
    file = getattr(image, "fp", None)
    tile = getattr(image, "tile", None)
    if not tile or tile[0][0] != "bmp_rle" or not isinstance(file, io.BytesIO):
        return
    content = file.getbuffer()
    declared_bytes = int.from_bytes(content[2:6], "little")
    if declared_bytes > len(content):
        raise ImageDecodeError(
            f"{label}: the BMP is truncated ({len(content):,} of {declared_bytes:,} bytes). Save or download it again."
        )
