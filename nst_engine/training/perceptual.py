"""How far painted pictures are from their photos and styles, in VGG-19's eyes (Johnson et al. 2016, section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from nst_engine.vgg19.layers import GATYS_STYLE_LAYERS
from nst_engine.vgg19.network import VGG19
from nst_engine.vgg19.weights import VGGWeights

CONTENT_LAYER = "relu4_2"

# Johnson's layers, the last of each block, beside Gatys': strokes become crisp
_STROKE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
_STROKE_WEIGHT = 0.5
# relu5_1 tells whether there are large forms; weighed like the others, it is pleased with blobs in calm areas
_FORMS_LAYER = "relu5_1"
_FORMS_WEIGHT = {"whole": 0.6, "half": 0.4}
# of a painting's statistics, how much counts at half the size: there the same layers see twice as far
_SHARES = {"whole": 0.65, "half": 0.35}
_MIN_MATRIX_ROWS = 128
_MOST_PARTS = 32


@dataclass(frozen=True, eq=False)
class Distances:
    """Per picture of a batch, float32 N each.

    Attributes:
        content: |F - P|^2 / |P|^2 at the content layer.
        style: Mean over the style layers of |G - A|^2 / |A|^2, G and A Gram matrices per pixel.
        painted: What training lowers: as `style`, over more layers, and over the picture and its half.
    """

    content: torch.Tensor
    style: torch.Tensor
    painted: torch.Tensor


class PerceptualLoss:
    """Measures against a fixed set of styles.

    Args:
        weights: Of VGG-19.
        paintings: uint8 H x W x 3 each, at the size at which their strokes count.
        device: To compute on.
        dtype: Of the features.
    """

    def __init__(
        self,
        weights: VGGWeights,
        paintings: Sequence[NDArray[np.uint8]],
        *,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        layers = (*GATYS_STYLE_LAYERS, *_STROKE_LAYERS, CONTENT_LAYER)
        exact = _placed(VGG19(weights, layers[:-1]), device)
        with torch.no_grad():
            found = [_targets(exact, image_tensor(painting, device)) for painting in paintings]
        self._targets = {
            size: {layer: torch.cat([each[size][layer] for each in found]) for layer in found[0][size]}
            for size in _SHARES
        }
        self._network = _placed(VGG19(weights, layers, dtype=dtype), device)
        self._strokes = _placed(VGG19(weights, layers[:-1], dtype=dtype), device)
        self._content = _placed(VGG19(weights, (CONTENT_LAYER,), dtype=dtype), device)

    @torch.no_grad()
    def content_features(self, photos: torch.Tensor) -> torch.Tensor:
        """Of photos, float N x 3 x H x W, 0-1."""
        features: dict[str, torch.Tensor] = self._content(photos)
        return features[CONTENT_LAYER]

    def __call__(self, painted: torch.Tensor, content_features: torch.Tensor, styles: Sequence[int]) -> Distances:
        """Distances of painted pictures, float N x 3 x H x W, from the photos' features and the styles by number."""
        rows = torch.tensor(list(styles), device=painted.device)
        features = self._network(painted)
        whole = self._layer_distances(features, "whole", rows)
        half = self._layer_distances(self._strokes(F.avg_pool2d(painted, 2)), "half", rows)
        style = torch.stack([whole[layer] for layer in GATYS_STYLE_LAYERS]).mean(0)
        weighed = _SHARES["whole"] * _weighed(whole, "whole") + _SHARES["half"] * _weighed(half, "half")
        return Distances(content_distances(features[CONTENT_LAYER], content_features), style, weighed)

    def _layer_distances(
        self, features: Mapping[str, torch.Tensor], size: str, rows: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        found = {}
        for layer, targets in self._targets[size].items():
            wanted = targets[rows]
            energy = wanted.square().sum((1, 2)).clamp_min(1e-12)
            found[layer] = (gram_matrices(features[layer]) - wanted).square().sum((1, 2)) / energy
        return found


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


def _targets(network: VGG19, painting: torch.Tensor) -> dict[str, dict[str, torch.Tensor]]:
    pictures = {"whole": painting, "half": F.avg_pool2d(painting, 2)}
    return {
        size: {layer: gram_matrices(features) for layer, features in network(picture).items()}
        for size, picture in pictures.items()
    }


def _weighed(distances: Mapping[str, torch.Tensor], size: str) -> torch.Tensor:
    weights = {
        **dict.fromkeys(GATYS_STYLE_LAYERS, 1.0),
        **dict.fromkeys(_STROKE_LAYERS, _STROKE_WEIGHT),
        _FORMS_LAYER: _FORMS_WEIGHT[size],
    }
    total = torch.stack([weight * distances[layer] for layer, weight in weights.items()]).sum(0)
    return total / sum(weights.values())


def _placed(network: VGG19, device: torch.device) -> VGG19:
    # the mypy stubs of torch know no memory_format here
    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
