"""Faces in photos: read, cut out, and compared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.errors import OptionError
from nst_engine.image import load_image, save_image
from nst_engine.training.faces import FACE_LAYERS, cut_faces, read_faces, unlikeness
from nst_engine.training.perceptual import PerceptualMeasure, image_tensor
from nst_engine.training.photos import Photos
from nst_engine.vgg19.weights import load_vgg19_weights

#: Of the astronaut's face: left, top, right and bottom.
FACE = (170.0, 60.0, 280.0, 200.0)


def test_they_are_found_by_the_name_of_their_photo(tmp_path: Path) -> None:
    photos = [tmp_path / name for name in ("a.jpg", "one/b.jpg", "two/b.jpg", "ü.png")]
    listed = tmp_path / "faces.json"
    listed.write_text(
        json.dumps({"a.jpg": [[1, 2, 30, 40], [5.5, 0, 20, 20]], "two/b.jpg": [[0, 0, 9, 9]], "ü.png": []})
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


def test_unlikeness_is_one_minus_the_correlation() -> None:
    rng = np.random.default_rng(0)
    before, after = (
        {layer: rng.standard_normal((3, 5, 7 + place, 6)) + 3 for place, layer in enumerate(FACE_LAYERS)} for _ in "ab"
    )
    for layer in FACE_LAYERS:
        after[layer][1] = 4 * before[layer][1] + rng.standard_normal((5, 1, 1))  # other colours, of the same face
        after[layer][2] = -before[layer][2]
    found = unlikeness(*({layer: torch.from_numpy(each) for layer, each in one.items()} for one in (before, after)))

    def centred(values: np.ndarray) -> np.ndarray:
        return np.concatenate([channel.ravel() - channel.mean() for channel in values])

    for row in range(3):
        correlations = [
            np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)
            for a, b in ((centred(before[layer][row]), centred(after[layer][row])) for layer in FACE_LAYERS)
        ]
        assert float(found[row]) == pytest.approx(1 - np.mean(correlations), abs=1e-5)
    assert found[1:].tolist() == pytest.approx([0, 2], abs=1e-5)


def test_a_face_is_like_itself_whatever_is_around_it_and_unlike_another_picture() -> None:
    measure = PerceptualMeasure(load_vgg19_weights(), device=torch.device("cpu"), dtype=torch.float32)
    cpu = torch.device("cpu")
    photo = image_tensor(load_image(bundled_contents()["astronaut"].path).pixels, cpu)
    other = image_tensor(load_image(bundled_styles()["scream"].path).pixels[:512, :512], cpu)
    left, top, right, bottom = map(int, FACE)
    around = other.clone()
    around[..., top:bottom, left:right] = photo[..., top:bottom, left:right]
    face = np.array([FACE])
    pictures = [photo, around, photo.flip(1), other, other]
    painted = torch.cat([each[..., :500, :500] for each in pictures])
    found = measure.unlikeness(
        photo[..., :500, :500].expand(5, -1, -1, -1), painted, [face, face, face, face, face[:0]]
    ).tolist()
    assert found[:2] == pytest.approx([0, 0], abs=1e-5)
    assert 0 < found[2] < 0.4 < found[3]  # with red and blue exchanged, and of the other picture
    assert found[4] == 0


def test_small_faces_are_looked_at_as_closely_as_large_ones_but_not_specks() -> None:
    picture = torch.rand(1, 3, 200, 200)
    boxes = np.array([[10.0, 10, 30, 34], [50, 50, 190, 190], [1, 1, 9, 9]])
    faces, numbers = cut_faces(picture.expand(2, -1, -1, -1), [boxes[:0], boxes])
    assert faces.shape == (2, 3, 112, 112)
    assert numbers == [1, 1]
