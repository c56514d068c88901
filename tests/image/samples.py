"""Encoded pictures that the tests of `nst_engine.image` share, made in memory."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

import nst_engine.image

CONTENTS = Path(nst_engine.image.__file__).parents[1] / "bundled" / "contents"
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "HEIC", "TIFF", "BMP")


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def smooth(height: int, width: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    channels = [x * 255 // width, y * 255 // height, (x + y) * 255 // (height + width)]
    return np.stack(channels, -1).astype(np.uint8)


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    if file_format == "HEIC":
        pillow_heif.from_pillow(image).save(buffer, **options)
    else:
        image.save(buffer, format=file_format, **options)
    return buffer.getvalue()


def png(header: tuple[int, int, int, int], rows: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    """Build a PNG: (width, height, depth, colour type), rows with filter bytes, chunks before IDAT."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0)), *extra]
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def animated(file_format: str, frames: int = 3) -> bytes:
    images = [Image.fromarray(noise(9, 11, seed=seed)) for seed in range(frames)]
    if file_format == "GIF":
        images = [image.quantize(16) for image in images]
    return saved(images[0], file_format, save_all=True, append_images=images[1:])
