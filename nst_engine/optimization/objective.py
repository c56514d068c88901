"""The loss of a picture at one scale: targets computed once, then value and gradient as often as asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from nst_engine.errors import OptionError
from nst_engine.image import resize_image
from nst_engine.kernels import normalize
from nst_engine.optimization.calm import calm_variation_loss, calmness
from nst_engine.optimization.inputs import Inputs
from nst_engine.optimization.optimizers import Bounds, Evaluation
from nst_engine.optimization.options import OptimizeOptions
from nst_engine.optimization.progress import LossTerms
from nst_engine.optimization.pyramid import Scale
from nst_engine.vgg19.layers import MIN_SIDE_PX
from nst_engine.vgg19.losses import (
    FeatureStatistics,
    content_loss,
    gram_factor,
    gram_loss,
    moments_loss,
    total_variation_loss,
)
from nst_engine.vgg19.network import VGG19


@dataclass(frozen=True, eq=False)
class _StyleTarget:
    """The target of one region at one layer; `pixel_weights` None: the whole picture."""

    layer: str
    statistics: FeatureStatistics
    weight: float
    factor: float
    pixel_weights: torch.Tensor | None


class Objective:
    """Content, style and total variation loss of pictures of one size.

    Args:
        network: Gives the features of the layers that the options name.
        inputs: The pictures at their own sizes.
        options: Weights and kinds of the losses.
        scale: The size to work at.
    """

    def __init__(self, network: VGG19, inputs: Inputs, options: OptimizeOptions, scale: Scale) -> None:
        self._network, self._options, self._scale = network, options, scale
        # coarse scales give good strokes but lose the content, which therefore weighs more there
        self._content_weight = options.content_weight / scale.ratio
        self._mean = network.get_buffer("mean")
        self.content_image = self.tensor_of(inputs.content_image)
        self._calm = calmness(self.content_image, scale.ratio)
        self.bounds = self._bounds(inputs.content_guides)
        self._content_layers = {layer: weight for layer, weight in options.content_lambdas.items() if weight > 0}
        self._style_layers = {layer: weight for layer, weight in options.style_lambdas.items() if weight > 0}
        with torch.no_grad():
            features = self._features(self.content_image)
            # one after the other: the features of several pictures together take gigabytes
            styles = [
                self._style_statistics(*style) for style in zip(inputs.style_images, inputs.style_guides, strict=True)
            ]
            style_energies = self._blended([energies for _, energies in styles], inputs.style_weights)
            self._content = {
                layer: (features[layer], weight * self._content_factor(features[layer], style_energies.get(layer)))
                for layer, weight in self._content_layers.items()
            }
            sizes = {layer: (values.shape[-2], values.shape[-1]) for layer, values in features.items()}
            self._styles = self._style_targets(inputs, [statistics for statistics, _ in styles], sizes)

    def tensor_of(self, pixels: NDArray[np.uint8], size: tuple[int, int] | None = None) -> torch.Tensor:
        """A picture as float32 1×3×H×W in 0-1 on the network's device, at this scale or the size given."""
        height, width = size or (self._scale.height, self._scale.width)
        fitted = pixels if pixels.shape[:2] == (height, width) else resize_image(pixels, height, width)
        tensor = torch.from_numpy(normalize(np.ascontiguousarray(fitted)))
        return tensor.to(self._mean.device).contiguous(memory_format=torch.channels_last)

    def evaluate(self, image: torch.Tensor) -> Evaluation:
        """Loss terms and gradient at a picture, float32 1×3×H×W in 0-1."""
        options = self._options
        image = image.detach()
        leaf = image.clone().requires_grad_()
        features = self._features(leaf)
        content = {
            f"content {layer}": self._content_weight * content_loss(features[layer], target, factor)
            for layer, (target, factor) in self._content.items()
        }
        style: dict[str, torch.Tensor] = {}
        for target in self._styles:
            key = f"style {target.layer}"
            loss = options.effective_style_weight * target.weight * self._style_loss(features[target.layer], target)
            style[key] = style[key] + loss if key in style else loss
        tv = options.tv_weight * total_variation_loss(leaf)
        if options.calm_weight > 0:
            tv = tv + options.calm_weight * self._scale.ratio**2 * calm_variation_loss(leaf, self._calm)
        total = torch.stack([*content.values(), *style.values(), tv]).sum()
        total.backward()  # type: ignore[no-untyped-call]
        by_layer = {name: float(value.detach()) for name, value in {**content, **style}.items()}
        gradient = leaf.grad if leaf.grad is not None else torch.zeros_like(image)
        return Evaluation(
            image,
            gradient,
            LossTerms(
                total=float(total.detach()),
                content=sum(by_layer[name] for name in content),
                style=sum(by_layer[name] for name in style),
                tv=float(tv.detach()),
                by_layer=by_layer,
            ),
        )

    def _features(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        features: dict[str, torch.Tensor] = self._network(image)
        return features

    def _content_factor(self, features: torch.Tensor, style_energy: float | None) -> float:
        """The mean square as in neural-style, or relative to the energy of the features, as for the Gram matrices.

        That energy is the geometric mean of the content's and the style's: the picture's will lie between them, and
        a smooth photo in a busy style would otherwise stay a photo.
        """
        if self._options.gram_normalization != "target":
            return 1.0 / features.numel()
        energy = float(features.float().square().mean())
        energy = energy if style_energy is None else (energy * style_energy) ** 0.5
        return 1.0 / (features.numel() * max(energy, 1e-12))

    def _style_loss(self, features: torch.Tensor, target: _StyleTarget) -> torch.Tensor:
        if self._options.style_loss == "moments":
            return moments_loss(features, target.statistics, target.pixel_weights)
        return gram_loss(features, target.statistics, target.factor, target.pixel_weights)

    def _style_targets(
        self,
        inputs: Inputs,
        statistics: Sequence[Mapping[str, FeatureStatistics]],
        sizes: Mapping[str, tuple[int, int]],
    ) -> list[_StyleTarget]:
        """One target per layer for the whole picture, or one per layer and region."""
        targets: list[_StyleTarget] = []
        if not statistics:
            return targets
        blend = inputs.style_weights
        for layer, weight in self._style_layers.items():
            height, width = sizes[layer]
            per_style = [values[layer] for values in statistics]
            regions: list[tuple[FeatureStatistics, float, torch.Tensor | None]]
            if inputs.content_guides is None:
                regions = [(FeatureStatistics.blend(per_style, blend), 1.0, None)]
            else:
                regions = [
                    (values, share * len(blend), self._pixel_weights(guide, height, width, "content_masks"))
                    for values, share, guide in zip(per_style, blend, inputs.content_guides, strict=True)
                ]
            for values, share, pixel_weights in regions:
                factor = gram_factor(self._options.gram_normalization, values, height * width)
                targets.append(_StyleTarget(layer, values, weight * share, factor, pixel_weights))
        return targets

    def _style_statistics(
        self, image: NDArray[np.uint8], guide: NDArray[np.float32] | None
    ) -> tuple[dict[str, FeatureStatistics], dict[str, float]]:
        """Statistics of one style image, where its guide is, at the style layers; its mean square at content layers."""
        options = self._options
        longer = (options.style_size or options.image_size) * options.style_scale * self._scale.ratio
        shrink = longer / max(image.shape[:2])
        height, width = (max(MIN_SIDE_PX, round(side * shrink)) for side in image.shape[:2])
        features = self._features(self.tensor_of(image, (height, width)))

        def weights_at(layer: str) -> torch.Tensor | None:
            height, width = features[layer].shape[-2:]
            return None if guide is None else self._pixel_weights(guide, height, width, "style_masks")

        statistics = {layer: FeatureStatistics.of(features[layer], weights_at(layer)) for layer in self._style_layers}
        energies = {}
        for layer in self._content_layers:
            squares, weights = features[layer].float().square().mean((0, 1)), weights_at(layer)
            energies[layer] = float(squares.mean() if weights is None else (squares * weights).sum())
        return statistics, energies

    @staticmethod
    def _blended(energies: Sequence[Mapping[str, float]], weights: Sequence[float]) -> dict[str, float]:
        layers = energies[0] if energies else {}
        return {layer: sum(w * each[layer] for w, each in zip(weights, energies, strict=True)) for layer in layers}

    def _pixel_weights(self, guide: NDArray[np.float32], height: int, width: int, name: str) -> torch.Tensor:
        """The guide at a layer's size, with sum 1; neurons that mostly see other regions are left out.

        Gatys et al. 2017 call this `inside` guidance; a region too small for it keeps its soft edge.
        """
        fitted = F.adaptive_avg_pool2d(torch.from_numpy(guide)[None, None], (height, width))[0, 0]
        inside = torch.where(fitted > 0.5, fitted, 0)
        weights = inside if float(inside.sum()) > 0 else fitted
        if float(weights.sum()) <= 0:
            raise OptionError("selects no pixel; paint the region white", option=name)
        return (weights / weights.sum()).to(self._mean.device)

    def _bounds(self, guides: Sequence[NDArray[np.float32]] | None) -> Bounds:
        """0 to 1; where no region reaches, the content itself, and between the two at soft edges."""
        content = self.content_image
        if guides is None:
            return Bounds(torch.zeros_like(content), torch.ones_like(content))
        covered = np.ascontiguousarray(np.clip(np.sum(guides, axis=0), 0, 1, dtype=np.float32))
        fitted = resize_image(covered, self._scale.height, self._scale.width)
        coverage = torch.from_numpy(np.array(fitted)).to(content.device).clamp(0, 1)
        return Bounds(content * (1 - coverage), content * (1 - coverage) + coverage)
