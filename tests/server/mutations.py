"""Real files of every format, and damaged ones that are made of them."""

from __future__ import annotations

import io

import numpy as np
from image.samples import animated, noise, saved, smooth
from numpy.typing import NDArray
from PIL import Image

_INTERESTING = np.array([0, 1, 127, 128, 255], np.uint8)


def whole_files() -> dict[str, bytes]:
    """By what they are: formats, modes and encodings that readers treat differently."""
    rgb, grey = Image.fromarray(smooth(48, 64)), Image.fromarray(noise(40, 50, 1))
    rgba = Image.fromarray(np.dstack([smooth(40, 52), noise(40, 52, 1)]))
    deep = io.BytesIO()
    Image.fromarray(smooth(40, 50)[..., 0].astype(np.uint16) * 257).save(deep, "PNG")
    files = {
        "PNG": saved(rgb, "PNG"),
        "PNG with alpha": saved(rgba, "PNG"),
        "PNG of 16 bits": deep.getvalue(),
        "PNG with a palette": saved(rgb.quantize(16), "PNG"),
        "JPEG": saved(rgb, "JPEG", quality=85),
        "progressive JPEG": saved(rgb, "JPEG", progressive=True),
        "grey JPEG": saved(grey, "JPEG"),
        "CMYK JPEG": saved(rgb.convert("CMYK"), "JPEG"),
        "JPEG with a profile and EXIF": _described(rgb),
        "WebP": saved(rgb, "WEBP"),
        "lossless WebP": saved(rgba, "WEBP", lossless=True),
        "animated WebP": animated("WEBP"),
        "AVIF": saved(rgb, "AVIF"),
        "AVIF with alpha": saved(rgba, "AVIF"),
        "HEIC": saved(rgb, "HEIC"),
        "BMP": saved(rgb, "BMP"),
        "GIF": saved(rgb.quantize(32), "GIF"),
        "animated GIF": animated("GIF"),
    }
    for compression in ("raw", "tiff_lzw", "tiff_deflate", "jpeg", "packbits"):
        files[f"TIFF, {compression}"] = saved(rgb, "TIFF", compression=compression)
    return files


def mutated(content: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """The same with bytes changed, cut, repeated, zeroed, or those of another file within."""
    file = np.frombuffer(content, np.uint8).copy()
    for _ in range(int(rng.integers(1, 5))):
        if len(file) > 1:
            file = _KINDS[int(rng.integers(len(_KINDS)))](file, others, rng)
    return file.tobytes()


def _described(image: Image.Image) -> bytes:
    from PIL import ImageCms

    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "turned"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return saved(image, "JPEG", exif=exif, icc_profile=profile)


def _bits(file: NDArray[np.uint8], others: list[bytes], rng: np.random.Generator) -> NDArray[np.uint8]:
    places = rng.integers(len(file), size=int(rng.integers(1, 9)))
    file[places] ^= 1 << rng.integers(8, size=len(places)).astype(np.uint8)
    return file


def _header(file: NDArray[np.uint8], others: list[bytes], rng: np.random.Generator) -> NDArray[np.uint8]:
    places = rng.integers(min(len(file), 128), size=int(rng.integers(1, 5)))
    file[places] = rng.choice(_INTERESTING, len(places))
    return file


def _number(file: NDArray[np.uint8], others: list[bytes], rng: np.random.Generator) -> NDArray[np.uint8]:
    begin = int(rng.integers(len(file)))
    file[begin : begin + 4] = rng.choice(_INTERESTING)
    return file


def _cut(file: NDArray[np.uint8], others: list[bytes], rng: np.random.Generator) -> NDArray[np.uint8]:
    return file[: int(rng.integers(1, len(file)))]


def _without(file: NDArray[np.uint8], others: list[bytes], rng: np.random.Generator) -> NDArray[np.uint8]:
    begin, end = sorted(rng.integers(len(file), size=2))
    return np.concatenate([file[:begin], file[end:]])


def _repeated(file: NDArray[np.uint8], others: list[bytes], rng: np.random.Generator) -> NDArray[np.uint8]:
    begin, end = sorted(rng.integers(len(file), size=2))
    return np.concatenate([file[:end], np.tile(file[begin:end], int(rng.integers(1, 4))), file[end:]])


def _zeroed(file: NDArray[np.uint8], others: list[bytes], rng: np.random.Generator) -> NDArray[np.uint8]:
    begin, end = sorted(rng.integers(len(file), size=2))
    file[begin:end] = 0
    return file


def _crossed(file: NDArray[np.uint8], others: list[bytes], rng: np.random.Generator) -> NDArray[np.uint8]:
    other = np.frombuffer(others[int(rng.integers(len(others)))], np.uint8)
    here, there = int(rng.integers(len(file))), int(rng.integers(len(other)))
    return np.concatenate([file[:here], other[there:]])


_KINDS = (_bits, _bits, _header, _header, _number, _cut, _without, _repeated, _zeroed, _crossed)
