"""Calm areas, against SciPy and a closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped]

from nst_engine import optimize
from nst_engine.catalogue import content_path, style_path
from nst_engine.image import load_image, resize_image
from nst_engine.optimization.calm import calm_variation_loss, calmness
from nst_engine.vgg19.losses import total_variation_loss


def test_calmness_is_that_of_the_formula() -> None:
    rng = np.random.default_rng(0)
    photo = (rng.random((75, 93, 3)) * np.linspace(0, 1, 93)[None, :, None]).astype(np.float32)
    grey = photo.mean(2, dtype=np.float64)
    fine = grey - gaussian_filter(grey, 2.0, mode="mirror", truncate=3.0)
    strength = np.sqrt(gaussian_filter(fine**2, 4.0, mode="mirror", truncate=3.0))
    expected = 1 / (1 + (strength / np.quantile(strength, 0.25)) ** 2)
    actual = calmness(torch.from_numpy(photo).permute(2, 0, 1)[None], 0.5)[0, 0].numpy()
    np.testing.assert_allclose(actual, expected, atol=2e-4)
    assert actual[:, :20].mean() > 0.8
    assert actual[:, -20:].mean() < 0.2


def test_a_flat_picture_is_calm_all_over() -> None:
    assert float(calmness(torch.full((1, 3, 40, 33), 0.3), 0.1).min()) > 0.99


def test_where_all_is_calm_the_loss_is_the_total_variation() -> None:
    image = torch.rand(1, 3, 31, 44)
    everywhere = torch.ones(1, 1, 31, 44)
    result = calm_variation_loss(image, everywhere)
    torch.testing.assert_close(result, total_variation_loss(image))
    assert float(calm_variation_loss(image, 0 * everywhere)) == pytest.approx(0)


def test_skies_do_not_become_sandpaper() -> None:
    photo = resize_image(load_image(content_path("rocket")).pixels, 85, 128)
    options = {"image_size": 128, "num_iterations": 16, "threads": 2}

    def roughness(calm_weight: float) -> float:
        image = optimize(photo, style_path("great-wave"), calm_weight=calm_weight, **options).image  # type: ignore[arg-type]
        sky = image[5:40, 47:120].astype(np.float64)
        return float(np.abs(np.diff(sky, axis=1)).mean())

    assert roughness(190.0) < 0.7 * roughness(0.0)
