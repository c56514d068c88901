"""Lays a fine, fixed grain under a photo, so that areas of one colour are painted and not filled."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from nst_engine.models.canvas import GRAIN, canvas_patterns
from nst_engine.models.spec import FIRST_SCALES

_GRAIN = 3 / 255  # below what cameras add themselves


def with_canvas(weights: Mapping[str, torch.Tensor], part: str = "") -> dict[str, torch.Tensor]:
    """A stylizer's weights by name, which begin with `part`; networks from before there was a canvas get none."""
    if part + FIRST_SCALES not in weights:
        return dict(weights)
    return {part + GRAIN: torch.zeros(1), **weights}


class Canvas(nn.Module):
    """A photo on a canvas.

    Convolutions see nothing in an area of one colour, as behind a product or in a drawing: it came out as it was, and
    what stands at its edge was drawn out over it in bands. In photos the camera's noise is what strokes begin from;
    the grain takes its place. It keeps still from frame to frame, as noise would not.

    Attributes:
        grain: How far it raises and lowers pixels, 0-1; a float32 of one number. 0: no canvas.
    """

    grain: torch.Tensor
    warp: torch.Tensor
    weft: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("grain", torch.full((1,), _GRAIN))
        for name, pattern in zip(("warp", "weft"), canvas_patterns(), strict=True):
            self.register_buffer(name, torch.from_numpy(pattern).float(), persistent=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """The photo, N×3×H×W, with the grain."""
        height, width = image.shape[-2:]
        return image + self.grain * _laid(self.warp, height, width) * _laid(self.weft, height, width)


def _laid(pattern: torch.Tensor, height: int, width: int) -> torch.Tensor:
    side = pattern.shape[-1]
    return pattern.repeat(1, 1, -(-height // side), -(-width // side))[..., :height, :width]
