"""What a painting shall not show, against OpenCV and closed forms."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from nst_engine.catalogue import bundled_contents
from nst_engine.image import load_image
from nst_engine.networks.stylizer_net import STRIDE
from nst_engine.training.artefacts import detail_kept, grid_loss
from nst_engine.training.photos import sized


def _planes(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


def _detail_by_opencv(image: np.ndarray) -> np.ndarray:
    grey = image.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    found: np.ndarray = cv2.Laplacian(cv2.GaussianBlur(grey, (13, 13), 1.5), cv2.CV_64F)
    return found


def test_detail_is_the_correlation_of_laplacians_of_gaussian() -> None:
    photo = sized(load_image(bundled_contents()["coffee"].path).pixels, 131)
    rng = np.random.default_rng(0)
    other = np.clip(photo[:, ::-1].astype(int) + rng.integers(-40, 40, photo.shape), 0, 255).astype(np.uint8)
    mixed = (photo // 2 + other // 2).astype(np.uint8)
    wanted = np.corrcoef(_detail_by_opencv(photo).ravel(), _detail_by_opencv(mixed).ravel())[0, 1]
    assert float(detail_kept(_planes(photo), _planes(mixed))) == pytest.approx(wanted, abs=2e-3)
    assert float(detail_kept(_planes(photo), _planes(photo))) == pytest.approx(1, abs=1e-5)


def test_a_grid_counts_and_what_is_painted_does_not() -> None:
    torch.manual_seed(0)
    painted = torch.rand(1, 3, 20 * STRIDE, 20 * STRIDE + 5)
    grid = painted.clone()
    grid[..., ::STRIDE, :] += 0.2
    assert float(grid_loss(grid)) > 3 * float(grid_loss(painted))
    share = 1 / STRIDE
    regular = torch.zeros(1, 3, 4 * STRIDE, 4 * STRIDE)
    regular[..., ::STRIDE, :] = 0.2
    assert float(grid_loss(regular)) == pytest.approx(0.04 * share * (1 - share), rel=1e-4)
