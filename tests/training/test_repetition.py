"""How much pictures repeat themselves, against a float64 formula and on pictures that do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_engine.catalogue import bundled_styles
from nst_engine.image import load_image
from nst_engine.training.perceptual import PerceptualLoss, image_tensor
from nst_engine.training.photos import sized
from nst_engine.training.repetition import REPETITION_LAYERS, repetition
from nst_engine.vgg19.weights import load_vgg19_weights

CPU = torch.device("cpu")


def _likest_far_place(features: np.ndarray, pooled_by: int) -> float:
    """Of C x H x W with no more than 20 cells a side, place by place."""
    channels, height, width = (side // by for side, by in zip(features.shape, (1, pooled_by, pooled_by), strict=True))
    cut = features[:, : height * pooled_by, : width * pooled_by].astype(np.float64)
    cells = cut.reshape(channels, height, pooled_by, width, pooled_by).mean((2, 4))
    cells -= cells.mean((1, 2), keepdims=True)
    best = []
    for place in np.ndindex(height, width):
        cosines = [
            cells[:, *place] @ cells[:, *other] / np.linalg.norm(cells[:, *place]) / np.linalg.norm(cells[:, *other])
            for other in np.ndindex(height, width)
            if max(abs(place[0] - other[0]), abs(place[1] - other[1])) >= 4
        ]
        if cosines:
            best.append(max(cosines))
    return float(np.mean(best))


@pytest.mark.parametrize("cells", [(7, 9), (5, 2), (6, 6)])
def test_repetition_is_the_likeness_of_the_likest_place_that_is_no_neighbour(cells: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    features = {
        layer: rng.standard_normal((2, 11, cells[0] * by + 1, cells[1] * by)) for layer, by in REPETITION_LAYERS.items()
    }
    result = repetition({layer: torch.from_numpy(each) for layer, each in features.items()})
    for layer, by in REPETITION_LAYERS.items():
        for row in range(2):
            assert float(result[layer][row]) == pytest.approx(_likest_far_place(features[layer][row], by), abs=1e-5)


def test_large_pictures_are_looked_at_in_windows() -> None:
    """Twice the same texture side by side: no window sees both."""
    texture = torch.randn(1, 8, 80, 88, generator=torch.Generator().manual_seed(0))
    once, twice = (
        repetition({"relu3_1": each, "relu4_1": each})["relu3_1"] for each in (texture, torch.cat([texture] * 2, 3))
    )
    assert float(once) < float(twice) < float(once) + 0.2


def test_nothing_repeats_in_a_picture_of_a_few_cells() -> None:
    features = {layer: torch.ones(3, 5, 4 * by, 3 * by) for layer, by in REPETITION_LAYERS.items()}
    assert all(each.tolist() == [0, 0, 0] for each in repetition(features).values())


def test_a_stamp_counts_and_the_painting_does_not() -> None:
    painting = sized(load_image(bundled_styles()["composition-vii"].path).pixels, 384)
    loss = PerceptualLoss(load_vgg19_weights(), [painting], device=CPU, dtype=torch.float32)
    stamp = painting[96:160, 96:160]
    stamped = np.tile(stamp, (4, 5, 1))
    repeats = [
        float(loss(picture, loss.content_features(picture), [0]).repeats)
        for picture in (image_tensor(np.ascontiguousarray(each), CPU) for each in (painting, stamped))
    ]
    assert repeats[0] < 1e-9
    assert repeats[1] > 0.1
