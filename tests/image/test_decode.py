from __future__ import annotations

import io
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nst_engine.errors import ImageDecodeError, ImageNotFoundError, ImageTooLargeError
from nst_engine.image import load_image
from nst_engine.limits import ImageLimits

from .samples import CONTENTS, FORMATS, animated, noise, png, saved, smooth

LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}, "BMP": {}}


@pytest.mark.parametrize("file_format", LOSSLESS)
def test_lossless_formats_return_the_pixels(file_format: str) -> None:
    pixels = noise(13, 17)
    picture = load_image(saved(Image.fromarray(pixels), file_format, **LOSSLESS[file_format]))
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert picture.alpha is None
    assert (picture.height, picture.width, picture.source) == (13, 17, "<bytes>")
    assert (picture.format or "").upper() == file_format


def test_jpeg_is_near() -> None:
    pixels = smooth(33, 47)
    picture = load_image(saved(Image.fromarray(pixels), "JPEG", quality=95, subsampling=0))
    assert np.abs(picture.pixels.astype(int) - pixels).max() <= 6


@pytest.mark.parametrize("photo", sorted(CONTENTS.glob("*.jpg")), ids=lambda path: str(path.stem))
def test_bundled_photos(photo: Path) -> None:
    picture = load_image(photo)
    with Image.open(photo) as reference:
        np.testing.assert_array_equal(picture.pixels, np.asarray(reference.convert("RGB")))


def test_every_kind_of_source_gives_the_same(tmp_path: Path) -> None:
    pixels = noise(5, 7)
    content = saved(Image.fromarray(pixels), "PNG")
    path = tmp_path / "Grüße 風景 🖼.png"
    path.write_bytes(content)
    with path.open("rb") as file, path.open("rb", buffering=0) as raw:
        sources: list[Any] = [str(path), path, content, bytearray(content), memoryview(content)]
        sources += [io.BytesIO(content), file, raw, pixels, Image.fromarray(pixels)]
        for source in sources:
            np.testing.assert_array_equal(load_image(source).pixels, pixels)
    assert load_image(path).source == str(path)
    assert load_image(content, name="upload 3").source == "upload 3"


def test_a_pillow_image_is_not_changed_or_shared() -> None:
    image = Image.fromarray(noise(4, 4))
    before = image.tobytes()
    load_image(image).pixels[:] = 0
    assert image.tobytes() == before
    assert load_image(Image.open(io.BytesIO(saved(image, "PNG")))).format == "PNG"


def test_missing_and_unreadable_paths(tmp_path: Path) -> None:
    file = tmp_path / "file.png"
    file.write_bytes(b"")
    for missing in (tmp_path / "none.png", file / "below.png", "null\0.png"):
        with pytest.raises(ImageNotFoundError, match="Check the path"):
            load_image(missing)
    with pytest.raises(ImageDecodeError, match="is a folder"):
        load_image(tmp_path)
    with pytest.raises(ImageDecodeError, match=r"file\.png: is empty \(0 bytes\)"):
        load_image(file)
    with pytest.raises(ImageDecodeError, match="cannot be read"):
        load_image(tmp_path / ("long" * 100 + ".png"))


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "private.png"
    path.write_bytes(saved(Image.fromarray(noise(3, 3)), "PNG"))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read anything, so the refusal is played
    with pytest.raises(ImageDecodeError, match=r"private\.png: may not be read \(permission denied\)"):
        load_image(path)


@pytest.mark.parametrize(
    ("content", "described"),
    [
        (b"hello, this is text", "something else"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b"\0\0\0\x1cftypisom\0\0\0\0mp42avc1....", "a video file"),
        (b"<svg xmlns=''/>", "SVG"),
        (saved(Image.fromarray(noise(8, 8)), "PPM"), "something else"),
        (saved(Image.fromarray(noise(8, 8)), "ICO"), "an icon"),
    ],
    ids=["text", "pdf", "video", "svg", "ppm", "ico"],
)
def test_other_content_is_refused_by_name(content: bytes, described: str) -> None:
    with pytest.raises(
        ImageDecodeError, match=rf"^<bytes>: came .*{described}.* wanted PNG, JPEG, WebP, AVIF, HEIC, TIFF or BMP"
    ):
        load_image(content)


