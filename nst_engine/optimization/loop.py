"""The optimisation loop: propose, evaluate, check, from the coarsest scale to the finest."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from nst_engine.errors import OptimizationError
from nst_engine.kernels import denormalize
from nst_engine.optimization.objective import Objective
from nst_engine.optimization.optimizers import Bounds, Evaluation, Optimizer, ProjectedAdam, ProjectedLBFGS
from nst_engine.optimization.options import OptimizeOptions
from nst_engine.optimization.progress import Progress, ProgressCallback
from nst_engine.optimization.pyramid import Scale

#: Convergence: relative change of the best loss over so many iterations (Ruder et al. 2016).
FLAT_WINDOW, FLAT_CHANGE = 50, 1e-4


@dataclass(frozen=True, eq=False)
class LoopResult:
    """Result of the loop.

    Attributes:
        best: The evaluation with the lowest loss at the last scale reached.
        iterations: Done, over all scales.
        was_stopped: Whether the callback ended it.
        notes: Problems that were noticed and handled.
    """

    best: Evaluation
    iterations: int
    was_stopped: bool
    notes: tuple[str, ...]


def to_pixels(image: torch.Tensor) -> NDArray[np.uint8]:
    """Float 1×3×H×W in 0-1 as uint8 H×W×3, rounded."""
    return denormalize(image.detach().float().cpu().contiguous().numpy())


def optimize_scales(
    scales: Sequence[Scale],
    objective_at: Callable[[Scale], Objective],
    first_image: Callable[[Scale, Objective], torch.Tensor],
    options: OptimizeOptions,
    *,
    on_progress: ProgressCallback | None = None,
    finish: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] = lambda image: image,
    started: float | None = None,
) -> LoopResult:
    """Optimise a picture, coarse to fine.

    Args:
        scales: Coarsest first.
        objective_at: Makes the objective of a scale.
        first_image: Makes the picture that the first scale starts from.
        options: Optimiser, learning rate.
        on_progress: Told of every iteration; returning False stops.
        finish: From the optimised picture to the one that is shown.
        started: `time.perf_counter()` at the start of the run.

    Raises:
        OptimizationError: Not even the first loss is a number.
    """
    run = _Run(scales, options, on_progress, finish, time.perf_counter() if started is None else started)
    objective = objective_at(scales[0])
    optimizer = _optimizer(options, objective.bounds)
    first = objective.evaluate(objective.bounds.clip(first_image(scales[0], objective)))
    best = run.at_scale(0, objective, first, optimizer)
    for index, scale in enumerate(scales[1:], 1):
        if run.was_stopped:
            break
        objective = objective_at(scale)
        optimizer.rescale(objective.bounds)
        first = objective.evaluate(objective.bounds.clip(_upsampled(best.tensor, scale)))
        if not first.is_finite():
            run.notes.append(f"the loss at {scale.width}x{scale.height} px is not a number: kept the scale before")
            break
        best = run.at_scale(index, objective, first, optimizer)
    return LoopResult(best, run.iteration, run.was_stopped, tuple(run.notes))


class _Run:
    """Counts iterations, checks convergence and reports, over all scales."""

    def __init__(
        self,
        scales: Sequence[Scale],
        options: OptimizeOptions,
        on_progress: ProgressCallback | None,
        finish: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
        started: float,
    ) -> None:
        self.iteration, self.was_stopped, self.notes = 0, False, list[str]()
        self._scales, self._options, self._on_progress, self._finish = scales, options, on_progress, finish
        self._started = started
        # the time of an iteration is nearly proportional to its pixels
        self._pixels_done, self._loop_started = 0, time.perf_counter()

    def at_scale(self, index: int, objective: Objective, current: Evaluation, optimizer: Optimizer) -> Evaluation:
        """Spend the iterations of one scale; the best evaluation.

        If L-BFGS fails, Adam replaces it for this scale only. A coarse scale that has converged ends early.
        """
        if not current.is_finite():
            raise OptimizationError(
                "the loss of the first picture is not a number: the weights of the network are damaged, or a loss "
                "weight is too large"
            )
        best, best_losses = current, deque([current.losses.total], FLAT_WINDOW + 1)
        is_last = index == len(self._scales) - 1
        for count in range(1, self._scales[index].iterations + 1):
            trial = objective.evaluate(optimizer.propose(current))
            note, is_over = "", False
            if optimizer.accept(current, trial):
                current = trial
                best = min(best, trial, key=lambda evaluation: evaluation.losses.total)
            elif not trial.is_finite():
                note, current = "the loss is not a number: back to the best picture so far", best
            best_losses.append(best.losses.total)
            is_flat = len(best_losses) > FLAT_WINDOW and _is_flat(best_losses)
            if optimizer.is_stuck or is_flat:
                if isinstance(optimizer, ProjectedAdam) or (is_flat and not is_last):
                    is_over = True
                else:
                    note = f"L-BFGS {'finds no step' if optimizer.is_stuck else 'stands still'}: on with Adam"
                    optimizer = ProjectedAdam(objective.bounds)
                    current, best_losses = best, deque([best.losses.total], FLAT_WINDOW + 1)
            self._report(index, count, current, note)
            if self.was_stopped or is_over or float(best.gradient.abs().max()) == 0.0:
                break
        return best

    def _report(self, index: int, count: int, shown: Evaluation, note: str) -> None:
        scale = self._scales[index]
        self.iteration += 1
        if note:
            self.notes.append(f"iteration {self.iteration}: {note}")
        now = time.perf_counter()
        self._pixels_done += scale.height * scale.width
        if self._on_progress is None:
            return
        pixels_left = (scale.iterations - count) * scale.height * scale.width
        pixels_left += sum(later.iterations * later.height * later.width for later in self._scales[index + 1 :])
        progress = Progress(
            iteration=self.iteration,
            num_iterations=sum(each.iterations for each in self._scales),
            scale=index + 1,
            num_scales=len(self._scales),
            height=scale.height,
            width=scale.width,
            losses=shown.losses,
            seconds=now - self._started,
            eta_seconds=pixels_left * (now - self._loop_started) / self._pixels_done,
            note=note,
            picture=lambda: self._finish(to_pixels(shown.tensor)),
        )
        self.was_stopped = self._on_progress(progress) is False


def _is_flat(best_losses: deque[float]) -> bool:
    gain = best_losses[0] - best_losses[-1]
    return gain <= FLAT_CHANGE * abs(best_losses[0])


def _optimizer(options: OptimizeOptions, bounds: Bounds) -> Optimizer:
    kind = ProjectedAdam if options.optimizer == "adam" else ProjectedLBFGS
    return kind(bounds, learning_rate=options.effective_learning_rate)


def _upsampled(image: torch.Tensor, scale: Scale) -> torch.Tensor:
    size = (scale.height, scale.width)
    return F.interpolate(image, size, mode="bicubic", align_corners=False).contiguous(memory_format=torch.channels_last)
