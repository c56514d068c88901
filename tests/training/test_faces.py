"""Faces in photos: read, cut out, and compared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_engine.errors import OptionError
from nst_engine.image import save_image
from nst_engine.training.faces import read_faces
from nst_engine.training.photos import Photos

#: Of the astronaut's face: left, top, right and bottom.
FACE = (170.0, 60.0, 280.0, 200.0)


def test_they_are_found_by_the_name_of_their_photo(tmp_path: Path) -> None:
    photos = [tmp_path / name for name in ("a.jpg", "one/b.jpg", "two/b.jpg", "ü.png")]
    listed = tmp_path / "faces.json"
    twice = f"{tmp_path.name}/a.jpg"
    listed.write_text(
        json.dumps({"a.jpg": [[1, 2, 30, 40]], "two/b.jpg": [[0, 0, 9, 9]], "ü.png": [], twice: [[5.5, 0, 20, 20]]})
    )
    found = read_faces(listed, photos)
    assert {path.relative_to(tmp_path).as_posix(): boxes.tolist() for path, boxes in found.items()} == {
        "a.jpg": [[1, 2, 31, 42], [5.5, 0, 25.5, 20]],
        "two/b.jpg": [[0, 0, 9, 9]],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as JSON"),
        ("[[1, 2, 3, 4]]", "names no photos"),
        ("{}", "names no photos"),
        ('{"c.jpg": [[1, 2, 3, 4]]}', "'c.jpg' is the name of none of the photos"),
        ('{"b.jpg": [[1, 2, 3, 4]]}', "'b.jpg' is the name of several photos"),
        ('{"": [[1, 2, 3, 4]]}', "'' is the name of none of the photos"),
        ('{"a.jpg": [1, 2, 3, 4]}', "a.jpg: 1 came for a face"),
        ('{"a.jpg": [[1, 2, 3]]}', r"\[1, 2, 3\] came for a face; wanted"),
        ('{"a.jpg": [[1, 2, 3, "4"]]}', "came for a face"),
        ('{"a.jpg": [[1, 2, NaN, 4]]}', "came for a face"),
        ('{"a.jpg": [[1, 2, 0, 4]]}', "came for a face"),
        ('{"a.jpg": [[1, true, 3, 4]]}', "came for a face"),
        ('{"a.jpg": {"left": 1}}', "came for a face"),
    ],
)
def test_what_is_no_list_of_faces_is_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "faces.json").write_text(text)
    photos = [tmp_path / name for name in ("a.jpg", "one/b.jpg", "two/b.jpg")]
    with pytest.raises(OptionError, match=message):
        read_faces(tmp_path / "faces.json", photos)


def test_half_of_the_cut_outs_hold_a_face_where_it_is_said_to_be(tmp_path: Path) -> None:
    """Told by its colour, on photos that are kept at half their size, one of them with a transparent margin."""
    rng = np.random.default_rng(0)
    faces = {}
    for number in range(2):
        pixels = rng.integers(0, 120, (400, 600, 3), np.uint8)
        left, top = (300, 40 + 200 * number)
        pixels[top : top + 60, left : left + 50] = (250, 20, 20)
        if number:
            margin = np.zeros((440, 660, 4), np.uint8)
            margin[30:430, 20:620] = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
            pixels, left, top = margin, left + 20, top + 30
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        faces[tmp_path / f"{number}.png"] = np.array([[left, top, left + 50, top + 60]], float)
    photos = Photos(list(faces), 300, min_deviation=0, faces=faces)
    held = 0
    for seed in range(200):
        cut = photos.cut_out(96, np.random.default_rng(seed))
        assert cut.pixels.shape == (96, 96, 3)
        held += len(cut.faces)
        for left, top, right, bottom in cut.faces:
            assert 0 <= left < right <= 96
            assert 0 <= top < bottom <= 96
            middle = cut.pixels[round(top) + 2 : round(bottom) - 2, round(left) + 2 : round(right) - 2].reshape(-1, 3)
            assert middle.size
            assert (middle[:, 0] > 200).mean() > 0.9
    assert 90 <= held < 150  # half of them, and some by chance


def test_a_face_larger_than_the_cut_out_is_in_the_middle_of_it_and_not_compared(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)
    save_image(tmp_path / "a.png", pixels)
    photos = Photos([tmp_path / "a.png"], 300, faces={tmp_path / "a.png": np.array([[20.0, 20, 280, 280]])})
    assert all(len(photos.cut_out(96, np.random.default_rng(seed)).faces) == 0 for seed in range(20))


def test_faces_beside_the_picture_are_told_and_cut_off_at_its_border(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    save_image(photo, np.random.default_rng(0).integers(0, 255, (100, 80, 3), np.uint8))
    with pytest.raises(OptionError, match="is 80x100 px, and none of the faces"):
        Photos([photo], 100, faces={photo: np.array([[90.0, 10, 120, 40]])})
    cut = Photos([photo], 100, faces={photo: np.array([[-5.0, 10, 40, 40]])}).cut_out(100, np.random.default_rng(1))
    assert len(cut.faces) <= 1
