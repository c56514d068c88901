"""What a painting shall not show, beside what VGG-19 sees: grids, motifs, rough skies, halos, frames, flicker."""

from __future__ import annotations

import itertools
import math

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

# halos are looked for in pictures a quarter as large. Root mean square change over two cells, 0-1, that is an edge in a
# photo, and that is still calm; how many cells from an edge a halo begins and ends, and where it is over
_HALO_SCALE, _EDGE, _CALM_CHANGE = 4, 0.15, 0.06
_HALO_BEGINS, _HALO_ENDS, _HALO_OVER = 1, 3, 5
# how many cells further, in how many directions, a halo is compared with what is of the same colour in the photo; over
# which neighbourhood strokes average out, and what may be left
_FURTHER, _DIRECTIONS, _SAME_COLOUR = (5, 7, 9), 12, 0.05
_ALONG_EDGES_SIGMA, _HALO_LEFT = 3.0, 0.03
_LEAST_SHARE = 0.01  # of a picture: fewer places count as so many, as they tell little

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


def halo_loss(photos: torch.Tensor, painted: torch.Tensor) -> torch.Tensor:
    """How bright or dark auras are around what stands out from a calm ground in pictures N x 3 x H x W.

    In the photo the ground is of one colour up to the edge, and painters paint it so. VGG-19's features tell edges and
    hardly the colour of a ground, so that content distances see no aura, and Gram matrices take it for contrast.

    Returns:
        A float32 scalar: mean square over the channels of the difference in colour, beyond what strokes explain, of
        places beside edges from those of the same ground further away.
    """
    before, after = (F.avg_pool2d(each.float(), _HALO_SCALE) for each in (photos, painted))
    with torch.no_grad():
        near, far = _beside_edges(before)
        reach = max(_FURTHER)
        bordered_before, bordered_far = (F.pad(each, (reach,) * 4) for each in (before, far))
    bordered_after = F.pad(after, (reach,) * 4)
    total, count = torch.zeros_like(after), torch.full_like(near, 1e-6)
    for down, right in _places_around():
        rows, columns = (
            slice(reach + by, reach + by + side) for by, side in ((down, near.shape[2]), (right, near.shape[3]))
        )
        with torch.no_grad():
            unlike = (bordered_before[..., rows, columns] - before).square().sum(1, keepdim=True)
            alike = bordered_far[..., rows, columns] * torch.exp(-unlike / (2 * _SAME_COLOUR**2))
            count += alike
        total = total + alike * bordered_after[..., rows, columns]
    near = near * (count > 1)
    around = _blurred(near, _ALONG_EDGES_SIGMA).clamp_min(1e-6)
    aura = _blurred(near * (after - total / count), _ALONG_EDGES_SIGMA) / around
    beyond = F.relu((aura.square().mean(1, keepdim=True) + 1e-8).sqrt() - _HALO_LEFT).square()
    shares = near.mean((1, 2, 3)).clamp_min(_LEAST_SHARE)
    return ((near * beyond).mean((1, 2, 3)) / shares).mean()


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


def _beside_edges(cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where pictures are calm beside an edge, and calm further away: N x 1 x H x W each, 0 or 1."""
    bordered = F.pad(cells, (1, 1, 1, 1), mode="replicate")
    across = bordered[..., 1:-1, 2:] - bordered[..., 1:-1, :-2]
    down = bordered[..., 2:, 1:-1] - bordered[..., :-2, 1:-1]
    change = (across.square() + down.square()).mean(1, keepdim=True).sqrt()
    edges, calm = (change > _EDGE).float(), change < _CALM_CHANGE
    begins, ends, over = (
        F.max_pool2d(edges, 2 * cells_away + 1, stride=1, padding=cells_away) > 0
        for cells_away in (_HALO_BEGINS, _HALO_ENDS, _HALO_OVER)
    )
    return (calm & ends & ~begins).float(), (calm & ~over).float()


def _places_around() -> list[tuple[int, int]]:
    """Further places, as rows and columns from a place."""
    angles = [2 * math.pi * number / _DIRECTIONS for number in range(_DIRECTIONS)]
    return [(round(far * math.sin(each)), round(far * math.cos(each))) for far in _FURTHER for each in angles]


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
