"""What takes auras away beside edges, against float64 loops over places, and by what it does to pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nst_engine.networks.any_style import AnyStyleNet
from nst_engine.networks.halos import Halos, with_halos
from nst_engine.networks.stylizer_net import Architecture, StylizerNet

TINY = Architecture((4, 6, 8, 10), (1, 1, 1), stem_at_half=True, refining_block=True, restraint=True)
MIX = torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.2, 0.3]])

Planes = NDArray[np.float64]


def around(values: Planes, reach: int, reduce: str = "mean") -> Planes:
    """The mean, or the largest, of each place and those up to so many cells away that there are: C×H×W."""
    found = np.empty_like(values)
    for y in range(values.shape[1]):
        for x in range(values.shape[2]):
            window = values[:, max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
            found[:, y, x] = getattr(window, reduce)((1, 2))
    return found


def fitted(grey: Planes, features: Planes, window: int, smoothed: int) -> Planes:
    """He et al. 2013, equations 5, 6 and 8."""
    mean, grey_mean = around(features, window), around(grey, window)
    slope = (around(grey * features, window) - grey_mean * mean) / (around(grey**2, window) - grey_mean**2 + 0.003)
    return around(slope, smoothed) * grey + around(mean - slope * grey_mean, smoothed)


def without_halos(features: Planes, cells: Planes, share: float) -> Planes:
    grey = np.tensordot([0.299, 0.587, 0.114], cells, 1)[np.newaxis]
    rows, columns = (
        np.take(grey, np.arange(-1, side + 1), axis, mode="clip") for axis, side in enumerate(grey.shape) if axis
    )
    change = (rows[:, 2:] - rows[:, :-2]) ** 2 + (columns[..., 2:] - columns[..., :-2]) ** 2
    beside = around(around(change / (change + 0.1**2), 3, "max"), 1)
    return features + share * beside * (fitted(grey, features, 5, 2) - fitted(grey, features, 1, 1))


@pytest.fixture(scope="module")
def halos() -> Halos:
    made = Halos(3)
    made.removed.copy_(torch.tensor([[0.1], [0.7], [1.0]]))
    return made


@pytest.mark.parametrize(("height", "width"), [(23, 31), (7, 5)])
def test_it_is_the_difference_of_two_guided_filters_beside_edges(halos: Halos, height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(1)
    cells = torch.rand(2, 3, height, width, generator=generator)
    cells[..., : width // 2] = 0.4 + 0.02 * cells[..., : width // 2]
    features = 3 * torch.randn(2, 4, height, width, generator=generator)
    found = halos(features, cells, MIX).numpy()
    for number, share in enumerate((0.7, 0.5 * 0.1 + 0.2 * 0.7 + 0.3)):
        expected = without_halos(features[number].double().numpy(), cells[number].double().numpy(), share)
        np.testing.assert_allclose(found[number], expected, atol=1e-4)
    assert np.abs(found - features.numpy()).max() > 0.1


def test_an_aura_goes_and_both_sides_and_strokes_stay() -> None:
    halos, one = Halos(1), torch.ones(1, 1)
    cells = torch.full((1, 3, 24, 48), 0.8)
    cells[..., 24:] = 0.2
    sides = (cells[:, :1] > 0.5).float()
    away = (torch.arange(48) - 23.5).abs()
    aura = sides * 0.5 * (away < 3)
    strokes = 0.2 * (torch.arange(48) % 2).expand(1, 1, 24, 48)
    left = halos(sides + aura + strokes, cells, one) - halos(sides + strokes, cells, one)
    assert float(left.abs().max()) < 0.75 * float(aura.max())
    assert float(left.square().sum()) < 0.4 * float(aura.square().sum())
    np.testing.assert_allclose(halos(sides, cells, one), sides, atol=0.06)
    kept = halos(sides + strokes, cells, one) - halos(sides, cells, one)
    assert float(kept.std()) > 0.8 * float(strokes.std())


def test_where_nothing_stands_out_all_stays() -> None:
    features = torch.randn(1, 4, 20, 20, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(Halos(1)(features, torch.full((1, 3, 20, 20), 0.6), torch.ones(1, 1)), features)


def test_a_network_from_before_paints_what_it_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    network = StylizerNet(TINY, 3).eval()
    earlier = {name: value for name, value in network.state_dict().items() if not name.startswith("halos.")}
    image = torch.rand(2, 3, 53, 47)
    image[..., 20:] *= 0.3
    with torch.no_grad():
        without = network(image, MIX)
        network.load_state_dict(with_halos(earlier))
        before = network(image, MIX)
        monkeypatch.setattr(network.halos, "forward", lambda features, cells, style_weights: features)
        assert torch.equal(network(image, MIX), before)
    assert not torch.allclose(without, before, atol=1e-3)


def test_all_codes_have_the_same_share() -> None:
    network = AnyStyleNet("any-fast", 4)
    network.begin({})
    codes = torch.cat([torch.randn(3, 4, generator=torch.Generator().manual_seed(4)), torch.ones(3, 1)], 1)
    torch.testing.assert_close(codes @ network.stylizer.halos.removed, torch.ones(3, 1))


def test_what_is_said_of_halos_stays() -> None:
    weights = {"norm_down2.scale": torch.ones(3, 4)}
    found = with_halos(weights)
    torch.testing.assert_close(found["halos.removed"], torch.zeros(3, 1))
    said = {**weights, "halos.removed": torch.rand(3, 1)}
    assert with_halos(said)["halos.removed"] is said["halos.removed"]
    parts = {f"part.{name}": value for name, value in weights.items()}
    assert with_halos(parts, "part.").keys() == {*parts, "part.halos.removed"}
    assert with_halos({}) == {}
