"""What networks for any style learn from: the same for the same seed, and of all kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.image import save_image
from nst_engine.networks.stylizer_net import StylizerNet, architecture
from nst_engine.training.photos import Photos
from nst_engine.training.style_pictures import PaintedPhotos, StylePictures, recoloured, texture


@pytest.fixture(scope="module")
def photos() -> Photos:
    return Photos([photo.path for photo in bundled_contents().values()], 200)


def test_style_pictures_are_of_the_size_and_the_same_for_the_same_seed(photos: Photos) -> None:
    paintings = Photos([painting.path for painting in bundled_styles().values()][:3], 192, min_deviation=0)
    pictures = StylePictures(paintings, 96, photos, None)
    first, again = ([pictures.draw(64, np.random.default_rng(seed)) for seed in range(30)] for _ in range(2))
    for one, same in zip(first, again, strict=True):
        assert one.shape == (64, 64, 3)
        assert one.dtype == np.uint8
        np.testing.assert_array_equal(one, same)
    assert len({picture.tobytes() for picture in first}) == 30


def test_of_every_hundred_a_quarter_is_painted(photos: Photos) -> None:
    calls: list[int] = []

    def stylized(rng: np.random.Generator) -> np.ndarray:
        calls.append(1)
        return np.full((90, 90, 3), 7, np.uint8)

    pictures = StylePictures(photos, 96, photos, stylized)
    rng = np.random.default_rng(0)
    for _ in range(400):
        pictures.draw(64, rng)
    assert 75 < len(calls) < 125


def test_an_empty_canvas_and_a_tiny_painting_can_be_drawn(tmp_path: Path, photos: Photos) -> None:
    save_image(tmp_path / "empty.png", np.full((40, 500, 3), 200, np.uint8))
    pictures = StylePictures(Photos([tmp_path / "empty.png"], 64, min_deviation=0), 512, photos, None)
    for seed in range(10):
        assert pictures.draw(96, np.random.default_rng(seed)).shape == (96, 96, 3)


def test_painted_photos_are_made_once_and_the_same_in_any_order(photos: Photos) -> None:
    torch.manual_seed(0)
    network = StylizerNet(architecture("live"), 4).eval()
    one, other = PaintedPhotos(network, photos, 5), PaintedPhotos(network, photos, 5)
    numbers = [3, 1, 3]

    class Fixed:
        """Draws these numbers in turn."""

        def __init__(self, values: list[int]) -> None:
            self.values = list(values)

        def integers(self, most: int) -> int:
            return self.values.pop(0) % most

    rng = Fixed(numbers)
    drawn = [one(rng) for _ in numbers]  # type: ignore[arg-type]
    assert drawn[0] is drawn[2]
    assert drawn[0].shape == (448, 448, 3)
    np.testing.assert_array_equal(other(Fixed([1])), drawn[1])  # type: ignore[arg-type]
    assert not np.array_equal(drawn[0], drawn[1])


def test_textures_have_a_few_colours_and_strokes_in_a_direction() -> None:
    textures = [texture(64, np.random.default_rng(seed)) for seed in range(20)]
    for each in textures:
        assert each.shape == (64, 64, 3)
        assert each.dtype == np.float32
        assert 0 <= each.min() <= each.max() <= 1
    change = [np.abs(np.diff(each, axis=axis)).mean() for each in textures for axis in (0, 1)]
    ratios = [max(a, b) / min(a, b) for a, b in zip(change[::2], change[1::2], strict=True)]
    assert max(ratios) > 2
    np.testing.assert_array_equal(textures[3], texture(64, np.random.default_rng(3)))


def test_other_colours_keep_the_range_and_often_the_picture() -> None:
    image = np.random.default_rng(0).random((16, 20, 3), np.float32)
    pictures = [recoloured(image, np.random.default_rng(seed)) for seed in range(200)]
    assert all(0 <= each.min() <= each.max() <= 1 and each.dtype == np.float32 for each in pictures)
    unchanged = sum(np.array_equal(each, image) for each in pictures)
    assert 60 < unchanged < 120
