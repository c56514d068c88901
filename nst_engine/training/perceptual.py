"""How far painted pictures are from their photos and styles, in VGG-19's eyes (Johnson et al. 2016, section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from nst_engine.networks.vgg19 import VGG19
from nst_engine.optimization.losses import FeatureStatistics, gram_factor, gram_loss
from nst_engine.weights import VGGWeights

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_2"


@dataclass(frozen=True, eq=False)
class Distances:
    """Per picture of a batch, float32 N each.

    Attributes:
        content: |F - P|^2 / |P|^2 at the content layer.
        style: Mean over the style layers of |G - A|^2 / |A|^2, G and A Gram matrices per pixel.
    """

    content: torch.Tensor
    style: torch.Tensor


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
        layers = (*STYLE_LAYERS, CONTENT_LAYER)
        exact = _placed(VGG19(weights, layers), device)
        with torch.no_grad():
            self._targets = [_statistics(exact(image_tensor(painting, device))) for painting in paintings]
        self._factors = [
            {layer: gram_factor("target", statistics, 1) for layer, statistics in target.items()}
            for target in self._targets
        ]
        self._network = _placed(VGG19(weights, layers, dtype=dtype), device)
        self._content = _placed(VGG19(weights, (CONTENT_LAYER,), dtype=dtype), device)

    @torch.no_grad()
    def content_features(self, photos: torch.Tensor) -> torch.Tensor:
        """Of photos, float N x 3 x H x W, 0-1."""
        features: dict[str, torch.Tensor] = self._content(photos)
        return features[CONTENT_LAYER]

    def __call__(self, painted: torch.Tensor, content_features: torch.Tensor, styles: Sequence[int]) -> Distances:
        """Distances of painted pictures, float N x 3 x H x W, from the photos' features and the styles by number."""
        features = self._network(painted)
        content = content_distances(features[CONTENT_LAYER], content_features)
        # one split a layer: slices would each be padded back to the whole batch by autograd
        parts = {layer: features[layer].split(1) for layer in STYLE_LAYERS}
        style = torch.stack(
            [
                torch.stack(
                    [gram_loss(parts[layer][row], self._targets[s][layer], self._factors[s][layer]) for layer in parts]
                ).mean()
                for row, s in enumerate(styles)
            ]
        )
        return Distances(content, style)


def content_distances(features: torch.Tensor, of_photos: torch.Tensor) -> torch.Tensor:
    """|F - P|^2 / |P|^2 per picture of N x C x H x W: float32 N."""
    energy = of_photos.float().square().sum((1, 2, 3))
    return (features - of_photos).float().square().sum((1, 2, 3)) / energy.clamp_min(1e-6)


def image_tensor(image: NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    """uint8 H x W x 3 as float32 1 x 3 x H x W, 0-1."""
    return torch.from_numpy(image).to(device).permute(2, 0, 1)[None].float() / 255


def _statistics(features: Mapping[str, torch.Tensor]) -> dict[str, FeatureStatistics]:
    return {layer: FeatureStatistics.of(features[layer]) for layer in STYLE_LAYERS}


def _placed(network: VGG19, device: torch.device) -> VGG19:
    # the mypy stubs of torch know no memory_format here
    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
