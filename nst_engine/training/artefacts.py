"""What a painting shall not show, beside what VGG-19 sees: a grid, motifs, rough skies, detail, a frame, flicker."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F

from nst_engine.color import LUMA_WEIGHTS
from nst_engine.models.spec import STRIDE_PX

_DETAIL_SIGMA_PX = 1.5

# motifs are larger than strokes: they are looked for in pictures an eighth as large, against their surroundings
_MOTIF_SCALE = 8
_SURROUNDINGS_SIGMA, _CALM_SIGMA = 4.0, 2.0
# root mean square over the channels, 0-1: what half counts as calm in a photo, and what strokes may do there
_CALM_CONTRAST, _STROKES_CONTRAST = 0.04, 0.05

# what calm areas may be rough in: octaves between these blurs, up to where motifs begin; over neighbourhoods
_OCTAVES_PX, _NEIGHBOURHOOD_SIGMA_PX, _NEXT_PLACE_PX = (1.0, 2.0, 4.0), 6.0, 4
# what share of a painting is its calm part, how much rougher a picture may be, and what half counts as calm in a photo
_CALM_SHARE, _ROUGHER, _CALM_ROUGHNESS = 0.25, 1.25, 0.02

# how far from the border a frame is looked for, in cells that are long along it, so that strokes average out
_FRAME_PX, _FRAME_CELL_PX = 24, (8, 32)
_LINES_WEIGHT = 4.0  # beside cells: lines are means over a whole side, and thin


def grid_loss(painted: torch.Tensor) -> torch.Tensor:
    """How much of a pattern repeats every `STRIDE_PX` pixels all over pictures N x 3 x H x W: a float32 scalar.

    The variance, over the places in the pattern, of the mean of all pixels at that place. What is painted averages out.
    """
    height, width = (side - side % STRIDE_PX for side in painted.shape[-2:])
    cells = painted[..., :height, :width].reshape(-1, 3, height // STRIDE_PX, STRIDE_PX, width // STRIDE_PX, STRIDE_PX)
    return cells.mean((2, 4)).flatten(-2).var(-1, correction=0).mean()


def detail_kept(photos: torch.Tensor, painted: torch.Tensor) -> torch.Tensor:
    """How much of the photos' fine detail still stands in pictures N x 3 x H x W: float32 N, -1 to 1.

    The correlation of the Laplacians of Gaussian of both luminances: 0.8 is a photo with a filter, 0.4 a painting.
    """
    before, after = (_laplacian_of_gaussian(each.float()).flatten(1) for each in (photos, painted))
    before, after = (each - each.mean(1, keepdim=True) for each in (before, after))
    energy = before.square().sum(1) * after.square().sum(1)
    return (before * after).sum(1) / energy.clamp_min(1e-12).sqrt()


def motif_loss(photos: torch.Tensor, painted: torch.Tensor) -> torch.Tensor:
    """How much stands out in pictures N x 3 x H x W, 8 to 64 px large, where their photos are calm: a float32 scalar.

    Gram matrices ask for a blossom or a face somewhere in the picture and not where; the cheapest place by the content
    is a wall or the sky, and a network stamps it there again and again. Strokes are finer, and stay.
    """
    before, after = (_contrast(each.float()) for each in (photos, painted))
    calm = _CALM_CONTRAST**2 / (_CALM_CONTRAST**2 + _blurred(before, _CALM_SIGMA))
    return (calm * F.relu(after - _STROKES_CONTRAST**2)).mean()


@torch.no_grad()
def calm_roughness(paintings: torch.Tensor) -> torch.Tensor:
    """How rough the calm parts of paintings N x 3 x H x W are, by octave, finest first: float32 N x 3.

    Root mean square over the channels, 0-1, that the calmest quarter of the places stays below.
    """
    # neighbourhoods overlap, so that some places tell as much as all; torch sorts no more than 16 million
    places = [energy[..., ::_NEXT_PLACE_PX, ::_NEXT_PLACE_PX] for energy in _energies(paintings.float())]
    octaves = [each.flatten(1).quantile(_CALM_SHARE, 1) for each in places]
    return torch.stack(octaves, 1).sqrt()


def roughness_loss(photos: torch.Tensor, painted: torch.Tensor, calm: torch.Tensor) -> torch.Tensor:
    """How much rougher pictures N x 3 x H x W are, where their photos are calm, than calm parts of their paintings.

    A Gram matrix is a mean over the whole picture: one that lacks foam or blossoms may get them as a fine pattern all
    over a wall, which costs next to no content there.

    Args:
        photos: What is painted, 0-1.
        painted: The pictures, 0-1.
        calm: `calm_roughness` of the painting of each: N x 3.

    Returns:
        A float32 scalar.
    """
    with torch.no_grad():
        rough = torch.stack(_energies(photos.float())).sum(0)
        is_calm = _CALM_ROUGHNESS**2 / (_CALM_ROUGHNESS**2 + rough)
    losses = [
        (is_calm * F.relu((energy + 1e-8).sqrt() - _ROUGHER * allowed.view(-1, 1, 1, 1)).square()).mean()
        for energy, allowed in zip(_energies(painted.float()), calm.unbind(1), strict=True)
    ]
    return torch.stack(losses).sum()


def frame_loss(alone: torch.Tensor, within: torch.Tensor) -> torch.Tensor:
    """How far colours along the top and the left border of pictures N×3×H×W are from what they are without a border.

    Paintings have frames and bare canvas at their borders, where VGG-19's padding stands out, too: a network that
    knows its own border comes to paint them.

    Args:
        alone: Painted for themselves, at least 32 px each way, 0-1.
        within: The same places in paintings that go on at the top and at the left.

    Returns:
        A float32 scalar: mean squared difference of the means over cells, and four times that of the means over lines
        along the whole side, of which cells show little where they are thin; less the mean difference further within.
    """
    difference = (alone - within).float()
    # a part is in other colours than the whole, by instance normalisation alone
    difference = difference - difference[..., _FRAME_PX:, _FRAME_PX:].mean((2, 3), keepdim=True)
    both = [side[..., :_FRAME_PX, :] for side in (difference, difference.transpose(2, 3))]
    cells = [F.avg_pool2d(strip, _FRAME_CELL_PX).square().mean() for strip in both]
    lines = [strip.mean(-1).square().mean() for strip in both]
    return (torch.stack(cells) + _LINES_WEIGHT * torch.stack(lines)).mean()


def flicker_loss(painted: torch.Tensor, again: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of two paintings N x 3 x H x W of what should look the same: a float32 scalar.

    It takes neither flow nor a second frame. A border, where each sees something else beyond it, is left out.
    """
    inner = (..., slice(STRIDE_PX, -STRIDE_PX), slice(STRIDE_PX, -STRIDE_PX))
    return (again - painted)[inner].square().mean()


