"""AVIF and HEIC: turned, transparent, of ten bits, with profiles, damaged, too large; HEIC without what reads it."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pillow_heif
import pytest
from cli.running import assert_refused, code_of
from PIL import ExifTags, Image
from tiny_models import photo, write_own

from nst_engine import ImageLimits, MissingDependencyError, Stylizer, load_image, save_image
from nst_engine.errors import ImageDecodeError, ImageTooLargeError
from nst_engine.image import encode_image
from nst_engine.image.avif_size import coded_sizes

from .samples import noise, saved, smooth
from .test_profile import rgb_profile

BOTH = ("AVIF", "HEIC")
#: Without the loss of colours.
FULL_CHROMA: dict[str, dict[str, Any]] = {"AVIF": {"subsampling": "4:4:4"}, "HEIC": {"chroma": 444}}


def near(pixels: Any, expected: Any, most: float = 6) -> bool:
    return bool(np.abs(np.asarray(pixels).astype(int) - expected).max() <= most)


@pytest.mark.parametrize("file_format", BOTH)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright_once(file_format: str, orientation: int) -> None:
    pixels = smooth(40, 64)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image = Image.fromarray(pixels)
    jpeg = load_image(saved(image, "JPEG", exif=exif.tobytes(), quality=100, subsampling=0)).pixels
    turn: dict[str, Any] = {"exif": exif.tobytes()}
    if file_format == "HEIC":  # as phones do, which write both
        turn["original_orientation"] = orientation
    found = load_image(saved(image, file_format, quality=95, **turn, **FULL_CHROMA[file_format]))
    assert found.pixels.shape == jpeg.shape
    assert near(found.pixels, jpeg)
    assert found.format == file_format


@pytest.mark.parametrize("file_format", BOTH)
def test_profiles_are_converted_and_transparency_is_kept(file_format: str) -> None:
    alpha = smooth(30, 40)[..., 0]
    image = Image.fromarray(np.dstack([smooth(30, 40), alpha]))
    expected = load_image(saved(image, "PNG", icc_profile=rgb_profile(b"bgr", gamma=2.2)))
    image.info["icc_profile"] = rgb_profile(b"bgr", gamma=2.2)
    found = load_image(saved(image, file_format, quality=100, **FULL_CHROMA[file_format]))
    assert found.alpha is not None
    assert near(found.pixels, expected.pixels)
    assert near(found.alpha, alpha, 1)
    assert not near(expected.pixels, smooth(30, 40), 60), "the profile makes a difference"


def test_ten_bits_become_eight(tmp_path: Path) -> None:
    pixels = smooth(64, 96)
    heic = io.BytesIO()
    wide = (pixels.astype(np.uint16) * 257).tobytes()
    pillow_heif.encode("RGB;16", (96, 64), wide, heic, quality=95, chroma=444)
    assert pillow_heif.open_heif(io.BytesIO(heic.getvalue()), convert_hdr_to_8bit=False).info["bit_depth"] == 10
    with av.open(tmp_path / "ten.avif", "w") as container:
        stream = container.add_stream("libsvtav1", rate=1, options={"crf": "5", "svtav1-params": "avif=1"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p10le"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels).reformat(format="yuv420p10le")))
        container.mux(stream.encode())
    for content in (heic.getvalue(), (tmp_path / "ten.avif").read_bytes()):
        assert near(load_image(content).pixels, pixels, 12)


@pytest.mark.parametrize("file_format", BOTH)
def test_damage_is_told_and_limits_hold(file_format: str) -> None:
    content = encode_image(noise(40, 50), file_format)
    for share in (0.05, 0.3, 0.6, 0.95):
        with pytest.raises(ImageDecodeError, match=f"the {file_format} is truncated or damaged"):
            load_image(content[: int(len(content) * share)])
    with pytest.raises(ImageTooLargeError, match="50×40 = 2,000 pixels, the limit is 1,999"):
        load_image(content, limits=ImageLimits(max_pixels=1999))
    with pytest.raises(ImageTooLargeError, match=f"{len(content):,} bytes"):
        load_image(content, limits=ImageLimits(max_bytes=len(content) - 1))
    assert load_image(content, max_side=25).pixels.shape == (20, 25, 3)


@pytest.mark.parametrize("file_format", BOTH)
def test_a_picture_that_is_larger_than_it_says_is_not_decoded(file_format: str) -> None:
    content = encode_image(np.zeros((1500, 2000, 3), np.uint8), file_format)
    said = struct.pack(">II", 2000, 1500)
    assert content.count(said) == 1
    lying = content.replace(said, struct.pack(">II", 20, 15))
    with pytest.raises((ImageTooLargeError, ImageDecodeError), match=r"2000×1500 = 3,000,000 pixels|2000x1504 exceeds"):
        load_image(lying, limits=ImageLimits(max_pixels=100_000))


def test_sizes_as_coded_are_those_of_all_parts() -> None:
    alpha = noise(30, 41, 1)
    assert list(coded_sizes(encode_image(noise(30, 41), "avif"))) == [(30, 41)]
    assert list(coded_sizes(encode_image(noise(30, 41), "avif", alpha=alpha))) == [(30, 41)] * 2


def test_boxes_of_any_kind_end_in_an_error_or_sizes() -> None:
    rng = np.random.default_rng(1)
    whole = np.frombuffer(encode_image(noise(20, 20), "avif", alpha=noise(20, 20, 1)), np.uint8)
    refused = 0
    for _ in range(3000):
        damaged = whole.copy()
        damaged[rng.integers(0, 400, 2)] = rng.integers(0, 256, 2, dtype=np.uint8)
        try:
            assert list(coded_sizes(damaged.tobytes()))
        except ValueError:
            refused += 1
    assert 100 < refused < 2900


@pytest.mark.parametrize("side", [24, 300])
def test_zeros_instead_of_the_picture_are_noticed(side: int) -> None:
    whole = encode_image(noise(side, side), "avif")
    for begin, end in ((len(whole) // 2, len(whole)), (len(whole) // 2, len(whole) * 9 // 10)):
        damaged = whole[:begin] + bytes(end - begin) + whole[end:]
        with pytest.raises(ImageDecodeError, match="the AVIF is truncated or damaged"):
            load_image(damaged)
    dots = np.full((800, 800, 3), 255, np.uint8)
    dots[::112, ::76] = 0
    assert load_image(encode_image(dots, "avif")).pixels.shape == dots.shape


def test_a_sequence_is_no_still_picture() -> None:
    frames = [Image.fromarray(noise(32, 32, seed=seed)) for seed in range(3)]
    content = saved(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    for first_frame in (False, True):
        with pytest.raises(ImageDecodeError, match="the AVIF is a sequence, one still picture was wanted"):
            load_image(content, first_frame=first_frame)


def test_of_several_photos_in_a_heic_the_first_is_taken() -> None:
    container = pillow_heif.from_pillow(Image.fromarray(smooth(20, 30)))
    container.add_from_pillow(Image.fromarray(noise(10, 10)))
    content = io.BytesIO()
    container.save(content, quality=95)
    assert load_image(content.getvalue()).pixels.shape == (20, 30, 3)


def test_results_are_written_in_both(tmp_path: Path) -> None:
    result = Stylizer(write_own(tmp_path), device="cpu").stylize(smooth(60, 80), "wave")
    sizes = [len(result.encode("avif", quality=quality)) for quality in (20, 60, 95)]
    assert sizes == sorted(sizes)
    for suffix in (".avif", ".heic", ".heif"):
        assert near(load_image(result.save(tmp_path / f"out{suffix}")).pixels, result.pixels, 10)
    file = io.BytesIO()
    result.save(file, format="avif")
    assert file.getvalue() == result.encode("avif")


def test_the_command_reads_and_writes_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = write_own(tmp_path)
    folder = tmp_path / "in"
    folder.mkdir()
    save_image(folder / "a.avif", photo(30, 40))
    save_image(folder / "b.heic", photo(30, 40), alpha=noise(30, 40, 1))
    assert code_of("stylize", folder, "--model", own, "--style", "wave", "-o", tmp_path / "out") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a_wave.avif", "b_wave.heic"]
    assert load_image(tmp_path / "out" / "b_wave.heic").alpha is not None
    sizes = []
    for quality in (10, 90):
        command = ["stylize", folder / "a.avif", "--model", own, "--style", "wave", "--quality", quality]
        assert code_of(*command, "-o", tmp_path / f"{quality}.avif") == 0
        sizes.append((tmp_path / f"{quality}.avif").stat().st_size)
    assert sizes[0] < sizes[1]
    assert "40×30 px" in capsys.readouterr().out


def test_without_its_extra_heic_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = write_own(tmp_path)
    heic, png = save_image(tmp_path / "in.heic", photo(30, 40)), save_image(tmp_path / "in.png", photo(30, 40))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MissingDependencyError, match=r"read with pillow-heif, which is not installed; .*\[heif\]"):
        load_image(heic)
    command = ("stylize", "--model", own, "--style", "wave", "-o")
    assert_refused(capsys, "[heif]'", *command, tmp_path / "out.png", heic)
    assert_refused(capsys, "[heif]', or write .avif", *command, tmp_path / "out.heic", png)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("out")]
