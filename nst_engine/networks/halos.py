"""Takes away the auras that a stylizer paints around what stands out from a calm ground."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from nst_engine.color import LUMA_WEIGHTS
from nst_engine.models.halos import (
    EDGE,
    GROUND_CELLS,
    LEAST_VARIANCE,
    REACH_CELLS,
    REMOVED,
    SMOOTHED_CELLS,
    STROKE_CELLS,
)
from nst_engine.models.spec import FIRST_SCALES


def with_halos(weights: Mapping[str, torch.Tensor], part: str = "") -> dict[str, torch.Tensor]:
    """A stylizer's weights by name, which begin with `part`; networks from before halos were removed keep theirs."""
    if part + FIRST_SCALES not in weights:
        return dict(weights)
    return {part + REMOVED: torch.zeros(len(weights[part + FIRST_SCALES]), 1), **weights}


class Halos(nn.Module):
    """Removes halos from features at an eighth of the size.

    What a convolution answers to an edge reaches to both sides of it, as far as its kernel: at a sixteenth of the size
    that is an aura of 16 px and more. In the photo the ground is of one colour up to the edge. So beside edges,
    features are what they are on the same side further away, and only strokes stay. Which side a place is on is told
    by a guided filter (He et al. 2013, "Guided image filtering"): features are fitted, in windows around each place,
    by a line over the photo's luminance. The narrow fit, which follows halos, gives way to the wide one, which cannot.

    Attributes:
        removed: What share of its halos is taken away, 0-1, for each style; for each number of a code, of which the
            constant has all.
    """

    removed: torch.Tensor

    def __init__(self, styles: int) -> None:
        super().__init__()
        self.register_buffer("removed", torch.ones(styles, 1))

    def forward(self, features: torch.Tensor, cells: torch.Tensor, style_weights: torch.Tensor) -> torch.Tensor:
        """Features N×C×H×W without halos.

        Args:
            features: At an eighth of the photo's size.
            cells: The photo, float32 N×3×H×W, 0-1, there.
            style_weights: float32 N×styles.
        """
        with torch.autocast(features.device.type, enabled=False):
            # around 0, where products keep most bits
            luminance = (cells * cells.new_tensor(LUMA_WEIGHTS).view(1, 3, 1, 1)).sum(1, keepdim=True) - 0.5
            share = (style_weights @ self.removed)[..., None, None] * _beside_edges(luminance)
            x = features.float()
            slope, height = _fitted(luminance, x, GROUND_CELLS, SMOOTHED_CELLS)
            slope_of_strokes, height_of_strokes = _fitted(luminance, x, STROKE_CELLS, STROKE_CELLS)
            moved = (slope - slope_of_strokes) * luminance + (height - height_of_strokes)
            return (x + share * moved).to(features.dtype)


def _fitted(luminance: torch.Tensor, x: torch.Tensor, window: int, smoothed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Slope and height of the line over the luminance N×1×H×W that is nearest to x N×C×H×W around each place."""
    grey, mean = _mean(luminance, window), _mean(x, window)
    variance = _mean(luminance * luminance, window) - grey * grey
    slope = (_mean(luminance * x, window) - grey * mean) / (variance + LEAST_VARIANCE)
    return _mean(slope, smoothed), _mean(mean - slope * grey, smoothed)


def _beside_edges(luminance: torch.Tensor) -> torch.Tensor:
    """How far places are beside an edge, N×1×H×W, 0-1."""
    # no edge where the picture ends
    bordered = F.pad(luminance, (1, 1, 1, 1), mode="replicate")
    across = bordered[..., 1:-1, 2:] - bordered[..., 1:-1, :-2]
    down = bordered[..., 2:, 1:-1] - bordered[..., :-2, 1:-1]
    change = across.square() + down.square()
    edges = change / (change + EDGE**2)
    return _mean(F.max_pool2d(edges, 2 * REACH_CELLS + 1, stride=1, padding=REACH_CELLS), 1)


def _mean(x: torch.Tensor, reach: int) -> torch.Tensor:
    """Of each place and those up to so many cells away that there are."""
    side = 2 * reach + 1
    rows = F.avg_pool2d(x, (1, side), stride=1, padding=(0, reach), count_include_pad=False)
    return F.avg_pool2d(rows, (side, 1), stride=1, padding=(reach, 0), count_include_pad=False)
