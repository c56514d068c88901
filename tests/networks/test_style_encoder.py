"""What reads style images: its numbers, whatever comes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_engine.networks.style_encoder import STATISTICS_LAYERS, StyleEncoder
from nst_engine.networks.stylizer_net import BlendedFilters, StyleFilters


def features(seed: int, pictures: int = 1) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand((pictures, channels, 32 >> number, 40 >> number), generator=generator)
        for number, (name, channels) in enumerate(STATISTICS_LAYERS.items())
    }


@pytest.fixture(scope="module")
def encoder() -> StyleEncoder:
    torch.manual_seed(0)
    return StyleEncoder(12, hidden=16, gram_channels=4).eval()


@torch.no_grad()
def test_a_code_ends_with_the_constant_and_is_the_same_in_a_batch(encoder: StyleEncoder) -> None:
    one, other = features(1), features(2)
    codes = [encoder(each) for each in (one, other)]
    assert codes[0].shape == (1, 13)
    assert float(codes[0][0, -1]) == 1
    together = encoder({name: torch.cat([one[name], other[name]]) for name in one})
    torch.testing.assert_close(together, torch.cat(codes))
    assert not torch.allclose(codes[0], codes[1])


@torch.no_grad()
def test_one_colour_and_nothing_at_all_have_a_code(encoder: StyleEncoder) -> None:
    for level in (0.0, 3.0):
        flat = {name: torch.full_like(value, level) for name, value in features(0).items()}
        assert encoder(flat).isfinite().all()


@torch.no_grad()
def test_statistics_are_those_of_numpy_in_float64(encoder: StyleEncoder) -> None:
    inputs = features(3)
    actual = encoder.statistics(inputs)[0].numpy()
    expected = []
    for value in inputs.values():
        places = value[0].numpy().astype(np.float64).reshape(value.shape[1], -1)
        expected += [np.log(places.mean(1) + 0.05), 0.5 * np.log(places.var(1) + 0.05)]
    np.testing.assert_allclose(actual, np.concatenate(expected), atol=1e-5)


@torch.no_grad()
def test_filters_of_a_basis_are_those_of_their_blend() -> None:
    torch.manual_seed(1)
    blended, own = BlendedFilters(5, 6, basis=3), StyleFilters(5, 6)
    blended.mix.data.normal_()
    blended.basis.data.normal_()
    own.filters.data = torch.einsum("sb,boi->soi", blended.mix, blended.basis)
    x, mix = torch.randn(2, 6, 7, 8), torch.randn(2, 5)
    torch.testing.assert_close(blended(x, mix), own(x, mix), atol=1e-4, rtol=1e-4)
