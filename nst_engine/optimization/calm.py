"""Total variation weighted by how calm the photo is.

Gram matrices ignore where a texture is: they spread a paper's grain over sky and
wall, where a painter leaves it out. So the total variation counts there above all.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

_FINE_SIGMA_PX = 2.0
_AREA_SIGMA_PX = 8.0  # at the full size
_LEAST_AREA_SIGMA_PX = 1.5
_CALM_SHARE = 0.25
_LEAST_LEVEL = 1 / 255


def calmness(photo: torch.Tensor, ratio: float) -> torch.Tensor:
    """Calmness of a photo, float 1×3×H×W in 0-1, at each pixel: float32 1×1×H×W, 0-1.

    0.5 where its fine detail is as strong as at the lower quartile, nearer to 1 where it is weaker.

    Args:
        photo: The content image at the scale worked at.
        ratio: Of this scale to the full size.
    """
    grey = photo.float().mean(1, keepdim=True)
    fine = (grey - _blurred(grey, _FINE_SIGMA_PX)).square()
    strength = _blurred(fine, max(_LEAST_AREA_SIGMA_PX, _AREA_SIGMA_PX * ratio)).clamp_min(0).sqrt()
    # of a regular sample: torch sorts at most 16 million numbers
    every = 1 + strength.numel() // 1_000_000
    usual = torch.quantile(strength.flatten()[::every], _CALM_SHARE).clamp_min(_LEAST_LEVEL)
    return 1 / (1 + (strength / usual).square())


def calm_variation_loss(image: torch.Tensor, calm: torch.Tensor) -> torch.Tensor:
    """As `losses.total_variation_loss`, each pixel weighed by its calmness, float 1×1×H×W."""
    across, down = image[..., 1:] - image[..., :-1], image[..., 1:, :] - image[..., :-1, :]
    return (across.square() * calm[..., 1:]).mean() + (down.square() * calm[..., 1:, :]).mean()


def _blurred(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """Gaussian blur of 1×1×H×W with reflected borders."""
    radius = min(math.ceil(3 * sigma), min(x.shape[-2:]) - 1)
    places = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)
    line = torch.exp(-places.square() / (2 * sigma**2))
    line = line / line.sum()
    bordered = F.pad(x.contiguous(), (radius,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(bordered, line.view(1, 1, 1, -1)), line.view(1, 1, -1, 1))
