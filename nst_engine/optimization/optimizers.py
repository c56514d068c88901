"""The two optimisers, both kept within bounds per pixel and both carried from one scale to the next.

Pictures live in [0, 1]. An optimiser that ignores this finds pictures that look otherwise once they are clipped on
writing: what is optimised here is what is written.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from nst_engine.optimization.options import DEFAULT_LEARNING_RATE
from nst_engine.optimization.progress import LossTerms


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The loss at a picture, float32 1×3×H×W in 0-1, and its gradient there."""

    tensor: torch.Tensor
    gradient: torch.Tensor
    losses: LossTerms

    def is_finite(self) -> bool:
        """Whether loss and gradient are finite."""
        return math.isfinite(self.losses.total) and bool(self.gradient.isfinite().all())


@dataclass(frozen=True, eq=False)
class Bounds:
    """Lowest and highest value of each pixel, float32 1×3×H×W."""

    lower: torch.Tensor
    upper: torch.Tensor

    def clip(self, image: torch.Tensor) -> torch.Tensor:
        """The nearest picture within the bounds."""
        return torch.clamp(image, self.lower, self.upper)

    def free(self, image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """1 where a descent step stays within the bounds, else 0."""
        at_bound = ((image <= self.lower) & (gradient > 0)) | ((image >= self.upper) & (gradient < 0))
        return (~at_bound).to(image.dtype)


class ProjectedLBFGS:
    """L-BFGS (Nocedal 1980) on the pixels that are free to move, projected on the bounds.

    No line search: a step is halved only when the loss rises above all of the last few (Grippo et al. 1986), since a
    search would cost an evaluation of the network for little.
    """

    MEMORY = 20
    NONMONOTONE_WINDOW = 5
    FIRST_STEP = 0.01  # mean change of a pixel
    MAX_HALVINGS = 6

    def __init__(self, bounds: Bounds, *, learning_rate: float = DEFAULT_LEARNING_RATE["lbfgs"]) -> None:
        self.bounds, self.learning_rate = bounds, learning_rate
        self._steps: deque[torch.Tensor] = deque(maxlen=self.MEMORY)
        self._changes: deque[torch.Tensor] = deque(maxlen=self.MEMORY)
        self._recent: deque[float] = deque(maxlen=self.NONMONOTONE_WINDOW)
        self._halvings = 0

    def propose(self, current: Evaluation) -> torch.Tensor:
        """The next picture to try: the current one plus the quasi-Newton step, within the bounds."""
        if not self._recent:
            self._recent.append(current.losses.total)
        free = self.bounds.free(current.tensor, current.gradient)
        direction = self._inverse_hessian_times(current.gradient * free) * free
        step = self.learning_rate * 0.5**self._halvings
        return self.bounds.clip(current.tensor - step * direction)

    def accept(self, current: Evaluation, trial: Evaluation) -> bool:
        """Accept the trial unless it is worse than all recent ones; store its curvature."""
        if not trial.is_finite() or trial.losses.total > max(self._recent):
            self._halvings += 1
            if self._halvings == self.MAX_HALVINGS // 2:
                self._steps.clear()
                self._changes.clear()
            return False
        step, change = trial.tensor - current.tensor, trial.gradient - current.gradient
        if float((step * change).sum()) > 1e-10 * float(change.square().sum()):
            self._steps.append(step)
            self._changes.append(change)
        self._recent.append(trial.losses.total)
        self._halvings = 0
        return True

    def rescale(self, bounds: Bounds) -> None:
        """Resize the stored curvature; gradients also scale with one pixel's share in the loss."""
        ratio = self.bounds.lower.shape[-2] * self.bounds.lower.shape[-1] / bounds.lower[0, 0].numel()
        size = bounds.lower.shape[-2:]
        self._steps = deque((_resized(step, size) for step in self._steps), self.MEMORY)
        self._changes = deque((ratio * _resized(change, size) for change in self._changes), self.MEMORY)
        self._recent.clear()
        self._halvings = 0
        self.bounds = bounds

    @property
    def is_stuck(self) -> bool:
        """Whether the step is halved to nothing, also without the stored curvature."""
        return self._halvings > self.MAX_HALVINGS

    def _inverse_hessian_times(self, gradient: torch.Tensor) -> torch.Tensor:
        """The two-loop recursion."""
        if not self._steps:
            return gradient * (self.FIRST_STEP / gradient.abs().mean().clamp_min(1e-30))
        direction = gradient.clone()
        pairs = [(s, y, (s * y).sum()) for s, y in zip(self._steps, self._changes, strict=True)]
        factors = []
        for step, change, curvature in reversed(pairs):
            factor = (step * direction).sum() / curvature
            factors.append(factor)
            direction -= factor * change
        _, change, curvature = pairs[-1]
        direction *= curvature / change.square().sum()
        for (step, change, curvature), factor in zip(pairs, reversed(factors), strict=True):
            direction += (factor - (change * direction).sum() / curvature) * step
        return direction


class ProjectedAdam:
    """Adam (Kingma & Ba 2015, arXiv:1412.6980), clipped to the bounds; its moments follow the picture's size."""

    BETAS = (0.9, 0.99)

    def __init__(self, bounds: Bounds, *, learning_rate: float = DEFAULT_LEARNING_RATE["adam"]) -> None:
        self.bounds, self.learning_rate = bounds, learning_rate
        self._first = torch.zeros_like(bounds.lower)
        self._second = torch.zeros_like(bounds.lower)
        self._count = 0
        self._failures = 0

    def propose(self, current: Evaluation) -> torch.Tensor:
        """One Adam step, within the bounds."""
        beta1, beta2 = self.BETAS
        self._count += 1
        self._first.lerp_(current.gradient, 1 - beta1)
        self._second.lerp_(current.gradient.square(), 1 - beta2)
        first = self._first / (1 - beta1**self._count)
        second = self._second / (1 - beta2**self._count)
        return self.bounds.clip(current.tensor - self.learning_rate * first / (second.sqrt() + 1e-12))

    def accept(self, current: Evaluation, trial: Evaluation) -> bool:
        """Accept all finite trials; after NaN, reset the moments and halve the rate."""
        if trial.is_finite():
            self._failures = 0
            return True
        self._failures += 1
        self.learning_rate /= 2
        self._first.zero_()
        self._second.zero_()
        self._count = 0
        return False

    def rescale(self, bounds: Bounds) -> None:
        """Resize the moments, and scale them with one pixel's share in the loss."""
        ratio = self.bounds.lower.shape[-2] * self.bounds.lower.shape[-1] / bounds.lower[0, 0].numel()
        size = bounds.lower.shape[-2:]
        self._first = ratio * _resized(self._first, size)
        self._second = ratio**2 * _resized(self._second, size)
        self.bounds = bounds

    @property
    def is_stuck(self) -> bool:
        """Whether the loss stays NaN after many halvings."""
        return self._failures > 8


Optimizer = ProjectedLBFGS | ProjectedAdam


def _resized(image: torch.Tensor, size: torch.Size | tuple[int, int]) -> torch.Tensor:
    return F.interpolate(image, tuple(size), mode="bilinear", align_corners=False).contiguous(
        memory_format=torch.channels_last
    )
