from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from nst_engine.errors import ImageDecodeError
from nst_engine.image import load_image

from .samples import noise, png, saved, smooth


def _s15(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def icc_profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Build a version 2 display profile by hand."""
    tags = {b"wtpt": b"XYZ \0\0\0\0" + _s15(0.9642) + _s15(1) + _s15(0.8249), **tags}
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags[b"cprt"] = b"text\0\0\0\0none\0"
    offset, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", offset + len(body), len(content))
        body += padded
    head = bytes(8) + b"\x02\x40\0\0mntr" + space + b"XYZ " + bytes(12) + b"acsp" + bytes(28)
    head += _s15(0.9642) + _s15(1) + _s15(0.8249)
    whole = head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


# sRGB's primaries adapted to D50 (IEC 61966-2-1), as every sRGB profile holds them.
_PRIMARIES = {b"r": (0.4361, 0.2225, 0.0139), b"g": (0.3851, 0.7169, 0.0971), b"b": (0.1431, 0.0606, 0.7141)}


def rgb_profile(order: bytes = b"rgb", gamma: float = 1.0) -> bytes:
    tags = {}
    for channel, primary in zip(b"rgb", order, strict=True):
        xyz = b"".join(_s15(value) for value in _PRIMARIES[bytes([primary])])
        tags[bytes([channel]) + b"XYZ"] = b"XYZ \0\0\0\0" + xyz
        tags[bytes([channel]) + b"TRC"] = _curve(gamma)
    return icc_profile(b"RGB ", tags)


def srgb_of_linear(linear: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_linear_profile_against_the_formula() -> None:
    pixels = noise(21, 19)
    expected = srgb_of_linear(pixels / 255)
    for file_format, options in (("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})):
        content = saved(Image.fromarray(pixels), file_format, icc_profile=rgb_profile(), **options)
        assert np.abs(load_image(content).pixels - expected).max() <= 1.6


def test_swapped_primaries_swap_the_channels() -> None:
    pixels = noise(15, 23)
    content = saved(Image.fromarray(pixels), "PNG", icc_profile=rgb_profile(b"bgr", gamma=2.2))
    gamma_only = load_image(saved(Image.fromarray(pixels), "PNG", icc_profile=rgb_profile(gamma=2.2))).pixels
    swapped = load_image(content).pixels
    assert np.abs(swapped.astype(int) - gamma_only[:, :, ::-1]).max() <= 2


def test_srgb_profile_changes_nothing() -> None:
    pixels = noise(15, 23)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(load_image(saved(Image.fromarray(pixels), "PNG", icc_profile=icc)).pixels, pixels)


def test_grey_profile_and_grey_in_an_rgb_profile() -> None:
    grey = noise(9, 13, 1)
    expected = srgb_of_linear(grey / 255)
    for icc in (icc_profile(b"GRAY", {b"kTRC": _curve(1.0)}), rgb_profile()):
        picture = load_image(saved(Image.fromarray(grey), "PNG", icc_profile=icc))
        assert np.abs(picture.pixels - expected[:, :, np.newaxis]).max() <= 1.6


def test_profile_keeps_alpha_and_turn() -> None:
    rgba = noise(6, 9, 4)
    rgba[..., 3] |= 1  # colours that are hidden throughout are not read
    exif = Image.Exif()
    exif[0x0112] = 6
    content = saved(Image.fromarray(rgba), "PNG", icc_profile=rgb_profile(), exif=exif)
    picture = load_image(content)
    turned = np.rot90(rgba, -1)
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha, turned[:, :, 3])
    assert np.abs(picture.pixels - srgb_of_linear(turned[:, :, :3] / 255)).max() <= 1.6


@pytest.mark.parametrize("icc", [b"not a profile", rgb_profile()[:200], icc_profile(b"GRAY", {b"kTRC": _curve(1.0)})])
def test_unusable_profile_is_ignored_with_a_warning(icc: bytes) -> None:
    pixels = noise(5, 5)
    content = saved(Image.fromarray(pixels), "PNG", icc_profile=icc)
    with pytest.warns(RuntimeWarning, match="^<bytes>: its colour profile is ignored") as seen:
        picture = load_image(content)
    assert seen[0].filename == __file__
    np.testing.assert_array_equal(picture.pixels, pixels)


def test_cmyk_with_and_without_profile() -> None:
    cmyk = np.zeros((16, 16, 4), dtype=np.uint8)
    cmyk[:8, :, 0] = 255  # cyan above, half black below
    cmyk[8:, :, 3] = 128
    for file_format, options in (("JPEG", {"quality": 95}), ("TIFF", {})):
        content = saved(Image.fromarray(cmyk, mode="CMYK"), file_format, **options)
        pixels = load_image(content).pixels.astype(int)
        assert np.abs(pixels[2, 2] - [0, 255, 255]).max() <= 3
        assert np.abs(pixels[13, 2] - 127).max() <= 3
        with pytest.warns(RuntimeWarning, match="it is for RGB colours, the picture has CMYK"):
            wrong = load_image(saved(Image.fromarray(cmyk, mode="CMYK"), file_format, icc_profile=rgb_profile()))
        assert wrong.pixels.shape == (16, 16, 3)


def test_cmyk_profile_is_used() -> None:
    content = saved(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "TIFF", icc_profile=cmyk_profile())
    pixels = load_image(content).pixels
    # The table maps full cyan to Lab (50, 0, 0): a mid grey, which no plain formula gives.
    assert np.abs(pixels.astype(int) - 119).max() <= 3


def cmyk_profile() -> bytes:
    """Build a CMYK profile whose 2⁴ table is neutral: L* = 100 without ink, 0 with black, 50 with others."""
    grid = b"".join(
        struct.pack(">BBB", 0 if corner[3] else 128 if any(corner) else 255, 128, 128)
        for corner in np.ndindex(2, 2, 2, 2)
    )
    identity = b"".join(_s15(float(row == column)) for row in range(3) for column in range(3))
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + grid + ramp * 3
    profile = bytearray(icc_profile(b"CMYK", {b"A2B0": table}))
    profile[12:16], profile[20:24] = b"prtr", b"Lab "
    return bytes(profile)


def test_lab_tiff_against_the_formula() -> None:
    lightness = np.arange(0, 256, 5, dtype=np.uint8)
    lab = np.stack([lightness, lightness * 0, lightness * 0], -1)[np.newaxis]  # TIFF's a and b are signed
    image = Image.frombytes("LAB", (lab.shape[1], 1), lab.tobytes())
    pixels = load_image(saved(image, "TIFF")).pixels
    level = (lightness / 255 * 100 + 16) / 116
    luminance = np.where(level > 6 / 29, level**3, 3 * (6 / 29) ** 2 * (level - 4 / 29))
    assert np.abs(pixels[0] - srgb_of_linear(luminance)[:, np.newaxis]).max() <= 2


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_alpha_is_kept_aside(mode: str, file_format: str) -> None:
    if (mode, file_format) == ("LA", "WEBP"):
        mode = "RGBA"  # WebP has no grey
    samples = noise(7, 9, len(mode))
    options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
    picture = load_image(saved(Image.fromarray(samples, mode=mode), file_format, **options))
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha, samples[:, :, -1])
    is_seen = picture.alpha > 0
    np.testing.assert_array_equal(picture.pixels[is_seen], np.broadcast_to(samples[:, :, :-1], (7, 9, 3))[is_seen])


def test_palette_with_transparency() -> None:
    image = Image.frombytes("P", (3, 1), bytes([0, 1, 2]))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    assert load_image(saved(image, "PNG")).alpha is None
    for transparency, expected in ((1, [255, 0, 255]), (bytes([0, 128, 255]), [0, 128, 255])):
        picture = load_image(saved(image, "PNG", transparency=transparency))
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha[0], expected)
        shown = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90]])[picture.alpha[0] > 0]
        np.testing.assert_array_equal(picture.pixels[picture.alpha > 0], shown)
    partial = image.copy()
    partial.putalpha(Image.frombytes("L", (3, 1), bytes([0, 9, 255])))
    picture = load_image(partial)
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha[0], [0, 9, 255])


@pytest.mark.parametrize(
    ("depth", "packed", "key", "levels"),
    [
        (1, bytes([0b10100000]), 1, [255, 0, 255, 0]),
        (2, bytes([0b00011011]), 2, [0, 85, 170, 255]),
        (4, bytes([0x01, 0x9F]), 9, [0, 17, 153, 255]),
        (8, bytes([0, 7, 200, 255]), 200, [0, 7, 200, 255]),
        (16, struct.pack(">4H", 0, 300, 51400, 65535), 51400, [0, 1, 200, 255]),
    ],
)
def test_grey_png_with_a_transparent_level(depth: int, packed: bytes, key: int, levels: list[int]) -> None:
    picture = load_image(png((4, 1, depth, 0), b"\0" + packed, (b"tRNS", struct.pack(">H", key))))
    key_level = {1: 255, 2: 170, 4: 153, 8: 200, 16: 200}[depth]
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha[0], [0 if level == key_level else 255 for level in levels])
    shown = [level for level in levels if level != key_level]
    np.testing.assert_array_equal(picture.pixels[picture.alpha > 0], [[level] * 3 for level in shown])


@pytest.mark.parametrize(("depth", "code"), [(8, "B"), (16, "H")])
def test_rgb_png_with_a_transparent_colour(depth: int, code: str) -> None:
    scale = 257 if depth == 16 else 1
    samples = [value * scale for value in (1, 2, 3, 200, 100, 50)]
    rows = b"\0" + struct.pack(f">6{code}", *samples)
    picture = load_image(png((2, 1, depth, 2), rows, (b"tRNS", struct.pack(">3H", *samples[3:]))))
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha, [[255, 0]])
    np.testing.assert_array_equal(picture.pixels[0, 0], [1, 2, 3])
    assert np.abs(picture.pixels[0, 1].astype(int) - [1, 2, 3]).max() <= 1  # who is hidden takes the other one's colour


@pytest.mark.parametrize(("file_format", "dtype"), [("PNG", "<u2"), ("TIFF", "<u2"), ("TIFF", ">u2")])
def test_16_bit_grey_is_scaled_not_clipped(file_format: str, dtype: str) -> None:
    values = np.arange(0, 65536, 13, dtype=np.uint16)[:5000].reshape(50, 100)
    mode = "I;16B" if dtype == ">u2" else "I;16"
    image = Image.frombytes(mode, (100, 50), values.astype(dtype).tobytes())
    pixels = load_image(saved(image, file_format)).pixels
    np.testing.assert_array_equal(pixels, np.repeat(np.rint(values / 257)[:, :, np.newaxis], 3, axis=2))


def test_16_bit_rgb_png_keeps_the_high_byte() -> None:
    values = np.random.default_rng(0).integers(0, 65536, (3, 5, 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    np.testing.assert_array_equal(load_image(png((5, 3, 16, 2), rows)).pixels, values >> 8)


def test_32_bit_levels() -> None:
    values = np.array([[0, 257, 65535]], dtype=np.int32)
    np.testing.assert_array_equal(load_image(saved(Image.fromarray(values), "TIFF")).pixels[0, :, 0], [0, 1, 255])
    for floats in (np.array([[0, 0.5, 1]]), np.array([[0, 127.6, 255]])):
        content = saved(Image.fromarray(floats.astype(np.float32)), "TIFF")
        np.testing.assert_array_equal(load_image(content).pixels[0, :, 0], [0, 128, 255])
    refused: list[Any] = [values - 1, values + 1]
    refused += [np.array([pair], dtype=np.float32) for pair in ((-1, 0), (0, 300), (0, np.nan))]
    for samples in refused:
        with pytest.raises(ImageDecodeError, match="32-bit grey levels"):
            load_image(saved(Image.fromarray(samples), "TIFF"))


def test_one_bit() -> None:
    bits = noise(9, 13, 1) > 127
    for file_format in ("PNG", "TIFF", "BMP"):
        pixels = load_image(saved(Image.fromarray(bits), file_format)).pixels
        np.testing.assert_array_equal(pixels[:, :, 0], bits * 255)


_TURNS: dict[int, Callable[[Any], Any]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.rot90(np.fliplr(a)),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.fliplr(a), -1),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", _TURNS)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_turn(file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}
    pixels = smooth(8, 24)
    content = saved(Image.fromarray(pixels), file_format, exif=exif, **options.get(file_format, {}))
    expected = _TURNS[orientation](pixels)
    for source in (content, Image.open(io.BytesIO(content))):
        loaded = load_image(source).pixels
        assert loaded.shape == expected.shape
        assert np.abs(loaded.astype(int) - expected).max() <= (4 if file_format == "JPEG" else 0)


def test_damaged_exif_means_no_turn() -> None:
    pixels = smooth(8, 24)
    for exif in (
        b"Exif\0\0garbage",
        b"Exif\0\0II*\0\xff\xff\xff\x7f",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x09" + b"\xee" * 9,
    ):
        content = saved(Image.fromarray(pixels), "WEBP", lossless=True, exif=exif)
        np.testing.assert_array_equal(load_image(content).pixels, pixels)
        load_image(saved(Image.fromarray(pixels), "JPEG", exif=exif))
