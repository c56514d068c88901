"""The loss terms, each with its formula, source and gradient.

Feature statistics are kept per pixel (mean and second moment), so that the conventions of the field for dividing a Gram
matrix become one factor per layer: see `gram_factor`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from nst_engine.vgg19.layers import GramNormalization

# float32 copies of bfloat16 features are made in slices of this many pixels: relu1_1 of a large picture would
# otherwise cost more memory than all else
_SLICE_PX = 1 << 16


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """First and second moment of one layer's features over the pixels of a picture or region.

    Attributes:
        mean: float32 C.
        second_moment: float32 C×C, the Gram matrix divided by the number of pixels.
    """

    mean: torch.Tensor
    second_moment: torch.Tensor

    @staticmethod
    def of(features: torch.Tensor, pixel_weights: torch.Tensor | None = None) -> FeatureStatistics:
        """Statistics of 1×C×H×W features; `pixel_weights`, float32 H×W with sum 1, select a region."""
        mean, second_moment = _moments(_pixel_rows(features), _flat(pixel_weights))
        return FeatureStatistics(mean, second_moment)

    @staticmethod
    def blend(parts: Sequence[FeatureStatistics], weights: Sequence[float]) -> FeatureStatistics:
        """Statistics of the mixture: for squared losses equivalent to a weighted sum of losses per style."""
        return FeatureStatistics(
            sum((w * part.mean for w, part in zip(weights, parts, strict=True)), torch.zeros_like(parts[0].mean)),
            sum(
                (w * part.second_moment for w, part in zip(weights, parts, strict=True)),
                torch.zeros_like(parts[0].second_moment),
            ),
        )


def gram_factor(normalization: GramNormalization, target: FeatureStatistics, pixels: int) -> float:
    """What |M - A|^2 (M, A: second moments; Frobenius norm) is multiplied with.

    `none`, `hw` and `chw` are the mean squared difference of Gram matrices F F^T, F F^T/HW (Gatys' code, up to a
    constant the paper's formula) and F F^T/CHW (neural-style, Johnson), both taken at the output's number of pixels;
    `target` divides by |A|^2, so that each layer counts the same whatever its size and the scale of the weights.
    """
    channels = target.mean.numel()
    if normalization == "target":
        return 1.0 / max(float(target.second_moment.square().sum()), 1e-12)
    per_entry = {"none": float(pixels), "hw": 1.0, "chw": 1.0 / channels}[normalization]
    return (per_entry / channels) ** 2


def gram_loss(
    features: torch.Tensor,
    target: FeatureStatistics,
    factor: float,
    pixel_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Factor * |M(features) - A|^2, a float32 scalar (Gatys et al. 2015, arXiv:1508.06576, equation 4).

    With `pixel_weights` (float32 H×W, sum 1) the guided Gram matrix of Gatys et al. 2017, arXiv:1611.07865.
    """
    return _StatisticsLoss.apply(features, _flat(pixel_weights), _GramTerm(target, factor))  # type: ignore[no-any-return,no-untyped-call]


def moments_loss(
    features: torch.Tensor,
    target: FeatureStatistics,
    pixel_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Squared 2-Wasserstein distance of Gaussians with the features' mean and covariance, over the target's energy.

    |m - n|^2 + tr(S + T - 2 (T^1/2 S T^1/2)^1/2), as in Mroueh 2019, arXiv:1905.12828, and in crowsonkb's
    style-transfer-pytorch; divided by tr(second moment of the target). A float32 scalar.
    """
    return _StatisticsLoss.apply(features, _flat(pixel_weights), _MomentsTerm(target))  # type: ignore[no-any-return,no-untyped-call]


def content_loss(features: torch.Tensor, target: torch.Tensor, factor: float) -> torch.Tensor:
    """Factor * |F - P|^2, a float32 scalar (Gatys et al. 2015, equation 1)."""
    return factor * (features - target).float().square().sum()


def total_variation_loss(image: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of neighbouring pixels, horizontal plus vertical; image float 1×3×H×W, 0-1."""
    return (image[..., 1:] - image[..., :-1]).square().mean() + (image[..., 1:, :] - image[..., :-1, :]).square().mean()


class _GramTerm:
    def __init__(self, target: FeatureStatistics, factor: float) -> None:
        self.target, self.factor = target, factor

    def value_and_gradients(
        self, mean: torch.Tensor, second_moment: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
        """Loss, its gradient by the mean (none) and by the second moment."""
        difference = second_moment - self.target.second_moment
        return self.factor * difference.square().sum(), None, 2 * self.factor * difference


class _MomentsTerm:
    def __init__(self, target: FeatureStatistics) -> None:
        self.target_mean = target.mean.double()
        covariance = target.second_moment.double() - torch.outer(self.target_mean, self.target_mean)
        self.root, self.trace = _matrix_root(covariance), float(covariance.trace())
        self.energy = max(float(target.second_moment.trace()), 1e-12)

    def value_and_gradients(
        self, mean: torch.Tensor, second_moment: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
        """Closed form: the gradient by the covariance is I minus the optimal transport map."""
        mean64 = mean.double()
        covariance = second_moment.double() - torch.outer(mean64, mean64)
        inner = self.root @ covariance @ self.root
        values, vectors = torch.linalg.eigh((inner + inner.T) / 2)
        # channels that are always zero make both matrices singular: eigenvalues below the noise carry no transport
        noise = values[-1].clamp_min(1e-12) * 1e-7
        roots = torch.where(values > noise, values, 0).sqrt()
        inverse_roots = torch.where(values > noise, values.clamp_min(noise).rsqrt(), 0)
        transport = self.root @ (vectors * inverse_roots) @ vectors.T @ self.root
        by_covariance = torch.eye(len(values), dtype=transport.dtype, device=transport.device) - transport
        shift = mean64 - self.target_mean
        value = shift.square().sum() + covariance.trace() + self.trace - 2 * roots.sum()
        by_mean = 2 * shift - 2 * by_covariance @ mean64
        return (
            (value / self.energy).clamp_min(0).float(),
            (by_mean / self.energy).float(),
            (by_covariance / self.energy).float(),
        )


class _StatisticsLoss(torch.autograd.Function):
    """Loss of the statistics of features, with its gradient formed at once in the features' dtype and layout.

    Autograd would multiply twice by the symmetric gradient and convert float32 copies back: at 512 px that is a third
    of an iteration.
    """

    @staticmethod
    def forward(
        ctx: Any, features: torch.Tensor, pixel_weights: torch.Tensor | None, term: _GramTerm | _MomentsTerm
    ) -> torch.Tensor:
        rows = _pixel_rows(features)
        mean, second_moment = _moments(rows, pixel_weights)
        value, by_mean, by_second_moment = term.value_and_gradients(mean, second_moment)
        ctx.save_for_backward(features, by_second_moment)
        ctx.by_mean, ctx.pixel_weights = by_mean, pixel_weights
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (scale,) = gradients
        features, by_second_moment = ctx.saved_tensors
        rows = _pixel_rows(features)
        weight = 1.0 / rows.shape[0] if ctx.pixel_weights is None else 1.0
        matrix = (by_second_moment * (2 * weight * scale)).to(rows.dtype)
        by_rows = rows @ matrix
        if ctx.by_mean is not None:
            by_rows += (ctx.by_mean * (weight * scale)).to(rows.dtype)
        if ctx.pixel_weights is not None:
            by_rows *= ctx.pixel_weights[:, None].to(rows.dtype)
        _, channels, height, width = features.shape
        return by_rows.view(1, height, width, channels).permute(0, 3, 1, 2), None, None


def _pixel_rows(features: torch.Tensor) -> torch.Tensor:
    """1×C×H×W as HW×C: a view where the memory is channels-last."""
    if features.shape[0] != 1:
        raise ValueError(f"features of one picture were wanted, {features.shape[0]} came")
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def _flat(pixel_weights: torch.Tensor | None) -> torch.Tensor | None:
    return None if pixel_weights is None else pixel_weights.reshape(-1)


def _moments(rows: torch.Tensor, pixel_weights: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and second moment in float32, whatever the dtype of the rows (HW×C)."""
    pixels, channels = rows.shape
    mean = torch.zeros(channels, device=rows.device)
    second_moment = torch.zeros(channels, channels, device=rows.device)
    for start in range(0, pixels, _SLICE_PX):
        part = rows[start : start + _SLICE_PX].float()
        weighted = part if pixel_weights is None else part * pixel_weights[start : start + _SLICE_PX, None]
        mean += weighted.sum(0)
        second_moment.addmm_(weighted.T, part)
    return (mean, second_moment) if pixel_weights is not None else (mean / pixels, second_moment / pixels)


def _matrix_root(symmetric: torch.Tensor) -> torch.Tensor:
    values, vectors = torch.linalg.eigh(symmetric)
    root: torch.Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root