@pytest.mark.parametrize("source", [io.StringIO("text"), 7, None, [1, 2]], ids=lambda source: type(source).__name__)
def test_other_types_are_refused(source: Any) -> None:
    with pytest.raises(ImageDecodeError, match="came"):
        load_image(source)


@pytest.mark.parametrize("file_format", [*FORMATS, "GIF"])
def test_truncation_is_detected_or_harmless(file_format: str) -> None:
    """Whatever is cut off: an error, unless every pixel is there all the same (a missing end marker)."""
    whole = saved(Image.fromarray(smooth(61, 53)), file_format)
    pixels = load_image(whole).pixels
    cuts = [
        *range(1, 64),
        *range(64, len(whole), max(1, len(whole) // 60)),
        *range(len(whole) - 24, len(whole)),
    ]
    refused = 0
    for cut in cuts:
        try:
            picture = load_image(whole[:cut])
        except ImageDecodeError:
            refused += 1
        else:
            np.testing.assert_array_equal(picture.pixels, pixels, err_msg=f"{cut} of {len(whole)}")
            assert cut > len(whole) - 24
    assert refused > 0.8 * len(cuts)


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("JPEG", {"progressive": True}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {"compression": "tiff_deflate"}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
        ("TIFF", {"compression": "packbits"}),
    ],
    ids=str,
)
def test_truncation_of_variants(file_format: str, options: dict[str, Any]) -> None:
    whole = saved(Image.fromarray(noise(40, 50)), file_format, **options)
    for share in (0.1, 0.5, 0.9):
        with pytest.raises(ImageDecodeError, match="truncated or damaged"):
            load_image(whole[: int(len(whole) * share)])


def test_truncated_run_length_bmp() -> None:
    header = b"BM" + (54 + 1024 + 8).to_bytes(4, "little") + bytes(4) + (54 + 1024).to_bytes(4, "little")
    info = b"".join(n.to_bytes(w, "little") for n, w in zip((40, 4, 2, 1, 8, 1), (4, 4, 4, 2, 2, 4), strict=True))
    palette = bytes(level for index in range(256) for level in (index, index, index, 0))
    whole = header + info + bytes(20) + palette + bytes([4, 200, 0, 0, 4, 100, 0, 1])
    np.testing.assert_array_equal(load_image(whole).pixels[:, :, 0], [[100] * 4, [200] * 4])
    with pytest.raises(ImageDecodeError, match="BMP is truncated"):
        load_image(whole[:-4])


def test_flipped_bits_never_leak_foreign_errors() -> None:
    rng = np.random.default_rng(5)
    messages = []
    for file_format in FORMATS:
        whole = np.frombuffer(saved(Image.fromarray(smooth(31, 29)), file_format), dtype=np.uint8)
        for _ in range(60):
            damaged = whole.copy()
            damaged[rng.integers(0, min(len(whole), 200), 3)] ^= rng.integers(1, 256, 3, dtype=np.uint8)
            try:
                load_image(damaged.tobytes())
            except (ImageDecodeError, ImageTooLargeError) as error:
                messages.append(str(error))
    assert len(messages) > 50
    assert all(message.startswith("<bytes>: ") for message in messages)


@pytest.mark.parametrize(
    ("file_format", "what"),
    [("GIF", "3 frames"), ("WEBP", "3 frames"), ("PNG", "3 frames"), ("TIFF", "several pages")],
)
def test_animations_are_refused_with_their_length(file_format: str, what: str) -> None:
    content = animated(file_format)
    for source in (content, Image.open(io.BytesIO(content))):
        with pytest.raises(ImageDecodeError, match=what):
            load_image(source)


def test_a_still_gif_is_accepted_with_transparency() -> None:
    image = Image.fromarray(np.array([[0, 1], [1, 0]], dtype=np.uint8), mode=None).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    picture = load_image(saved(image, "GIF", transparency=1))
    assert picture.format == "GIF"
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha, [[255, 0], [0, 255]])
    np.testing.assert_array_equal(picture.pixels[0, 0], [10, 20, 30])


