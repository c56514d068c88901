"""Photos to learn on: what is taken, what is left out, how it is cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nst_engine.catalogue import bundled_contents
from nst_engine.errors import ImageNotFoundError, OptionError
from nst_engine.image import save_image
from nst_engine.training.photos import Photos, find_photos, sized


def test_pictures_are_found_below_a_folder_in_order(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    pixels = np.zeros((8, 8, 3), np.uint8)
    for name in ("b.PNG", "a.jpg", "sub/c.webp"):
        save_image(tmp_path / name, pixels)
    (tmp_path / "notes.txt").write_text("no picture")
    assert [path.name for path in find_photos(tmp_path)] == ["a.jpg", "b.PNG", "c.webp"]


def test_no_folder_and_no_pictures_are_told(tmp_path: Path) -> None:
    with pytest.raises(ImageNotFoundError, match="no such folder"):
        find_photos(tmp_path / "nothing")
    with pytest.raises(ImageNotFoundError, match="no pictures"):
        find_photos(tmp_path)


def test_flat_and_broken_pictures_are_left_out_and_named(tmp_path: Path) -> None:
    save_image(tmp_path / "flat.png", np.full((64, 64, 3), 120, np.uint8))
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    good = bundled_contents()["coffee"].path
    photos = Photos([*find_photos(tmp_path), good], 128)
    assert [max(image.shape) for image in photos.first(3)] == [128]
    assert {Path(name).name for name in photos.left_out} == {"broken.jpg", "flat.png"}
    assert "flat" in photos.left_out[str(tmp_path / "flat.png")]
    assert len(photos) == 1
    assert photos.cut_out(32, np.random.default_rng(0)).pixels.std() > 1


def test_nothing_left_is_an_error_with_a_reason(tmp_path: Path) -> None:
    save_image(tmp_path / "flat.png", np.full((64, 64, 3), 120, np.uint8))
    with pytest.raises(OptionError, match="nearly flat"):
        Photos([tmp_path / "flat.png"], 64)


def photo(path: Path, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Path:
    save_image(path, pixels)
    return path


def test_crops_are_parts_of_the_photo_and_repeat_with_the_seed(tmp_path: Path) -> None:
    # every pixel encodes its column: a crop is a section of the ramp, mirrored or not
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 200, 0).repeat(3, 2)
    photos = Photos([photo(tmp_path / "ramp.png", ramp)], 256)
    crops = [photos.cut_out(96, np.random.default_rng(seed)).pixels for seed in range(80)]
    again = [photos.cut_out(96, np.random.default_rng(seed)).pixels for seed in range(80)]
    rises = []
    for crop, same in zip(crops, again, strict=True):
        assert crop.shape == (96, 96, 3)
        np.testing.assert_array_equal(crop, same)
        assert int(np.ptp(crop.astype(int), axis=0).max()) <= 1
        rises.append((int(crop[0, -3, 0]) - int(crop[0, 2, 0])) / 91)
    assert min(rises) < -1.1
    assert max(rises) > 1.1  # both ways around, and zoomed
    assert min(map(abs, rises)) < 0.9


def test_a_photo_smaller_than_the_crop_is_enlarged(tmp_path: Path) -> None:
    small = photo(tmp_path / "small.png", np.random.default_rng(0).integers(0, 256, (20, 31, 3), np.uint8))
    assert Photos([small], 31).cut_out(64, np.random.default_rng(1)).pixels.shape == (64, 64, 3)


def test_crops_of_one_colour_are_drawn_again(tmp_path: Path) -> None:
    pixels = np.full((96, 144, 3), 243, np.uint8)  # a thing before a white wall
    pixels[70:90, 110:140] = np.random.default_rng(0).integers(0, 90, (20, 30, 3), np.uint8)
    photos = Photos([photo(tmp_path / "white.png", pixels)], 144)
    assert min(photos.cut_out(24, np.random.default_rng(seed)).pixels.std() for seed in range(60)) > 1


def test_what_is_drawn_does_not_depend_on_what_is_kept() -> None:
    paths = [each.path for each in bundled_contents().values()]
    keeping, reading = Photos(paths, 96), Photos(paths, 96, keep_bytes=0)
    for seed in range(12):
        kept, read = (photos.cut_out(64, np.random.default_rng(seed)).pixels for photos in (keeping, reading))
        np.testing.assert_array_equal(kept, read)


def test_sized_keeps_the_proportions() -> None:
    assert sized(np.zeros((100, 50, 3), np.uint8), 30).shape == (30, 15, 3)
