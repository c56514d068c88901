from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nst_engine.errors import ImageEncodeError, OptionError
from nst_engine.image import FORMATS, encode_image, flatten, load_image

from .samples import noise, smooth


@pytest.mark.parametrize("name", [*FORMATS, "jpg", "PNG", "tif", "heif"])
def test_round_trip(name: str) -> None:
    pixels = smooth(37, 51)
    loaded = load_image(encode_image(pixels, name)).pixels
    tolerance = {"jpeg": 4, "jpg": 4, "webp": 12, "avif": 5, "heic": 4, "heif": 4}.get(name, 0)
    assert np.abs(loaded.astype(int) - pixels).max() <= tolerance


@pytest.mark.parametrize(("name", "most"), [("png", 0), ("webp", None), ("avif", 1), ("heic", 3), ("tiff", 0)])
def test_alpha_round_trip(name: str, most: int | None) -> None:
    pixels, alpha = smooth(9, 15), noise(9, 15, 1)
    picture = load_image(encode_image(pixels, name, alpha=alpha, quality=100))
    assert picture.alpha is not None
    assert np.abs(picture.alpha.astype(int) - alpha).max() <= (most or 0)
    if most is not None:
        assert np.abs(picture.pixels.astype(int) - pixels)[picture.alpha > 0].max() <= most


@pytest.mark.parametrize("name", ["jpeg", "bmp"])
def test_alpha_is_not_lost_in_silence(name: str) -> None:
    pixels, alpha = smooth(9, 15), noise(9, 15, 1)
    with pytest.raises(ImageEncodeError, match=r"Use one of png, webp, avif, heic, tiff, or lay the"):
        encode_image(pixels, name, alpha=alpha)
    opaque = np.full_like(alpha, 255)
    assert encode_image(pixels, name, alpha=opaque) == encode_image(pixels, name)


def test_jpeg_keeps_full_chroma_and_embeds_nothing() -> None:
    with Image.open(io.BytesIO(encode_image(noise(16, 16), "jpeg"))) as image:
        assert [component[1:3] for component in image.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]
        assert "exif" not in image.info
        assert "icc_profile" not in image.info
    sizes = [len(encode_image(noise(64, 64), "jpeg", quality=quality)) for quality in (10, 50, 95)]
    assert sizes == sorted(sizes)


def test_strided_pixels_are_written_as_seen() -> None:
    pixels = noise(10, 12)[::-2, ::3, ::-1]
    np.testing.assert_array_equal(load_image(encode_image(pixels, "png")).pixels, pixels)


@pytest.mark.parametrize(
    ("pixels", "options", "error"),
    [
        (noise(4, 4, 1), {}, ImageEncodeError),
        (noise(4, 4, 4), {}, ImageEncodeError),
        (np.zeros((4, 4, 3)), {}, ImageEncodeError),
        (np.zeros((0, 4, 3), dtype=np.uint8), {}, ImageEncodeError),
        (noise(4, 4), {"alpha": noise(4, 5, 1)}, ImageEncodeError),
        (noise(4, 4), {"alpha": np.zeros((4, 4))}, ImageEncodeError),
        (noise(4, 4), {"quality": 0}, OptionError),
        (noise(4, 4), {"quality": 101}, OptionError),
        (noise(4, 4), {"quality": 9.5}, OptionError),
    ],
)
def test_refused(pixels: Any, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=r"came .* wanted"):
        encode_image(pixels, "png", **options)


def test_unknown_format_and_sides_beyond_the_format() -> None:
    with pytest.raises(ImageEncodeError, match="'gif', wanted one of png, jpeg, webp, avif, heic, tiff, bmp"):
        encode_image(noise(2, 2), "gif")
    long = np.zeros((1, 65501, 3), dtype=np.uint8)
    for name, longest in (("jpeg", 65500), ("webp", 16383)):
        with pytest.raises(ImageEncodeError, match=f"65501 pixels, the format holds {longest}"):
            encode_image(long, name)
    assert load_image(encode_image(long, "png")).width == 65501


def test_flatten_against_float64() -> None:
    pixels, alpha = noise(11, 13), noise(11, 13, 1, seed=2)
    background = np.array([10, 200, 255])
    cover = alpha[:, :, np.newaxis] / 255
    expected = np.rint(pixels * cover + background * (1 - cover))
    np.testing.assert_array_equal(flatten(pixels, alpha, (10, 200, 255)), expected)
    np.testing.assert_array_equal(flatten(pixels, None), pixels)
    assert flatten(pixels, np.zeros_like(alpha)).min() == 255
    wrong: Any
    for wrong in ((0, 0, 256), "red", (0, 0), 7):
        with pytest.raises(OptionError, match="background"):
            flatten(pixels, alpha, wrong)
