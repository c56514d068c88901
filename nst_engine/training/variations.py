"""Data augmentation: soft, dark and grey photos, with some coarse noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

_DARKER_OR_LIGHTER, _EXPONENTS = 0.3, (-0.4, 0.7)
_GREY = 0.04
_SOFT, _SOFTNESS = 0.15, (1.5, 3.5)
_NOISY, _NOISE, _NOISE_PX = 0.5, (0.004, 0.02), (4, 8, 16)


def varied(photos: torch.Tensor, rngs: Sequence[np.random.Generator]) -> torch.Tensor:
    """Photos, float N×3×H×W, 0-1, some of them darker, lighter or grey; each has a generator of its own."""
    out = []
    for photo, rng in zip(torch.split(photos, 1), rngs, strict=True):
        each = photo
        if rng.random() < _DARKER_OR_LIGHTER:
            each = each ** math.exp(rng.uniform(*_EXPONENTS))
        if rng.random() < _GREY:
            each = each.mean(1, keepdim=True).expand(-1, 3, -1, -1)
        out.append(each)
    return torch.cat(out)


def as_shown(photos: torch.Tensor, rngs: Sequence[np.random.Generator]) -> torch.Tensor:
    """The network's input: some photos blurred, as if enlarged, some with coarse noise.

    Its output should be crisp all the same; and without the noise, a calm sky would be uniform, so that it
    could be painted only by one blob or by none.
    """
    out, size = [], photos.shape[-2:]
    for photo, rng in zip(torch.split(photos, 1), rngs, strict=True):
        each = photo
        if rng.random() < _SOFT:
            factor = math.exp(rng.uniform(*np.log(_SOFTNESS)))
            small = [max(8, round(side / factor)) for side in size]
            each = F.interpolate(each, small, mode="bilinear", antialias=True)
            each = F.interpolate(each, size, mode="bicubic")
        if rng.random() < _NOISY:
            each = each + rng.uniform(*_NOISE) * _coarse_noise(size, rng).to(each.device)
        out.append(each.clamp(0, 1))
    return torch.cat(out)


def _coarse_noise(size: torch.Size, rng: np.random.Generator) -> torch.Tensor:
    octaves = []
    for step in _NOISE_PX:
        values = rng.standard_normal((1, 1, *(side // step + 2 for side in size)), np.float32)
        octaves.append(F.interpolate(torch.from_numpy(values), size, mode="bicubic"))
    return torch.stack(octaves).sum(0)
