"""Pictures that are shrunk while they are read: they look as if they had been shrunk afterwards, in less memory."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nst_engine import ImageLimits, ImageTooLargeError, load_image
from nst_engine.catalogue import bundled_contents
from nst_engine.image import resize_image
from nst_engine.image.likeness import psnr_db

_COFFEE = bundled_contents()["coffee"].path


def _file(kind: str, mode: str, **options: Any) -> bytes:
    content = io.BytesIO()
    Image.open(_COFFEE).convert(mode).resize((1501, 1003)).save(content, kind, **options)
    return content.getvalue()


@pytest.mark.parametrize("side", [1500, 700, 300, 64, 1])
@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "RGB"), ("PNG", "L"), ("PNG", "P"), ("PNG", "RGBA"), ("PNG", "1"), ("JPEG", "RGB"), ("JPEG", "CMYK")],
)
def test_a_picture_is_what_it_would_be_if_shrunk_afterwards(kind: str, mode: str, side: int) -> None:
    content = _file(kind, mode)
    whole, shrunk = load_image(content), load_image(content, max_side=side)
    height = max(1, round(1003 * side / 1501))
    assert shrunk.pixels.shape == (height, side, 3)
    expected = resize_image(whole.pixels, height, side)
    # a JPEG at a quarter of its size is not quite the average of sixteen pixels
    assert psnr_db(shrunk.pixels, expected) > (27 if kind == "JPEG" or mode in "1P" else 38)


def test_small_pictures_stay_to_the_bit() -> None:
    for content in (_file("PNG", "RGB"), _file("JPEG", "RGB")):
        np.testing.assert_array_equal(load_image(content, max_side=1501).pixels, load_image(content).pixels)


def test_turns_transparency_and_colours_are_those_of_the_whole() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = load_image(_file("JPEG", "RGB", exif=exif), max_side=300)
    assert turned.pixels.shape == (300, 200, 3)
    alpha = Image.fromarray(np.tile(np.linspace(0, 255, 1000).astype(np.uint8), (800, 1)))
    picture = Image.new("RGB", alpha.size, (200, 30, 60))
    picture.putalpha(alpha)
    content = io.BytesIO()
    picture.save(content, "PNG")
    shrunk = load_image(content.getvalue(), max_side=100)
    assert shrunk.alpha is not None
    assert np.abs(shrunk.alpha[40].astype(int) - np.linspace(0, 255, 100)).max() <= 3
    assert np.abs(shrunk.pixels.astype(int) - (200, 30, 60)).max() <= 1  # where all is hidden, too


def test_a_pillow_image_of_the_caller_stays_as_large_as_it_is() -> None:
    with Image.open(io.BytesIO(_file("JPEG", "RGB"))) as image:
        assert load_image(image, max_side=100).pixels.shape == (67, 100, 3)
        assert image.size == (1501, 1003)


def test_limits_hold_for_what_a_file_says_and_not_for_what_becomes_of_it() -> None:
    with pytest.raises(ImageTooLargeError, match="1501×1003"):
        load_image(_file("JPEG", "RGB"), limits=ImageLimits(max_pixels=1_000_000), max_side=64)


_PEAK = """
import resource, sys
import numpy as np
from nst_engine import load_image

def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

load_image("small" + sys.argv[1])
before = peak_mib()
load_image("large" + sys.argv[1], max_side=512)
print(peak_mib() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is counted in KiB there only")
@pytest.mark.parametrize(("suffix", "bytes_per_px"), [(".png", 5), (".jpg", 1), (".webp", 9)])
def test_memory_is_bounded_by_the_pixels(tmp_path: Path, suffix: str, bytes_per_px: int) -> None:
    """Pillow holds four bytes a pixel, and WebP's decoder as many."""
    for name, side in (("small", 64), ("large", 6000)):
        Image.new("RGB", (side, side), (9, 99, 199)).save(tmp_path / f"{name}{suffix}")
    completed = subprocess.run([sys.executable, "-c", _PEAK, suffix], cwd=tmp_path, capture_output=True, check=True)
    assert float(completed.stdout) * 2**20 < bytes_per_px * 6000**2 + 30 * 2**20
