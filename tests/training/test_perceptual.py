"""The distances that networks are trained by, against float64 formulas on torchvision-independent features."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.image import load_image
from nst_engine.training.perceptual import CONTENT_LAYER, PerceptualLoss, evened, gram_matrices, image_tensor
from nst_engine.training.photos import sized
from nst_engine.vgg19.layers import GATYS_STYLE_LAYERS
from nst_engine.vgg19.network import VGG19
from nst_engine.vgg19.weights import load_vgg19_weights

CPU = torch.device("cpu")
NAMES = ("great-wave", "scream")


@pytest.fixture(scope="module")
def paintings() -> list[np.ndarray]:
    return [sized(load_image(bundled_styles()[name].path).pixels, 96) for name in NAMES]


def test_distances_are_those_of_the_formulas(paintings: list[np.ndarray]) -> None:
    weights = load_vgg19_weights()
    loss = PerceptualLoss(weights, paintings, device=CPU, dtype=torch.float32)
    photo = image_tensor(sized(load_image(bundled_contents()["coffee"].path).pixels, 80), CPU)
    torch.manual_seed(0)
    stylized = (photo.repeat(2, 1, 1, 1) + 0.2 * torch.randn(2, *photo.shape[1:])).clamp(0, 1)
    result = loss(stylized, loss.content_features(photo.repeat(2, 1, 1, 1)), [1, 0])

    network = VGG19(weights, (*GATYS_STYLE_LAYERS, CONTENT_LAYER)).double()

    def features(image: torch.Tensor) -> dict[str, np.ndarray]:
        return {name: value[0].flatten(1).numpy() for name, value in network(image.double()).items()}

    def gram(values: np.ndarray) -> np.ndarray:
        product: np.ndarray = values @ values.T / values.shape[1]
        return product

    of_photo = features(photo)[CONTENT_LAYER]
    for row, style in enumerate((1, 0)):
        of_stylized, of_style = features(stylized[row : row + 1]), features(image_tensor(paintings[style], CPU))
        content = np.sum((of_stylized[CONTENT_LAYER] - of_photo) ** 2) / np.sum(of_photo**2)
        per_layer = [
            np.sum((gram(of_stylized[layer]) - gram(of_style[layer])) ** 2) / np.sum(gram(of_style[layer]) ** 2)
            for layer in GATYS_STYLE_LAYERS
        ]
        assert float(result.content[row]) == pytest.approx(content, rel=1e-3)
        assert float(result.style[row]) == pytest.approx(np.mean(per_layer), rel=1e-3)


def test_the_painting_itself_is_at_no_distance_from_its_style(paintings: list[np.ndarray]) -> None:
    loss = PerceptualLoss(load_vgg19_weights(), paintings, device=CPU, dtype=torch.float32)
    itself = image_tensor(paintings[0], CPU)
    result = loss(itself, loss.content_features(itself), [0])
    assert float(result.style) < 1e-6
    assert float(result.content) < 1e-6


def test_the_gradient_leads_downhill(paintings: list[np.ndarray]) -> None:
    loss = PerceptualLoss(load_vgg19_weights(), paintings, device=CPU, dtype=torch.float32)
    photo = image_tensor(sized(load_image(bundled_contents()["chelsea"].path).pixels, 64), CPU)
    target = loss.content_features(photo)
    picture = photo.clone().requires_grad_()
    before = loss(picture, target, [0])
    (gradient,) = torch.autograd.grad(before.style.sum(), picture)
    step = 1e-3 * gradient / gradient.norm()
    with torch.no_grad():
        after = loss(picture - step, target, [0])
    predicted = float((gradient * step).sum())
    assert float((before.style - after.style).detach()) == pytest.approx(predicted, rel=0.1)


def test_gram_matrices_and_their_gradient_are_autograds() -> None:
    torch.manual_seed(1)
    features = torch.randn(2, 5, 16, 24, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 5, 5, dtype=torch.float64)
    (actual,) = torch.autograd.grad((gram_matrices(features) * weights).sum(), features)
    rows = features.flatten(2)
    plain = rows @ rows.transpose(1, 2) / rows.shape[2]
    (expected,) = torch.autograd.grad((plain * weights).sum(), features)
    torch.testing.assert_close(gram_matrices(features), plain.float(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-8)


def test_near_flat_photos_do_not_decide() -> None:
    content, energy = torch.tensor([4.0, 1.0]), torch.tensor([1.0, 9.0])
    result = evened(content, energy, usual=9.0)
    assert result.tolist() == pytest.approx([4 * 1 / 5, 1.0])
