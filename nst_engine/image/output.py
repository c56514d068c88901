"""Writes pictures, in the format of the suffix."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nst_engine.checks import require_path
from nst_engine.files import PathLike, check_output, write_atomically
from nst_engine.image.encode import encode_image
from nst_engine.image.formats import IMAGE_SUFFIXES, require_writer
from nst_engine.image.picture import Pixels


def check_image_output(path: PathLike, *, inputs: Iterable[object] = (), overwrite: bool = False) -> Path:
    """`nst_engine.files.check_output` for pictures; what writes the format is installed.

    Raises:
        MissingDependencyError: It is not.
        ImageEncodeError: Unknown suffix.
        OutputError: The file cannot be written, or is an input.
    """
    target = check_output(require_path("path", path), tuple(IMAGE_SUFFIXES), inputs=inputs, overwrite=overwrite)
    require_writer(IMAGE_SUFFIXES[target.suffix.lower()])
    return target


def save_image(
    path: PathLike,
    pixels: Pixels,
    *,
    alpha: Pixels | None = None,
    quality: int = 95,
    inputs: Iterable[object] = (),
    overwrite: bool = False,
) -> Path:
    """Write a picture in the format of the suffix; an existing file is replaced atomically.

    Args:
        path: Where to; the suffix picks the format (`IMAGE_SUFFIXES`).
        pixels: uint8 H×W×3 RGB, sRGB.
        alpha: uint8 H×W or None; as for `encode_image`.
        quality: 1–100, for JPEG, WebP, AVIF and HEIC.
        inputs: The sources the result was made from; those that are paths are not overwritten.
        overwrite: Allow `path` to be one of `inputs`.

    Raises:
        ImageEncodeError: Unknown suffix, or what `encode_image` refuses.
        OutputError: The file cannot be written, or is an input.
        OptionError: `quality` outside 1–100.
    """
    target = check_image_output(path, inputs=inputs, overwrite=overwrite)
    write_atomically(target, encode_image(pixels, IMAGE_SUFFIXES[target.suffix.lower()], alpha=alpha, quality=quality))
    return target
