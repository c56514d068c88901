"""What a painting shall not show, beside what VGG-19 sees: a grid, the photo's own fine detail, and flicker."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from nst_engine.networks.stylizer_net import STRIDE

_DETAIL_SIGMA_PX = 1.5
_DETAIL_RADIUS_PX = 6
_LUMINANCE = (0.299, 0.587, 0.114)


def grid_loss(painted: torch.Tensor) -> torch.Tensor:
    """How much of a pattern repeats every `STRIDE` pixels all over pictures N x 3 x H x W: a float32 scalar.

    The variance, over the places in the pattern, of the mean of all pixels at that place. What is painted averages out.
    """
    height, width = (side - side % STRIDE for side in painted.shape[-2:])
    cells = painted[..., :height, :width].reshape(-1, 3, height // STRIDE, STRIDE, width // STRIDE, STRIDE)
    return cells.mean((2, 4)).flatten(-2).var(-1, correction=0).mean()


def detail_kept(photos: torch.Tensor, painted: torch.Tensor) -> torch.Tensor:
    """How much of the photos' fine detail still stands in pictures N x 3 x H x W: float32 N, -1 to 1.

    The correlation of the Laplacians of Gaussian of both luminances: 0.8 is a photo with a filter, 0.4 a painting.
    """
    before, after = (_laplacian_of_gaussian(each.float()).flatten(1) for each in (photos, painted))
    before, after = (each - each.mean(1, keepdim=True) for each in (before, after))
    energy = before.square().sum(1) * after.square().sum(1)
    return (before * after).sum(1) / energy.clamp_min(1e-12).sqrt()


def flicker_loss(painted: torch.Tensor, again: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of two paintings N x 3 x H x W of what should look the same: a float32 scalar.

    It takes neither flow nor a second frame. A border, where each sees something else beyond it, is left out.
    """
    inner = (..., slice(STRIDE, -STRIDE), slice(STRIDE, -STRIDE))
    return (again - painted)[inner].square().mean()


def _laplacian_of_gaussian(images: torch.Tensor) -> torch.Tensor:
    luminance = (images * images.new_tensor(_LUMINANCE).view(1, 3, 1, 1)).sum(1, keepdim=True)
    places = torch.arange(-_DETAIL_RADIUS_PX, _DETAIL_RADIUS_PX + 1, device=images.device, dtype=images.dtype)
    line = torch.exp(-places.square() / (2 * _DETAIL_SIGMA_PX**2))
    line = line / line.sum()
    bordered = F.pad(luminance, (_DETAIL_RADIUS_PX,) * 4, mode="reflect")
    smooth = F.conv2d(F.conv2d(bordered, line.view(1, 1, 1, -1)), line.view(1, 1, -1, 1))
    laplacian = images.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]]).view(1, 1, 3, 3)
    return F.conv2d(F.pad(smooth, (1, 1, 1, 1), mode="reflect"), laplacian)
