"""The formats of pictures: the one list of names, suffixes, and what reads, writes and recognises each."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from nst_engine.environment import needed
from nst_engine.errors import ImageDecodeError

_RUN_LENGTHS = 3  # zlib's Z_RLE


def _open_heif(file: io.BytesIO) -> ImageFile.ImageFile:
    with needed("HEIC pictures are read with pillow-heif", "heif", instead=", or convert it to JPEG"):
        from pillow_heif import HeifImageFile
    picture: ImageFile.ImageFile = HeifImageFile(file)  # type: ignore[no-untyped-call]
    return picture


def _save_heif(image: Image.Image, file: io.BytesIO, options: Mapping[str, Any]) -> None:
    require_writer("heic")
    from pillow_heif import from_pillow

    from_pillow(image).save(file, **options)


def require_writer(name: str) -> None:
    """See that what writes a format is installed, before long work.

    Raises:
        MissingDependencyError: It is not.
    """
    if name == "heic":
        with needed("HEIC pictures are written with pillow-heif", "heif", instead=", or write .avif"):
            import pillow_heif  # noqa: F401


@dataclass(frozen=True)
class Format:
    """A format of pictures.

    Attributes:
        shown: Its name in messages; what `Picture.format` is.
        opener: The plugin that reads it. They are called directly, past `Image.open`: it would warn and raise by the
            process-wide `Image.MAX_IMAGE_PIXELS`, which belongs to the host application, and would try every format it
            knows. A JPEG with several pictures in it (MPO, from phones) thereby yields its first one.
        suffixes: Under which it is written; empty: it is not.
        read_suffixes: Further ones under which it is looked for in folders.
        signatures: Its first bytes; those of WebP and of the ISO base media formats are further inside.
        holds_alpha: Whether it is written with transparency.
        longest_px: Longest side that it holds; None: longer than pictures are.
        options: With which it is written, at a quality of 1-100.
    """

    shown: str
    opener: Callable[[io.BytesIO], ImageFile.ImageFile]
    suffixes: tuple[str, ...] = ()
    read_suffixes: tuple[str, ...] = ()
    signatures: tuple[bytes, ...] = ()
    holds_alpha: bool = False
    longest_px: int | None = None
    options: Callable[[int], Mapping[str, Any]] = lambda _: {}


_ALL: Mapping[str, Format] = {
    "png": Format(
        "PNG",
        PngImagePlugin.PngImageFile,
        suffixes=(".png",),
        signatures=(b"\x89PNG\r\n\x1a\n",),
        holds_alpha=True,
        # a search finds no repetitions in stylized pictures: runs alone are as small, in a third of the time
        options=lambda _: {"compress_level": 1, "compress_type": _RUN_LENGTHS},
    ),
    "jpeg": Format(
        "JPEG",
        JpegImagePlugin.JpegImageFile,
        suffixes=(".jpg", ".jpeg"),
        read_suffixes=(".jfif", ".jpe"),
        signatures=(b"\xff\xd8\xff",),
        longest_px=65500,
        options=lambda quality: {"quality": quality, "subsampling": 0},
    ),
    "webp": Format(
        "WebP",
        WebPImagePlugin.WebPImageFile,
        suffixes=(".webp",),
        holds_alpha=True,
        longest_px=16383,
        options=lambda quality: {"quality": quality, "exact": True},  # exact: keep the colours below transparent pixels
    ),
    "avif": Format(
        "AVIF",
        AvifImagePlugin.AvifImageFile,
        suffixes=(".avif",),
        holds_alpha=True,
        longest_px=65536,
        options=lambda quality: {"quality": quality, "subsampling": "4:4:4"},
    ),
    "heic": Format(
        "HEIC",
        _open_heif,
        suffixes=(".heic", ".heif"),
        holds_alpha=True,
        options=lambda quality: {"quality": quality, "chroma": 444},
    ),
    "tiff": Format(
        "TIFF",
        TiffImagePlugin.TiffImageFile,
        suffixes=(".tif", ".tiff"),
        signatures=(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        holds_alpha=True,
        options=lambda _: {"compression": "tiff_deflate"},
    ),
    "bmp": Format("BMP", BmpImagePlugin.BmpImageFile, suffixes=(".bmp",), signatures=(b"BM",)),
    "gif": Format(
        "GIF", GifImagePlugin.GifImageFile, read_suffixes=(".gif",), signatures=(b"GIF87a", b"GIF89a"), holds_alpha=True
    ),
}
#: By name, those that are written.
WRITTEN: Mapping[str, Format] = {name: each for name, each in _ALL.items() if each.suffixes}
FORMATS = tuple(WRITTEN)
ALPHA_FORMATS = tuple(name for name, each in WRITTEN.items() if each.holds_alpha)
#: The names of formats, by the suffixes of results.
IMAGE_SUFFIXES: Mapping[str, str] = {suffix: name for name, each in WRITTEN.items() for suffix in each.suffixes}
#: Suffixes of results that hold transparency.
ALPHA_SUFFIXES = tuple(suffix for suffix, name in IMAGE_SUFFIXES.items() if WRITTEN[name].holds_alpha)
#: By which pictures are looked for in folders.
READABLE_SUFFIXES = (*IMAGE_SUFFIXES, *(suffix for each in _ALL.values() for suffix in each.read_suffixes))
#: What reads a format, by its name in messages.
OPENERS = {each.shown: each.opener for each in _ALL.values()}
ACCEPTED_FORMATS = " or ".join(", ".join(each.shown for each in WRITTEN.values()).rsplit(", ", 1))
_OTHER_NAMES = {"jpg": "jpeg", "tif": "tiff", "heif": "heic"}

_AVIF_BRANDS = (b"avif", b"avis")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_FOREIGN = (
    (b"%PDF", "a PDF"),
    (b"8BPS", "a Photoshop file"),
    (b"<svg", "an SVG drawing"),
    (b"\0\0\1\0", "an icon"),
)


def format_named(name: str) -> str:
    """A name of a format that is written, in any case, as `FORMATS` has it; else as it came."""
    return _OTHER_NAMES.get(name.lower(), name.lower())


def save(image: Image.Image, name: str, quality: int) -> bytes:
    """Encode with Pillow, or its plugin; their own exceptions."""
    buffer = io.BytesIO()
    options = WRITTEN[name].options(quality)
    if name == "heic":
        _save_heif(image, buffer, options)
    else:
        image.save(buffer, format=name.upper(), **options)
    return buffer.getvalue()


def sniff(content: bytes, label: str) -> str:
    """Name the format of an encoded picture by its first bytes: a key of `OPENERS`.

    Raises:
        ImageDecodeError: It is empty, or of no format that is read.
    """
    if not content:
        raise ImageDecodeError(f"{label}: is empty (0 bytes), a picture was wanted. Save or download it again.")
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WebP"
    for each in _ALL.values():
        if content.startswith(each.signatures):
            return each.shown
    came = next((what for start, what in _FOREIGN if content.startswith(start)), "something else")
    if content[4:8] == b"ftyp":
        brands = _brands(content)
        for shown, of_it in (("AVIF", _AVIF_BRANDS), ("HEIC", _HEIC_BRANDS)):
            if any(brand in of_it for brand in brands):
                return shown
        came = "a video file"
    raise ImageDecodeError(f"{label}: came {came}, wanted {ACCEPTED_FORMATS}. Convert it to one of these.")


def _brands(content: bytes) -> list[bytes]:
    """What a file of boxes says that it is: first of all, then besides."""
    end = min(int.from_bytes(content[:4], "big"), len(content), 256)
    return [content[8:12], *(content[start : start + 4] for start in range(16, end - 3, 4))]
