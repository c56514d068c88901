"""How far painted pictures are from their photos and styles, in VGG-19's eyes (Johnson et al. 2016, section 3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from nst_engine.training.artefacts import calm_roughness
from nst_engine.training.faces import Boxes
from nst_engine.training.likeness import cut_pieces, unlikeness
from nst_engine.training.repetition import repetition
from nst_engine.vgg19.layers import GATYS_STYLE_LAYERS
from nst_engine.vgg19.network import VGG19
from nst_engine.vgg19.weights import VGGWeights

CONTENT_LAYER = "relu4_2"

# Johnson's layers, the last of each block, beside Gatys': strokes become crisp
_STROKE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
_STYLE_LAYERS = (*GATYS_STYLE_LAYERS, *_STROKE_LAYERS)
_STROKE_WEIGHT = 0.5
# relu5_1 tells whether there are large forms; weighed like the others, it is pleased with blobs in calm areas
_FORMS_LAYER = "relu5_1"
FORMS_WEIGHT: Mapping[str, float] = {"whole": 0.6, "half": 0.4}
# of a painting's statistics, how much counts at half the size: there the same layers see twice as far
_SHARES = {"whole": 0.65, "half": 0.35}
_MIN_MATRIX_ROWS = 128
_MOST_PARTS = 32

#: Of styles, by layer: Gram matrices, styles x C x C, of pictures and of their halves, `whole` and `half`; how much
#: they repeat themselves, `repeats`; and how rough their calm parts are, `calm`: styles x octaves.
Targets: TypeAlias = Mapping[str, Mapping[str, torch.Tensor]]


@dataclass(frozen=True, eq=False)
class Distances:
    """Per picture of a batch, float32 N each.

    Attributes:
        content: |F - P|^2 / |P|^2 at the content layer.
        style: Mean over the style layers of |G - A|^2 / |A|^2, G and A Gram matrices per pixel.
        painted: What training lowers: as `style`, over more layers, and over the picture and its half.
        repeats: By how much a picture repeats itself more than its style does, squared (`training.repetition`).
    """

    content: torch.Tensor
    style: torch.Tensor
    painted: torch.Tensor
    repeats: torch.Tensor


class PerceptualMeasure:
    """Measures pictures against photos and styles.

    Args:
        weights: Of VGG-19.
        device: To compute on.
        dtype: Of the features.
        forms_weight: Of relu5_1, at the whole and at half the size.
        tames: Whether distances that training lowers grow as logarithms above 1, so that a style that is far off does
            not rule.
    """

    def __init__(
        self,
        weights: VGGWeights,
        *,
        device: torch.device,
        dtype: torch.dtype,
        forms_weight: Mapping[str, float] = FORMS_WEIGHT,
        tames: bool = False,
    ) -> None:
        layers = (*_STYLE_LAYERS, CONTENT_LAYER)
        self._network = _placed(VGG19(weights, layers, dtype=dtype), device)
        self._strokes = _placed(VGG19(weights, _STYLE_LAYERS, dtype=dtype), device)
        self._content = _placed(VGG19(weights, (CONTENT_LAYER,), dtype=dtype), device)
        self._forms_weight, self._tames = forms_weight, tames

    @torch.no_grad()
    def content_features(self, photos: torch.Tensor) -> torch.Tensor:
        """Of photos, float N x 3 x H x W, 0-1."""
        features: dict[str, torch.Tensor] = self._content(photos)
        return features[CONTENT_LAYER]

    @torch.no_grad()
    def style_features(self, pictures: torch.Tensor) -> dict[str, dict[str, torch.Tensor]]:
        """By size, `whole` and `half`, and layer: of style images, float N x 3 x H x W, 0-1."""
        return {"whole": self._strokes(pictures), "half": self._strokes(F.avg_pool2d(pictures, 2))}

    def __call__(
        self,
        painted: torch.Tensor,
        content_features: torch.Tensor,
        targets: Targets,
        rows: torch.Tensor,
        floors: Mapping[str, Mapping[str, torch.Tensor]] | None = None,
    ) -> Distances:
        """Distances of painted pictures from their photos and styles.

        Args:
            painted: float N x 3 x H x W, 0-1.
            content_features: Of the photos.
            targets: The styles'.
            rows: int64 N: which of the targets each picture is painted by.
            floors: Added to the targets' energies, by size and layer, so that styles next to nothing can be compared
                with are not the furthest; None: nothing.
        """
        features = self._network(painted)
        sizes = {"whole": features, "half": self._strokes(F.avg_pool2d(painted, 2))}
        found = {
            size: {
                layer: style_distances(
                    gram_matrices(sizes[size][layer]), wanted[rows], 0.0 if floors is None else floors[size][layer]
                )
                for layer, wanted in targets[size].items()
            }
            for size in _SHARES
        }
        style = torch.stack([found["whole"][layer] for layer in GATYS_STYLE_LAYERS]).mean(0)
        weighed = _SHARES["whole"] * self._weighed(found["whole"], "whole")
        weighed = weighed + _SHARES["half"] * self._weighed(found["half"], "half")
        if self._tames:
            weighed = torch.where(weighed > 1, 1 + weighed.clamp_min(1).log(), weighed)
        repeats = torch.stack(
            [F.relu(own - targets["repeats"][layer][rows]).square() for layer, own in repetition(features).items()]
        )
        return Distances(content_distances(features[CONTENT_LAYER], content_features), style, weighed, repeats.sum(0))

    def unlikeness(self, photos: torch.Tensor, painted: torch.Tensor, boxes: Sequence[Boxes]) -> torch.Tensor:
        """How far painted things are from being recognised, 0 to 2: float32 N, 0 where a picture has no box.

        Args:
            photos: float N x 3 x H x W, 0-1.
            painted: Likewise.
            boxes: Pieces of each photo, in its px.
        """
        before, numbers = cut_pieces(photos, boxes)
        unlike = painted.new_zeros(len(boxes), dtype=torch.float32)
        if not numbers:
            return unlike
        with torch.no_grad():
            wanted = self._network(before)
        rows = torch.tensor(numbers, device=painted.device)
        each = unlikeness(wanted, self._network(cut_pieces(painted, boxes)[0]))
        return unlike.index_add(0, rows, each / torch.bincount(rows)[rows])

    def _weighed(self, distances: Mapping[str, torch.Tensor], size: str) -> torch.Tensor:
        weights = {
            **dict.fromkeys(GATYS_STYLE_LAYERS, 1.0),
            **dict.fromkeys(_STROKE_LAYERS, _STROKE_WEIGHT),
            _FORMS_LAYER: self._forms_weight[size],
        }
        total = torch.stack([weight * distances[layer] for layer, weight in weights.items()]).sum(0)
        return total / sum(weights.values())


class PerceptualLoss:
    """Measures against a fixed set of styles.

    Args:
        weights: Of VGG-19.
        paintings: uint8 H x W x 3 each, at the size at which their strokes count.
        device: To compute on.
        dtype: Of the features.

    Attributes:
        measure: What compares.
        targets: The paintings'.
    """

    def __init__(
        self,
        weights: VGGWeights,
        paintings: Sequence[NDArray[np.uint8]],
        *,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.targets = targets_of(weights, paintings, device)
        self.measure = PerceptualMeasure(weights, device=device, dtype=dtype)

    def content_features(self, photos: torch.Tensor) -> torch.Tensor:
        """Of photos, float N x 3 x H x W, 0-1."""
        return self.measure.content_features(photos)

    def __call__(self, painted: torch.Tensor, content_features: torch.Tensor, styles: Sequence[int]) -> Distances:
        """Distances of painted pictures, float N x 3 x H x W, from the photos' features and the styles by number."""
        rows = torch.tensor(list(styles), device=painted.device)
        return self.measure(painted, content_features, self.targets, rows)


