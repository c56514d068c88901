"""The one-pass network against float64 formulas."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from nst_engine.errors import OptionError
from nst_engine.networks.stylizer_net import (
    ARCHITECTURES,
    Architecture,
    ConditionalInstanceNorm,
    StyleFilters,
    StylizerNet,
    UpsampledConv,
    architecture,
)

TINY = Architecture((4, 6, 8, 10), (1, 1, 1), stem_at_half=True, refining_block=True)
TINIEST = Architecture((3, 4, 6, 8), (0, 1, 1), stem_at_half=False, refining_block=False)


Module = TypeVar("Module", bound=torch.nn.Module)


def scrambled(network: Module, seed: int = 0) -> Module:
    torch.manual_seed(seed)
    for parameter in network.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return network.eval()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7), (8, 3)])
def test_upsampled_convolution_is_nearest_upsampling_reflection_and_convolution(height: int, width: int) -> None:
    layer = scrambled(UpsampledConv(3, 5)).double()
    x = torch.randn(2, 3, height, width, dtype=torch.float64)
    large = F.pad(F.interpolate(x, scale_factor=2, mode="nearest"), (1, 1, 1, 1), mode="reflect")
    expected = F.conv2d(large, layer.conv.weight, layer.conv.bias)
    torch.testing.assert_close(layer(x), expected)


def test_upsampling_a_flat_picture_paints_no_grid() -> None:
    layer = scrambled(UpsampledConv(4, 2))
    stylized = layer(torch.full((1, 4, 6, 6), 0.7))
    assert float((stylized.amax((2, 3)) - stylized.amin((2, 3))).detach().abs().max()) < 1e-5


def test_conditional_instance_norm_follows_the_formula_for_each_picture() -> None:
    norm = scrambled(ConditionalInstanceNorm(3, 5))
    x = torch.randn(2, 5, 7, 9)
    mix = torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.2, 0.3]])
    scale, shift = (value.detach().double().numpy() for value in (norm.scale, norm.shift))
    features = x.double().numpy()
    mean, deviation = features.mean((2, 3), keepdims=True), np.sqrt(features.var((2, 3), keepdims=True) + 1e-5)
    weights = mix.double().numpy()
    expected = (features - mean) / deviation * (weights @ scale)[:, :, None, None] + (weights @ shift)[:, :, None, None]
    np.testing.assert_allclose(norm(x, mix).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_style_filters_add_what_the_blended_matrix_makes_of_each_place() -> None:
    filters = scrambled(StyleFilters(3, 5))
    x, mix = torch.randn(2, 5, 4, 7), torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.2, 0.3]])
    matrices = np.tensordot(mix.double().numpy(), filters.filters.detach().double().numpy(), 1)
    expected = x.double().numpy() + np.einsum("noi,nihw->nohw", matrices, x.double().numpy())
    np.testing.assert_allclose(filters(x, mix).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [TINY, TINIEST])
@pytest.mark.parametrize(("height", "width"), [(40, 40), (41, 63), (96, 47), (65, 64)])
def test_any_size_comes_back_at_its_size_and_in_range(size: Architecture, height: int, width: int) -> None:
    network = scrambled(StylizerNet(size, 3))
    stylized = network(torch.rand(2, 3, height, width), torch.eye(3)[:2])
    assert stylized.shape == (2, 3, height, width)
    assert 0 <= float(stylized.detach().min()) <= float(stylized.detach().max()) <= 1


def test_pictures_of_a_batch_do_not_touch_each_other() -> None:
    network = scrambled(StylizerNet(TINY, 3))
    images, mix = torch.rand(3, 3, 49, 40), torch.eye(3)
    together = network(images, mix)
    for number in range(3):
        alone = network(images[number : number + 1], mix[number : number + 1])
        torch.testing.assert_close(together[number : number + 1], alone)


def test_style_weights_blend_scales_and_shifts() -> None:
    network = scrambled(StylizerNet(TINY, 2))
    image = torch.rand(1, 3, 64, 64)
    first, half, second = (network(image, torch.tensor([[1 - w, w]])) for w in (0.0, 0.5, 1.0))
    assert not torch.allclose(first, second, atol=1e-2)
    assert not torch.allclose(half, first, atol=1e-3)
    assert not torch.allclose(half, second, atol=1e-3)


def test_bundled_architectures_fit_the_package() -> None:
    sizes = {name: sum(p.numel() for p in StylizerNet(size, 16).parameters()) for name, size in ARCHITECTURES.items()}
    assert sizes["live"] < sizes["quality"]
    assert sizes["any-fast"] < sizes["any"]
    # bytes: files keep weights in half precision, filters of the largest network in a quarter
    assert 2 * (sizes["live"] + sizes["quality"]) < 12e6
    assert sizes["any"] + 2 * sizes["any-fast"] < 8e6


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(OptionError, match="quality, live"):
        architecture("fast")
