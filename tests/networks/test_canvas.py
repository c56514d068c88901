"""What lies under photos, against the formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_engine.models.canvas import canvas_patterns
from nst_engine.networks.canvas import Canvas, with_canvas
from nst_engine.networks.stylizer_net import Architecture, StylizerNet

TINY = Architecture((4, 6, 8, 10), (1, 1, 1), stem_at_half=True, refining_block=True)
MIX = torch.tensor([[0.5, 0.2, 0.3]])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (113, 128), (130, 300)])
def test_pixels_are_raised_and_lowered_by_the_grain(height: int, width: int) -> None:
    canvas = Canvas()
    canvas.grain.fill_(0.25)
    image = torch.rand(2, 3, height, width)
    raised = np.ones((height, width))
    for pattern in canvas_patterns():
        rows, columns = (np.arange(side) % pattern.shape[-1] for side in (height, width))
        raised *= pattern[0, 0][np.ix_(rows, columns)]
    expected = image.double().numpy() + 0.25 * raised
    np.testing.assert_allclose(canvas(image), expected, atol=1e-6)


def test_an_area_of_one_colour_is_painted() -> None:
    torch.manual_seed(1)
    network = StylizerNet(TINY, 3).eval()
    flat = torch.full((1, 3, 96, 96), 0.4)
    with torch.no_grad():
        painted = network(flat, MIX)
        network.canvas.grain.zero_()
        filled = network(flat, MIX)
    assert float(filled.std((2, 3)).max()) < 1e-4
    assert float(painted.std((2, 3)).min()) > 0.01


def test_a_network_from_before_paints_what_it_painted() -> None:
    torch.manual_seed(2)
    network = StylizerNet(TINY, 3).eval()
    earlier = {name: value for name, value in network.state_dict().items() if not name.startswith("canvas.")}
    image = torch.rand(1, 3, 53, 47)
    network.load_state_dict(with_canvas(earlier))
    with torch.no_grad():
        actual = network(image, MIX)
        network.canvas = torch.nn.Identity()  # type: ignore[assignment]
        torch.testing.assert_close(actual, network(image, MIX))


def test_what_is_said_of_the_canvas_stays() -> None:
    weights = {"part.norm_down2.scale": torch.ones(3, 4), "part.canvas.grain": torch.ones(1)}
    assert with_canvas(weights, "part.") == weights
    del weights["part.canvas.grain"]
    found = with_canvas(weights, "part.")
    assert found.keys() == {*weights, "part.canvas.grain"}
    assert not found["part.canvas.grain"].any()
    assert with_canvas(weights) == weights