@torch.no_grad()
def targets_of(weights: VGGWeights, paintings: Iterable[NDArray[np.uint8]], device: torch.device) -> Targets:
    """Of paintings, uint8 H x W x 3 of any sizes, in single precision: they stand for the whole training."""
    network = _placed(VGG19(weights, _STYLE_LAYERS), device)
    found = []
    for painting in paintings:
        whole = image_tensor(painting, device)
        found.append(style_targets(whole, {"whole": network(whole), "half": network(F.avg_pool2d(whole, 2))}))
    return {
        part: {layer: torch.cat([each[part][layer] for each in found]) for layer in of_part}
        for part, of_part in found[0].items()
    }


def style_targets(pictures: torch.Tensor, features: Mapping[str, Mapping[str, torch.Tensor]]) -> Targets:
    """What is wanted of styles N x 3 x H x W whose features these are, of the whole and of the half size."""
    grams = {size: grams_of(each) for size, each in features.items()}
    others = {"repeats": repetition(features["whole"]), "calm": {"roughness": calm_roughness(pictures)}}
    return grams | others


def grams_of(features: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Gram matrices by layer."""
    return {layer: gram_matrices(each) for layer, each in features.items()}


def style_distances(found: torch.Tensor, wanted: torch.Tensor, floor: torch.Tensor | float = 0.0) -> torch.Tensor:
    """|G - A|^2 / (|A|^2 + floor) per picture of N x C x C: float32 N."""
    energy = (wanted.square().sum((1, 2)) + floor).clamp_min(1e-12)
    return (found - wanted).square().sum((1, 2)) / energy


def content_distances(features: torch.Tensor, of_photos: torch.Tensor) -> torch.Tensor:
    """|F - P|^2 / |P|^2 per picture of N x C x H x W: float32 N."""
    energy = of_photos.float().square().sum((1, 2, 3))
    return (features - of_photos).float().square().sum((1, 2, 3)) / energy.clamp_min(1e-6)


def energies(features: torch.Tensor) -> torch.Tensor:
    """Mean square of the features of each picture of N x C x H x W: float32 N."""
    return features.float().square().mean((1, 2, 3))


def evened(content: torch.Tensor, energy: torch.Tensor, usual: float) -> torch.Tensor:
    """Content distances with half of each photo's own energy replaced by what photos usually have: float32 N.

    Relative to their own alone, near-flat photos have the largest distances, and a network that listens to them hardly
    dares to paint.
    """
    return content * energy / (0.5 * energy + 0.5 * usual)


def gram_matrices(features: torch.Tensor) -> torch.Tensor:
    """Per pixel, of each picture of N x C x H x W: float32 N x C x C."""
    count, channels, height, width = features.shape
    rows = features.permute(0, 2, 3, 1).reshape(count, height * width, channels)
    # torch types its own machinery so that mypy cannot follow
    matrices: torch.Tensor = _Gram.apply(rows)  # type: ignore[no-untyped-call]
    return matrices


def image_tensor(image: NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    """uint8 H x W x 3 as float32 1 x 3 x H x W, 0-1."""
    return torch.from_numpy(image).to(device).permute(2, 0, 1)[None].float() / 255


class _Gram(torch.autograd.Function):
    """X'X / n of N x n x C: autograd's own way back would take two products and a strided sum."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(rows)
        count, pixels, channels = rows.shape
        # a GPU gives each matrix one multiprocessor, so tall ones are multiplied in parts
        parts = next(k for k in (_MOST_PARTS, 16, 8, 4, 2, 1) if k == 1 or _divides(k, pixels))
        split = rows.reshape(count * parts, pixels // parts, channels)
        products = torch.bmm(split.transpose(1, 2), split).float()
        return products.reshape(count, parts, channels, channels).sum(1) / pixels

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        (rows,) = ctx.saved_tensors
        (gradient,) = gradients
        both = (gradient + gradient.transpose(1, 2)) / rows.shape[1]
        return torch.bmm(rows, both.to(rows.dtype))


def _divides(parts: int, pixels: int) -> bool:
    return pixels % parts == 0 and pixels // parts >= _MIN_MATRIX_ROWS


def _placed(network: VGG19, device: torch.device) -> VGG19:
    # the mypy stubs of torch know no memory_format here
    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
