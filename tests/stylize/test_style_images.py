"""Pictures as styles: whatever comes is read, or refused in a line."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nst_engine.errors import ImageDecodeError, ImageTooLargeError, OptionError
from nst_engine.image import load_image
from nst_engine.limits import ImageLimits
from nst_engine.stylize.style_images import LEAST_SIDE_PX, read_style_image

SIDE = 96


def noise(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("size", "read"),
    [
        ((192, 96), (96, LEAST_SIDE_PX)),
        ((48, 48), (96, 96)),
        ((1, 1), (96, 96)),
        ((3, 4000), (LEAST_SIDE_PX, 96)),
        ((80, 96), (80, 96)),
    ],
)
def test_every_size_is_read_at_one(size: tuple[int, int], read: tuple[int, int]) -> None:
    assert read_style_image(noise(*size), SIDE).shape == (*read, 3)


@pytest.mark.parametrize(
    "picture",
    [
        noise(40, 50)[..., 0],
        noise(40, 50).astype(np.uint16) * 257,
        noise(40, 50) / np.float32(255),
        noise(40, 50, 4),
        noise(40, 50, 2),
        Image.fromarray(noise(40, 50)).convert("P"),
        Image.fromarray(noise(40, 50)).convert("CMYK"),
        Image.fromarray(noise(40, 50)).convert("1"),
    ],
)
def test_every_kind_of_picture_is_read(picture: object) -> None:
    read = read_style_image(picture, SIDE)  # type: ignore[arg-type]
    assert read.dtype == np.uint8
    assert read.shape[1:] == (96, 3)


def test_what_is_transparent_is_no_part_of_the_style() -> None:
    pixels = np.zeros((60, 80, 4), np.uint8)
    pixels[..., :3] = (255, 0, 255)  # never to be seen
    pixels[20:50, 10:70] = (*(200, 150, 40), 255)
    pixels[30:40, 30:50, 3] = 0  # a hole
    read = read_style_image(pixels, SIDE)
    assert read.shape == (LEAST_SIDE_PX, 96, 3)  # 30 x 60 at 48 x 96, grown
    assert np.abs(read.astype(int) - (200, 150, 40)).max() <= 1
    with pytest.raises(OptionError, match="is transparent everywhere"):
        read_style_image(np.zeros((8, 8, 4), np.uint8), SIDE)


def test_what_a_scan_shows_around_a_painting_is_no_part_of_the_style() -> None:
    painting = noise(90, 120)
    scan = np.pad(painting, ((5, 0), (0, 7), (0, 0)), constant_values=250)
    seen = painting[2:, :-2]  # without the lines that a real scan has blurred into its edges
    assert np.array_equal(read_style_image(scan, SIDE), read_style_image(seen, SIDE))


def test_a_turned_photo_is_read_upright() -> None:
    picture = Image.fromarray(noise(64, 96))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(picture, "PNG", exif=exif)
    assert read_style_image(turned, SIDE).shape == (96, LEAST_SIDE_PX, 3)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_read(kind: str) -> None:
    frames = [Image.fromarray(np.full((64, 64, 3), level, np.uint8)) for level in (40, 200)]
    content = encoded(
        frames[0], kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {})
    )
    assert np.abs(read_style_image(content, SIDE).astype(int) - 40).max() <= 1
    with pytest.raises(ImageDecodeError, match="one still picture was wanted"):
        load_image(content)


def test_what_is_no_picture_is_refused() -> None:
    for source in (b"", b"no picture", np.zeros((0, 4, 3), np.uint8), np.full((4, 4, 3), np.nan)):
        with pytest.raises(ImageDecodeError):
            read_style_image(source, SIDE)
    huge = Image.new("1", (20_000, 20_000))
    assert ImageLimits().max_pixels < 20_000**2
    with pytest.raises(ImageTooLargeError):
        read_style_image(encoded(huge, "PNG"), SIDE)
