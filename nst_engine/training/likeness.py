"""How far painted things are from being recognised: pieces of pictures, such as faces, against the photo's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from nst_engine.training.faces import Boxes

#: Layers at which pieces are compared: eyes and mouths, handles and windows, not the texture of skin or stone.
LIKENESS_LAYERS = ("relu2_2", "relu3_1", "relu4_2")
# to which pieces are brought, so that small ones are looked at as closely as large ones
_SIDE_PX = 112
# shorter sides of what is looked at; smaller ones have nothing in them that could be recognised
_LEAST_PX = 14
# of those that are drawn at random: as large as things are, and motifs
_PIECES, _PIECE_PX = 6, (48, 128)


def random_pieces(side_px: int, rng: np.random.Generator) -> Boxes:
    """Squares of a picture that is so large each way: left, top, right and bottom in px."""
    sides = np.minimum(rng.uniform(*_PIECE_PX, (_PIECES, 1)), side_px)
    starts = rng.uniform(0, side_px - sides, (_PIECES, 2))
    return np.hstack([starts, starts + sides])


def cut_pieces(pictures: torch.Tensor, boxes: Sequence[Boxes]) -> tuple[torch.Tensor, list[int]]:
    """Pieces of pictures N×3×H×W, for each of which there are some boxes, all of one size.

    Returns:
        float pieces×3×112×112, and which picture each is of.
    """
    pieces, pictures_of = [], []
    for number, of_one in enumerate(boxes):
        for left, top, right, bottom in of_one.round().astype(int).tolist():
            if min(right - left, bottom - top) < _LEAST_PX:
                continue
            piece = pictures[number : number + 1, :, max(0, top) : bottom, max(0, left) : right]
            pieces.append(F.interpolate(piece, (_SIDE_PX, _SIDE_PX), mode="bilinear", antialias=True))
            pictures_of.append(number)
    return torch.cat(pieces) if pieces else pictures.new_zeros(0, 3, _SIDE_PX, _SIDE_PX), pictures_of


def unlikeness(pieces: Mapping[str, torch.Tensor], painted: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """One minus the correlation of their features, N×C×H×W by layer, over all places: float32 N, 0 to 2.

    Each channel counts without its mean: what colours a thing has is the style's.
    """
    correlations = []
    for layer in LIKENESS_LAYERS:
        before, after = (each[layer].float().flatten(2) for each in (pieces, painted))
        before, after = (each - each.mean(2, keepdim=True) for each in (before, after))
        energy = before.square().sum((1, 2)) * after.square().sum((1, 2))
        correlations.append((before * after).sum((1, 2)) / energy.clamp_min(1e-12).sqrt())
    return 1 - torch.stack(correlations).mean(0)
