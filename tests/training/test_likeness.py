"""Pieces of painted pictures, compared with those of the photos."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.image import load_image
from nst_engine.training.likeness import LIKENESS_LAYERS, cut_pieces, random_pieces, unlikeness
from nst_engine.training.perceptual import PerceptualMeasure, image_tensor
from nst_engine.vgg19.weights import load_vgg19_weights

#: Of the astronaut's face: left, top, right and bottom.
FACE = (170.0, 60.0, 280.0, 200.0)


def test_unlikeness_is_one_minus_the_correlation() -> None:
    rng = np.random.default_rng(0)
    before, after = (
        {layer: rng.standard_normal((3, 5, 7 + place, 6)) + 3 for place, layer in enumerate(LIKENESS_LAYERS)}
        for _ in "ab"
    )
    for layer in LIKENESS_LAYERS:
        after[layer][1] = 4 * before[layer][1] + rng.standard_normal((5, 1, 1))  # other colours, of the same face
        after[layer][2] = -before[layer][2]
    found = unlikeness(*({layer: torch.from_numpy(each) for layer, each in one.items()} for one in (before, after)))

    def centred(values: np.ndarray) -> np.ndarray:
        return np.concatenate([channel.ravel() - channel.mean() for channel in values])

    for row in range(3):
        correlations = [
            np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)
            for a, b in ((centred(before[layer][row]), centred(after[layer][row])) for layer in LIKENESS_LAYERS)
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
    faces, numbers = cut_pieces(picture.expand(2, -1, -1, -1), [boxes[:0], boxes])
    assert faces.shape == (2, 3, 112, 112)
    assert numbers == [1, 1]


@pytest.mark.parametrize("side", [40, 64, 328])
def test_random_pieces_lie_in_the_picture_all_over_it(side: int) -> None:
    boxes = np.concatenate([random_pieces(side, np.random.default_rng(seed)) for seed in range(200)])
    sides = boxes[:, 2:] - boxes[:, :2]
    assert boxes.min() >= 0
    assert boxes.max() <= side
    assert np.allclose(sides[:, 0], sides[:, 1])
    assert sides.min() >= min(48, side) - 1e-9
    assert sides.max() <= 128
    middles = boxes[:, :2] + sides / 2
    assert middles.mean(0) == pytest.approx([side / 2, side / 2], abs=side / 20)