def _laplacian_of_gaussian(images: torch.Tensor) -> torch.Tensor:
    luminance = (images * images.new_tensor(LUMA_WEIGHTS).view(1, 3, 1, 1)).sum(1, keepdim=True)
    smooth = _blurred(luminance, _DETAIL_SIGMA_PX, radii=4, border="reflect")
    laplacian = images.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]]).view(1, 1, 3, 3)
    return F.conv2d(F.pad(smooth, (1, 1, 1, 1), mode="reflect"), laplacian)


def _contrast(images: torch.Tensor) -> torch.Tensor:
    """Of each place against its surroundings: mean square over the channels, N x 1 x H/8 x W/8."""
    small = F.avg_pool2d(images, _MOTIF_SCALE)
    return (small - _blurred(small, _SURROUNDINGS_SIGMA)).square().mean(1, keepdim=True)


def _energies(images: torch.Tensor) -> list[torch.Tensor]:
    """Mean square over the channels in the neighbourhood of each place, N x 1 x H x W, by octave."""
    blurred = [images, *(_blurred(images, sigma) for sigma in _OCTAVES_PX)]
    return [
        _blurred((finer - coarser).square().mean(1, keepdim=True), _NEIGHBOURHOOD_SIGMA_PX)
        for finer, coarser in itertools.pairwise(blurred)
    ]


def _blurred(images: torch.Tensor, sigma: float, radii: float = 2.5, border: str = "replicate") -> torch.Tensor:
    """By a Gaussian cut off at that many sigmas; only a repeated border suits pictures smaller than that."""
    radius, channels = round(radii * sigma), images.shape[1]
    places = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    line = torch.exp(-places.square() / (2 * sigma**2))
    line = (line / line.sum()).expand(channels, 1, 1, -1)
    bordered = F.pad(images, (radius,) * 4, mode=border)
    rows = F.conv2d(bordered, line, groups=channels)
    return F.conv2d(rows, line.transpose(2, 3), groups=channels)
