"""Assembles a GIF or an animated WebP from frames that were encoded one by one.

Pillow needs all frames at once, and merges equal ones. Here each frame is encoded as a still picture, which
may wait on the disk; then they are concatenated without being encoded again, each with its exact duration.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, TypeAlias

from PIL import Image

from nst_engine.errors import ImageEncodeError
from nst_engine.image.encode import encode_image
from nst_engine.image.picture import Pixels, require_alpha, require_pixels
from nst_engine.image.quiet import pillow_quiet

#: A frame as `encode_frame` made it, and for how long it is shown, ms.
TimedPart: TypeAlias = tuple[bytes, int]

_TRANSPARENT_INDEX = 255
_HALF_OPAQUE = 128


def encode_frame(pixels: Pixels, alpha: Pixels | None, suffix: str) -> bytes:
    """Encode one frame as a still picture.

    Args:
        pixels: uint8 H×W×3, sRGB.
        alpha: uint8 H×W, or None; a GIF knows only transparent (below 128) and opaque.
        suffix: ".gif": a palette of its own, with Floyd–Steinberg dithering; ".webp".

    Raises:
        ImageEncodeError: Wrong arrays, or a picture larger than the format can hold.
    """
    if suffix == ".webp":
        return encode_image(pixels, "webp", alpha=alpha, quality=90)
    opaque = Image.fromarray(require_pixels(pixels))
    # Two passes: Pillow dithers only against a palette it is given. Dithered, an octree's colours are as near as any
    # other palette's, in a fiftieth of the time.
    palette = opaque.quantize(_TRANSPARENT_INDEX, method=Image.Quantize.FASTOCTREE)
    indexed = opaque.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    options = {}
    if alpha is not None:
        hidden = Image.fromarray((require_alpha(alpha, pixels) < _HALF_OPAQUE).astype("uint8") * 255)
        indexed.paste(_TRANSPARENT_INDEX, mask=hidden)
        options["transparency"] = _TRANSPARENT_INDEX
    buffer = io.BytesIO()
    try:
        with pillow_quiet():
            indexed.save(buffer, format="GIF", optimize=False, interlace=0, **options)
    except (OSError, ValueError, OverflowError) as error:
        raise ImageEncodeError(f"gif: the frame cannot be encoded ({error}). Take .webp or .mp4.") from error
    return buffer.getvalue()


def animation_writer(
    parts: Iterable[TimedPart], suffix: str, *, width: int, height: int, loop: int | None
) -> Callable[[BinaryIO], None]:
    """A function that writes the frames into an open file, for `nst_engine.files.write_through`.

    Args:
        parts: Frames of `encode_frame` for the same suffix, all of one size; taken one at a time.
        suffix: ".gif" or ".webp".
        width: Of all frames, px.
        height: Likewise.
        loop: Number of repetitions; 0: forever; None: plays once.
    """

    def write(file: BinaryIO) -> None:
        if suffix == ".gif":
            _write_gif(file, parts, width, height, loop)
        else:
            _write_webp(file, parts, width, height, 1 if loop is None else loop)

    return write


def _write_gif(file: BinaryIO, parts: Iterable[TimedPart], width: int, height: int, loop: int | None) -> None:
    """GIF89a without a global palette: each frame brings its own."""
    file.write(b"GIF89a" + _le(width, 2) + _le(height, 2) + b"\x70\x00\x00")
    if loop is not None:
        file.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + _le(min(loop, 0xFFFF), 2) + b"\x00")
    behind, ahead = itertools.tee(parts)
    for part, following in itertools.zip_longest(behind, itertools.islice(ahead, 1, None)):
        content, duration_ms = part
        palette, transparent, descriptor, pixels = _gif_frame(content)
        # cleared where the next frame is transparent, and would show it; kept where that covers everything
        is_cleared = _gif_frame((following or part)[0])[1] is not None
        if is_cleared and transparent is None:  # some viewers clear to a colour where a frame itself has no hole
            transparent, palette = _TRANSPARENT_INDEX, palette.ljust(3 * (_TRANSPARENT_INDEX + 1), b"\0")
        flags = (2 if is_cleared else 1) << 2 | (transparent is not None)
        file.write(
            b"\x21\xf9\x04"
            + _le(flags, 1)
            + _le(min(duration_ms // 10, 0xFFFF), 2)
            + _le(transparent or 0, 1)
            + b"\x00"
        )
        size_code = (len(palette) // 3).bit_length() - 2
        file.write(descriptor[:9] + _le(0x80 | size_code, 1) + palette + pixels)
    file.write(b"\x3b")


def _gif_frame(content: bytes) -> tuple[bytes, int | None, bytes, bytes]:
    """Palette, transparent index, image descriptor (10 bytes) and compressed pixels of a still GIF."""
    flags = content[10]
    palette_end = 13 + 3 * (2 << (flags & 7))
    palette, transparent, place = content[13:palette_end], None, palette_end
    while content[place] == 0x21:  # extensions
        if content[place + 1] == 0xF9 and content[place + 3] & 1:
            transparent = content[place + 6]
        place += 2
        while content[place]:
            place += 1 + content[place]
        place += 1
    return palette, transparent, content[place : place + 10], content[place + 10 : -1]


def _write_webp(file: BinaryIO, parts: Iterable[TimedPart], width: int, height: int, plays: int) -> None:
    """RIFF: VP8X, ANIM, and an ANMF for each frame; sizes are filled in at the end."""
    file.write(b"RIFF\0\0\0\0WEBP" + _chunk(b"VP8X", bytes(4) + _le(width - 1, 3) + _le(height - 1, 3)))
    file.write(_chunk(b"ANIM", bytes(4) + _le(min(plays, 0xFFFF), 2)))
    has_alpha = False
    for content, duration_ms in parts:
        pixels = b""
        for kind, body in _webp_chunks(content):
            if kind in (b"ALPH", b"VP8 ", b"VP8L"):
                has_alpha |= kind == b"ALPH"
                pixels += _chunk(kind, body)
        place = bytes(6) + _le(width - 1, 3) + _le(height - 1, 3)
        file.write(_chunk(b"ANMF", place + _le(min(duration_ms, 0xFFFFFF), 3) + b"\x02" + pixels))  # 2: do not blend
    size = file.tell() - 8
    if size >= 1 << 32:
        raise ImageEncodeError(f"webp: the animation has {size:,} bytes, the format holds 4 GiB. Take .mp4.")
    file.seek(4)
    file.write(_le(size, 4))
    file.seek(20)
    file.write(_le(0x02 | 0x10 * has_alpha, 1))
    file.seek(size + 8)


def _webp_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12
    while place < len(content):
        length = int.from_bytes(content[place + 4 : place + 8], "little")
        yield content[place : place + 4], content[place + 8 : place + 8 + length]
        place += 8 + length + length % 2


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + _le(len(body), 4) + body + bytes(len(body) % 2)


def _le(number: int, length: int) -> bytes:
    return number.to_bytes(length, "little")
