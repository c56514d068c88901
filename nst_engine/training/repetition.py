"""How much a picture repeats itself, in VGG-19's eyes.

Gram matrices say what there is in a painting and not how often the same: a network may satisfy them with one patch that
has a little of everything, and stamp it wherever the photo is textured. A painting's own places are less alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F

#: Where likeness is looked for, and what brings each layer to a sixteenth of the picture's size.
REPETITION_LAYERS: Mapping[str, int] = {"relu3_1": 4, "relu4_1": 2}

# in cells of 16 px: what lies nearer is alike because it is the same stroke; more cells have more chances to be alike,
# so that only windows of one size can be compared
_NEAR, _WINDOW = 4, 20


def repetition(features: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """By layer: the mean over all places of how like the likest other place is that is no neighbour.

    Args:
        features: Of `REPETITION_LAYERS` at least: float N x C x H x W.

    Returns:
        float32 N by layer, -1 to 1: cosines between features from which the picture's mean is taken. Where the picture
        is larger than 320 px, the mean over windows of that size; 0 where there are no places that far apart.
    """
    return {layer: _of_cells(F.avg_pool2d(features[layer].float(), by)) for layer, by in REPETITION_LAYERS.items()}


def _of_cells(cells: torch.Tensor) -> torch.Tensor:
    rows, columns = (_starts(side) for side in cells.shape[-2:])
    windows = [cells[..., top : top + _WINDOW, left : left + _WINDOW] for top in rows for left in columns]
    return torch.stack([_of_window(window) for window in windows]).mean(0)


def _starts(side: int) -> list[int]:
    """Of windows at both ends and in the middle."""
    room = max(0, side - _WINDOW)
    return sorted({0, room // 2, room})


def _of_window(cells: torch.Tensor) -> torch.Tensor:
    height, width = cells.shape[-2:]
    if max(height, width) <= _NEAR:
        return cells.new_zeros(len(cells))
    places = cells.flatten(2) - cells.mean((2, 3))[..., None]
    directions = F.normalize(places, dim=1, eps=1e-3)
    likeness = directions.transpose(1, 2) @ directions
    grid = torch.cartesian_prod(torch.arange(height), torch.arange(width)).to(cells.device)
    is_near = (grid[:, None] - grid).abs().amax(2) < _NEAR
    far = ~is_near.all(1)  # in a narrow window, places in the middle have none
    return likeness.masked_fill(is_near, -1).amax(2)[:, far].mean(1)
