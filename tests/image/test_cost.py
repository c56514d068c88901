"""Small files that would take minutes or gigabytes, and TIFFs of every kind against tifffile."""

from __future__ import annotations

import io
import math
import struct
import time
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from nst_engine.errors import ImageDecodeError, ImageTooLargeError
from nst_engine.image import load_image
from nst_engine.limits import ImageLimits

from .samples import noise, saved


def progressive_jpeg(side: int, scans: int) -> bytes:
    """One that begins with nothing and refines it by nothing, again and again."""

    def segment(marker: int, body: bytes) -> bytes:
        return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body

    blocks = math.ceil(side / 8) ** 2
    bits = ("0" + "1" * 14) * math.ceil(blocks / 32767)
    bits += "1" * (-len(bits) % 8)
    empty = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xDB, b"\0" + bytes([1] * 64)),
            segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\x01\x11\x00"),
            segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\xe0"),
            segment(0xC4, b"\x00" + bytes([1] + [0] * 15) + b"\x00"),
            (segment(0xDA, b"\x01\x01\x00" + bytes([1, 63, 0])) + empty) * scans,
            b"\xff\xd9",
        ]
    )


def tiff(tags: dict[int, tuple[int, int]], data: bytes, *, then: bool = False) -> bytes:
    """A TIFF of one page, whose successor is itself if `then`."""
    begin = 8 + len(data) + len(data) % 2
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(tags.items()))
    page = struct.pack("<H", len(tags)) + entries + struct.pack("<I", begin if then else 0)
    return b"II*\0" + struct.pack("<I", begin) + data.ljust(begin - 8, b"\0") + page


def tiled(side: int, tile: int) -> bytes:
    data = zlib.compress(bytes(1000))
    shorts = {258: 8, 259: 8, 262: 1, 277: 1}
    longs = {256: side, 257: side, 322: tile, 323: tile, 324: 8, 325: len(data)}
    return tiff({tag: (3, value) for tag, value in shorts.items()} | {tag: (4, v) for tag, v in longs.items()}, data)


def test_jpegs_of_thousands_of_scans_are_refused_at_once() -> None:
    begun = time.process_time()
    with pytest.raises(ImageDecodeError, match=r"the JPEG has 4,000 scans, and more than 500"):
        load_image(progressive_jpeg(4000, 4000))
    assert time.process_time() - begun < 2
    assert load_image(progressive_jpeg(64, 12)).pixels.shape == (64, 64, 3)
    assert load_image(saved(Image.fromarray(noise(64, 64)), "JPEG", progressive=True)).pixels.shape == (64, 64, 3)


@pytest.mark.parametrize(("side", "tile"), [(16, 46000), (16, 20000), (5000, 1 << 31)])
def test_tiles_larger_than_a_picture_may_be_are_refused_before_memory_is_taken(side: int, tile: int) -> None:
    tracemalloc.start()
    with pytest.raises(ImageTooLargeError, match="one tile"):
        load_image(tiled(side, tile))
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_usual_tiles_of_small_pictures_are_read() -> None:
    pixels = noise(70, 90)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, photometric="rgb", tile=(512, 512), compression="zlib")
    result = load_image(buffer.getvalue(), limits=ImageLimits(max_pixels=70 * 90))
    np.testing.assert_array_equal(result.pixels, pixels)


def test_smaller_copies_of_the_page_are_no_pages() -> None:
    pixels = noise(64, 80)
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(pixels, photometric="rgb")
        writer.write(pixels[::2, ::2].copy(), photometric="rgb", subfiletype=1)
        writer.write(pixels[::4, ::4].copy(), photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(load_image(buffer.getvalue()).pixels, pixels)


def test_pages_are_not_counted_to_be_refused() -> None:
    buffer = io.BytesIO()
    pages = np.zeros((20_000, 1, 1), np.uint8)
    tifffile.imwrite(buffer, pages, photometric="minisblack", metadata=None)
    begun = time.process_time()
    with pytest.raises(ImageDecodeError, match="several pages"):
        load_image(buffer.getvalue())
    assert time.process_time() - begun < 1


def test_a_page_that_is_its_own_successor_ends() -> None:
    shorts = {258: 8, 259: 1, 262: 1, 277: 1}
    longs = {256: 4, 257: 4, 273: 8, 278: 4, 279: 16}
    tags = {tag: (3, value) for tag, value in shorts.items()} | {tag: (4, value) for tag, value in longs.items()}
    assert load_image(tiff(tags, bytes(16), then=True)).pixels.shape == (4, 4, 3)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.bool_])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_grey_tiffs_are_shown_as_tifffile_shows_them(
    byteorder: Any, photometric: Any, dtype: type, compression: Any
) -> None:
    ramp = np.linspace(0, 65535, 96).astype(np.uint16)[None].repeat(40, 0)
    scaled: Any = {np.uint8: (ramp >> 8).astype(np.uint8), np.uint16: ramp, np.bool_: ramp > 30000}
    samples = scaled[dtype]
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, photometric=photometric, byteorder=byteorder, compression=compression)
    with tifffile.TiffFile(io.BytesIO(buffer.getvalue())) as file:
        read = file.pages[0].asarray().astype(np.float64) / (1 if dtype is np.bool_ else np.iinfo(dtype).max)
    if (byteorder, photometric, dtype) == (">", "miniswhite", np.uint16):  # Pillow knows no such mode
        with pytest.raises(ImageDecodeError, match="the TIFF is of a kind that is not read"):
            load_image(buffer.getvalue())
        return
    grey = read if photometric == "minisblack" else 1 - read
    result = load_image(buffer.getvalue()).pixels
    assert np.abs(result - 255 * grey[..., None]).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_colour_tiffs_are_read_as_tifffile_reads_them(planes: Any, channels: int, compression: Any) -> None:
    pixels = noise(33, 47, channels)
    pixels[..., 3:] |= 1  # colours that are hidden throughout are not read
    data = pixels if planes == "contig" else np.moveaxis(pixels, 2, 0)
    buffer = io.BytesIO()
    extra: Any = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    tifffile.imwrite(buffer, data, photometric="rgb", planarconfig=planes, compression=compression, **extra)
    result = load_image(buffer.getvalue())
    np.testing.assert_array_equal(result.pixels, pixels[..., :3])
    if channels == 4:
        np.testing.assert_array_equal(result.alpha, pixels[..., 3])


def test_libtiff_prints_no_lines_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    content = bytearray(saved(Image.fromarray(noise(64, 64)), "TIFF", compression="tiff_adobe_deflate"))
    content[60:90] = bytes(30)
    with pytest.raises(ImageDecodeError):
        load_image(bytes(content))
    assert capfd.readouterr() == ("", "")