def test_a_phone_photo_with_previews_yields_the_first() -> None:
    first, second = Image.fromarray(smooth(16, 24)), Image.fromarray(smooth(8, 12))
    content = saved(first, "MPO", save_all=True, append_images=[second])
    assert load_image(content).pixels.shape == (16, 24, 3)
    assert load_image(Image.open(io.BytesIO(content))).pixels.shape == (16, 24, 3)


def test_pixels_are_limited_by_the_header_alone() -> None:
    bomb = png((20000, 20000, 8, 2), b"")
    with pytest.raises(ImageTooLargeError, match=r"^<bytes>: the picture has 20000×20000 = 400,000,000 pixels, the"):
        load_image(bomb)
    small = saved(Image.fromarray(noise(10, 11)), "PNG")
    load_image(small, limits=ImageLimits(max_pixels=110))
    for source in (small, noise(10, 11), Image.fromarray(noise(10, 11))):
        with pytest.raises(ImageTooLargeError, match="limit is 109"):
            load_image(source, limits=ImageLimits(max_pixels=109))


class _Endless(io.RawIOBase):
    """A file without end that counts what was taken."""

    taken = 0

    def read(self, size: int = -1) -> bytes:
        assert 0 < size <= 1 << 20
        self.taken += size
        return bytes(size)


def test_bytes_are_limited_before_reading(tmp_path: Path) -> None:
    content = saved(Image.fromarray(noise(10, 11)), "PNG")
    path = tmp_path / "large.png"
    path.write_bytes(content)
    load_image(path, limits=ImageLimits(max_bytes=len(content)))
    limits = ImageLimits(max_bytes=len(content) - 1)
    for source in (path, content, memoryview(content), io.BytesIO(content)):
        with pytest.raises(ImageTooLargeError, match=f"limit is {len(content) - 1}"):
            load_image(source, limits=limits)
    sparse = tmp_path / "sparse.png"
    sparse.touch()
    os.truncate(sparse, 1 << 34)
    with pytest.raises(ImageTooLargeError, match=r"sparse\.png: the picture has 17,179,869,184 bytes"):
        load_image(sparse)
    endless: Any = _Endless()
    with pytest.raises(ImageTooLargeError, match="more than 3,000,000 bytes"):
        load_image(endless, limits=ImageLimits(max_bytes=3_000_000))
    assert endless.taken <= 3_000_001


def test_limits_hold_in_threads_and_leave_pillow_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)  # the host's own limit neither warns nor stops us
    content = saved(Image.fromarray(noise(40, 41)), "PNG")
    filters = list(warnings.filters)

    def load(index: int) -> str:
        limits = ImageLimits(max_pixels=40 * 41 - index % 2)
        try:
            return str(load_image(content, limits=limits).width)
        except ImageTooLargeError:
            return "too large"

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(load, range(200)))
    assert results == ["41", "too large"] * 100
    assert Image.MAX_IMAGE_PIXELS == 50
    assert list(warnings.filters) == filters


def test_pillow_warnings_stay_inside() -> None:
    broken = png((2, 1, 8, 2), bytes([0, 1, 2, 3, 4, 5, 6]), (b"acTL", bytes(8)))  # warns: invalid APNG
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        np.testing.assert_array_equal(load_image(broken).pixels, [[[1, 2, 3], [4, 5, 6]]])
        assert seen == []
        Image.open(io.BytesIO(broken))
        assert len(seen) == 1, "Pillow warns of this file, so the test above means something"
