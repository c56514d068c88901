"""Holds a stylizer back, so that motifs are not stamped on walls and skies, nor stand out elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from nst_engine.models.restraint import CALM, CONTRAST, EVENNESS, LEAST_CONTRAST, LEAST_EVENNESS
from nst_engine.models.spec import FIRST_SCALES

# of a style that is new: what is left in calm areas of what is added there, the contrast that half counts as calm, and
# how even forms are
_IN_CALM_AREAS, _CONTRAST, _EVENNESS = 0.2, 0.05, 0.5


def with_restraint(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A stylizer's weights by name; those of networks from before there was a restraint are left without any.

    What counts as calm is what did for all, where styles have no number for it, and forms stand out as they did.
    """
    if FIRST_SCALES not in weights:
        return dict(weights)
    of_each = torch.ones(len(weights[FIRST_SCALES]), 1)
    return {CALM: of_each, CONTRAST: _CONTRAST * of_each, EVENNESS: 0 * of_each, **weights}


class Restraint(nn.Module):
    """How much is left of what a network adds to its features where the photo is calm, and how far forms stand out.

    Gram matrices ask for a blossom or a lozenge somewhere in the picture, and the cheapest place by the content is a
    wall or the sky. A painter leaves those to the brush. Elsewhere a motif is where a few features are far above what
    they are in the rest of the picture, strokes and outlines where they are a little. The numbers are set and not
    learnt, as losses that like motifs would raise them.

    Attributes:
        calm: What is left, for each style; 1 is no restraint.
        contrast: Of cells of 8 px with those around them, 0-1, that half counts as calm, for each style.
        evenness: One by how many standard deviations a form may stand out, for each style; 0: by as many as it likes.
    """

    calm: torch.Tensor
    contrast: torch.Tensor
    evenness: torch.Tensor

    def __init__(self, styles: int) -> None:
        super().__init__()
        self.register_buffer("calm", torch.full((styles, 1), _IN_CALM_AREAS))
        self.register_buffer("contrast", torch.full((styles, 1), _CONTRAST))
        self.register_buffer("evenness", torch.full((styles, 1), _EVENNESS))

    def forward(self, cells: torch.Tensor, style_weights: torch.Tensor) -> torch.Tensor:
        """Shares, float32 N×1×H×W, by which what is added departs from its mean, from a photo's cells N×3×H×W, 0-1."""
        with torch.autocast(cells.device.type, enabled=False):
            variance = _surroundings((cells - _surroundings(cells)).square().mean(1, keepdim=True))
            left, half_calm = ((style_weights @ each)[..., None, None] for each in (self.calm, self.contrast))
            half_calm = half_calm.square() + LEAST_CONTRAST**2
            return 1 - half_calm / (variance + half_calm) * (1 - left)

    def levelled(
        self, forms: torch.Tensor, style_weights: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor
    ) -> torch.Tensor:
        """Forms N×C×H×W, normalised to a scale and a shift, N×C each, which stand out no further than they may."""
        evenness = (style_weights @ self.evenness).clamp_min(LEAST_EVENNESS)
        highest = shift + scale.abs() / evenness
        return forms.minimum(highest[..., None, None].to(forms.dtype))


def _surroundings(cells: torch.Tensor) -> torch.Tensor:
    """The mean of each cell and those around it."""
    return F.avg_pool2d(cells, 3, stride=1, padding=1, count_include_pad=False)


def held_back(added: torch.Tensor, mean: torch.Tensor, share: torch.Tensor | None) -> torch.Tensor:
    """What is added, N×C×H×W, with so much of its departures from the mean, N×C; all of it where share is None."""
    if share is None:
        return added
    mean = mean[..., None, None]
    return (mean + (added - mean) * share).to(added.dtype)
