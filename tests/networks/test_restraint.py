"""What holds stylizers back where photos are calm, and levels forms, against float64 formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from nst_engine.networks.restraint import Restraint, held_back, with_restraint
from nst_engine.networks.stylizer_net import Architecture, ResidualBlock, StylizerNet

TINY = Architecture((4, 6, 8, 10), (1, 1, 1), stem_at_half=True, refining_block=True, restraint=True)
MIX = torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.2, 0.3]])


def means(values: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Of each square of `side`, N×C×H×W."""
    height, width = (size // side for size in values.shape[2:])
    kept = values[..., : height * side, : width * side]
    found: NDArray[np.float64] = kept.reshape(*values.shape[:2], height, side, width, side).mean((3, 5))
    return found


def around(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each place and those around it that there are."""
    found = np.empty_like(values)
    for y in range(values.shape[2]):
        for x in range(values.shape[3]):
            found[..., y, x] = values[..., max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].mean((2, 3))
    return found


@pytest.fixture(scope="module")
def restraint() -> Restraint:
    made = Restraint(3)
    made.calm.copy_(torch.rand(3, 1, generator=torch.Generator().manual_seed(1)))
    made.contrast.copy_(torch.tensor([[0.02], [0.05], [0.2]]))
    made.evenness.copy_(torch.tensor([[2.0], [0.5], [0.0]]))
    return made


@pytest.mark.parametrize(("height", "width"), [(68, 84), (70, 38)])
def test_it_is_the_contrast_of_cells_with_those_around_them(restraint: Restraint, height: int, width: int) -> None:
    pictures = torch.rand(2, 3, height, width, dtype=torch.float64)
    pictures[0, ..., :40] = 0.5 + 0.02 * pictures[0, ..., :40]
    cells = means(pictures.numpy(), 8)
    left, contrast = ((MIX @ each).double().numpy()[..., None, None] for each in (restraint.calm, restraint.contrast))
    half_calm = contrast**2 + 0.001**2
    calmness = half_calm / (half_calm + around(((cells - around(cells)) ** 2).mean(1, keepdims=True)))
    np.testing.assert_allclose(restraint(F.avg_pool2d(pictures.float(), 8), MIX), 1 - calmness * (1 - left), rtol=1e-4)


def test_calm_areas_keep_as_much_as_the_style_says_and_busy_ones_nearly_all(restraint: Restraint) -> None:
    flat = torch.full((1, 3, 64, 64), 0.3)
    busy = (torch.arange(64) // 8 % 2).float().expand_as(flat)
    kept = restraint(F.avg_pool2d(flat, 8), MIX[:1])
    torch.testing.assert_close(kept, restraint.calm[1].expand_as(kept))
    assert float(restraint(F.avg_pool2d(busy, 8), MIX[:1]).min()) > 0.95


def test_what_a_block_adds_comes_nearer_to_its_mean() -> None:
    torch.manual_seed(2)
    block = ResidualBlock(3, 5).eval()
    for parameter in block.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    x, share = torch.randn(2, 5, 7, 9), torch.rand(2, 1, 7, 9)
    with torch.no_grad():
        added = (block(x, MIX) - x).double().numpy()
        held = (block(x, MIX, share) - x).double().numpy()
    assert held_back(x, x.mean((2, 3)), None) is x
    mean = added.mean((2, 3), keepdims=True)
    np.testing.assert_allclose(held, mean + (added - mean) * share.double().numpy(), atol=1e-5)


def test_forms_stand_out_by_so_many_deviations_and_no_further(restraint: Restraint) -> None:
    generator = torch.Generator().manual_seed(4)
    forms = torch.randn(2, 5, 7, 9, generator=generator)
    scale, shift = torch.randn(2, 2, 5, 1, 1, generator=generator)
    found = restraint.levelled(scale * forms + shift, MIX, scale[..., 0, 0], shift[..., 0, 0])
    allowed = 1 / np.array([0.5, 0.5 * 2 + 0.2 * 0.5]).reshape(2, 1, 1, 1)  # of the second alone, and of a blend
    above, most = (scale * forms).double().numpy(), scale.abs().double().numpy() * allowed
    assert (above > most).any((1, 2, 3)).all(), "some stand out further"
    expected = np.minimum(above, most) + shift.double().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_forms_of_a_style_without_evenness_stand_out_as_they_like(restraint: Restraint) -> None:
    forms = 30 * torch.randn(1, 5, 7, 9, generator=torch.Generator().manual_seed(5))
    found = restraint.levelled(forms, torch.tensor([[0.0, 0.0, 1.0]]), torch.ones(1, 5), torch.zeros(1, 5))
    assert torch.equal(found, forms)


def test_a_network_from_before_paints_what_it_painted() -> None:
    torch.manual_seed(3)
    network = StylizerNet(TINY, 3).eval()
    earlier = {name: value for name, value in network.state_dict().items() if not name.startswith("restraint.")}
    earlier["halos.removed"].zero_()
    image = torch.rand(2, 3, 53, 47)
    network.load_state_dict(with_restraint(earlier))
    unrestrained = StylizerNet(
        Architecture(TINY.channels, TINY.blocks, stem_at_half=True, refining_block=True), 3
    ).eval()
    unrestrained.load_state_dict(earlier)
    with torch.no_grad():
        torch.testing.assert_close(network(image, MIX), unrestrained(image, MIX))
        network.restraint.calm.fill_(0.2)  # type: ignore[union-attr]
        assert not torch.allclose(network(image, MIX), unrestrained(image, MIX), atol=1e-3)


def test_what_is_said_of_the_restraint_stays() -> None:
    weights = {"norm_down2.scale": torch.ones(3, 4), "restraint.calm": torch.rand(3, 1)}
    found = with_restraint(weights)
    assert found.keys() == {*weights, "restraint.contrast", "restraint.evenness"}
    assert all(found[name] is value for name, value in weights.items())
    torch.testing.assert_close(found["restraint.contrast"], torch.full((3, 1), 0.05))
    torch.testing.assert_close(found["restraint.evenness"], torch.zeros(3, 1))
    assert with_restraint(found).keys() == found.keys()
    assert with_restraint({}) == {}


def test_a_blend_of_nothing_is_a_number(restraint: Restraint) -> None:
    share = restraint(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3))
    torch.testing.assert_close(share, torch.zeros_like(share))
