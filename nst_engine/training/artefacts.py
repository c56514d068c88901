"""What a painting shall not show, beside what VGG-19 sees: a grid, and flicker when the photo moves."""

from __future__ import annotations

import torch

from nst_engine.networks.stylizer_net import STRIDE

_GRID_PX = 8  # the coarsest scale on which the networks compute before they upsample


def grid_loss(painted: torch.Tensor) -> torch.Tensor:
    """How much of a pattern repeats every `_GRID_PX` pixels all over pictures N x 3 x H x W: a float32 scalar.

    The variance, over the places in the pattern, of the mean of all pixels at that place. What is painted averages out.
    """
    height, width = (side - side % _GRID_PX for side in painted.shape[-2:])
    cells = painted[..., :height, :width].reshape(-1, 3, height // _GRID_PX, _GRID_PX, width // _GRID_PX, _GRID_PX)
    return cells.mean((2, 4)).flatten(-2).var(-1, correction=0).mean()


def flicker_loss(painted: torch.Tensor, again: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of two paintings N x 3 x H x W of what should look the same: a float32 scalar.

    It takes neither flow nor a second frame. A border, where each sees something else beyond it, is left out.
    """
    inner = (..., slice(STRIDE, -STRIDE), slice(STRIDE, -STRIDE))
    return (again - painted)[inner].square().mean()
