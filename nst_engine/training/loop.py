"""The training loop: schedule, averaging, guards."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import nn

from nst_engine.errors import OptimizationError
from nst_engine.training.checkpoint import Checkpoint, check_fits
from nst_engine.training.lesson import Batch, Lesson, Outcome
from nst_engine.training.options import TrainOptions
from nst_engine.training.process_group import ProcessGroup

_WARMUP = 0.05  # share of the training before the learning rate's peak
_LAST_RATE = 0.01  # share of the peak, at the end
_CLIP_NORM = 1.0
_AVERAGING = 0.999
_SMOOTHING = 0.98  # of the distances for display and steering, once many steps were measured
_STEERING = 0.004  # gain from the content distance to the style weight
_STYLE_WEIGHT_RANGE = (0.5, 100.0)
_MAX_BAD_STEPS = 20


@dataclass(frozen=True)
class TrainProgress:
    """One step.

    Attributes:
        step: From 1.
        fraction: Of the training, 0-1.
        seconds: Spent so far, over all resumed parts.
        content, style: Distances, smoothed.
        style_weight: As adapted, where a content distance was requested.
        learning_rate: Of this step.
        skipped: Number of steps skipped because the loss was not finite.
    """

    step: int
    fraction: float
    seconds: float
    content: float
    style: float
    style_weight: float
    learning_rate: float
    skipped: int


class _Step(nn.Module):
    """A network and its losses in one module, whose gradients torch can then reduce over processes."""

    def __init__(self, network: nn.Module, lesson: Lesson) -> None:
        super().__init__()
        self.network, self._lesson = network, lesson

    def forward(self, batch: Batch, step: int, style_weight: float, usual_energy: float | None) -> Outcome:
        return self._lesson.outcome(batch, step, style_weight, usual_energy)


class Training:
    """A training in progress, which can be stopped and resumed at any step.

    Where several processes share it, all make the same steps: each decision is taken by numbers of all of them.

    Args:
        network: On the device to train on.
        lesson: Data and losses.
        options: How.
        parameters: Names of the trained parameters; all others are frozen.
        group: The processes that share it.
    """

    def __init__(
        self,
        network: nn.Module,
        lesson: Lesson,
        options: TrainOptions,
        *,
        parameters: Collection[str],
        group: ProcessGroup,
    ) -> None:
        self.network, self.options, self.group = network, options, group
        self.step, self.seconds, self.skipped = 0, 0.0, 0
        self.style_weight = options.style_weight
        self._lesson = lesson
        self._parameters = {name: value for name, value in network.named_parameters() if name in set(parameters)}
        for name, value in network.named_parameters():
            value.requires_grad_(name in self._parameters)
        self._averaged = {name: value.detach().clone() for name, value in network.state_dict().items()}
        # one tensor per parameter and moment, so that a checkpoint is plain names and tensors
        self._optimizer = torch.optim.Adam(self._parameters.values(), lr=options.learning_rate)
        self._distances: list[float] = []  # of content and style, and the energy of photos, smoothed
        self._bad_steps = 0

    def run(self, on_step: Callable[[TrainProgress], bool]) -> None:
        """Train until the end, or until `on_step` returns False, in any of the processes.

        Raises:
            OptimizationError: The loss stays NaN or infinite.
        """
        # gone before its process group is: else its threads and this one may wait for each other at their end
        outcome_of = self.group.reducing(_Step(self.network, self._lesson))
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(self._lesson.batch, self.step, self.fraction)
            while self.fraction < 1:
                begun = time.perf_counter()
                batch = coming.result()
                coming = reader.submit(self._lesson.batch, self.step + 1, self._fraction_at(self.step + 1))
                rate = self._learning_rate()
                self._make_step(outcome_of, batch, rate)
                self.step += 1
                self.seconds = self.group.largest(self.seconds + time.perf_counter() - begun)
                if self.group.largest(not on_step(self._progress(rate))):
                    return
        if not self._distances:
            raise OptimizationError(
                f"the loss was not finite in any of the {self.step} steps; nothing was learnt; train again with a "
                f"smaller `learning_rate` or `precision='float32'`"
            )

    @property
    def fraction(self) -> float:
        """Progress of the training, 0-1."""
        return self._fraction_at(self.step)

    def _fraction_at(self, step: int) -> float:
        steps, minutes = self.options.steps, self.options.minutes
        return step / steps if steps is not None else min(1.0, self.seconds / (60 * (minutes or 1)))

    def checkpoint(self, arch: str, styles: Sequence[str]) -> Checkpoint:
        """Everything needed to resume."""
        moments: dict[str, torch.Tensor] = {}
        for name, value in self._parameters.items():
            state = self._optimizer.state.get(value, {})
            if state:
                moments |= {f"first.{name}": state["exp_avg"], f"second.{name}": state["exp_avg_sq"]}
        return Checkpoint(
            arch=arch,
            styles=list(styles),
            network={name: value.cpu() for name, value in self.network.state_dict().items()},
            averaged={name: value.cpu() for name, value in self._averaged.items()},
            optimizer={name: value.cpu() for name, value in moments.items()},
            step=self.step,
            seconds=self.seconds,
            style_weight=self.style_weight,
            distances=list(self._distances),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Resume from a checkpoint of the same network.

        Raises:
            ModelChecksumError: It is one of another.
        """
        own = self.network.state_dict()
        check_fits(checkpoint.network, own, "the checkpoint's network")
        check_fits(checkpoint.averaged, own, "the checkpoint's averaged network")
        kept = {name.partition(".")[2] for name in checkpoint.optimizer}
        own_moments = {name: value for name, value in self._parameters.items() if name in kept}
        moments = {f"{each}.{name}": value for each in ("first", "second") for name, value in own_moments.items()}
        check_fits(checkpoint.optimizer, moments, "the checkpoint's optimizer")
        self.network.load_state_dict(checkpoint.network)
        self._averaged = {name: value.to(self.group.device) for name, value in checkpoint.averaged.items()}
        for name, value in self._parameters.items():
            if f"first.{name}" in checkpoint.optimizer:
                self._optimizer.state[value] = {
                    "step": torch.tensor(float(checkpoint.step)),
                    "exp_avg": checkpoint.optimizer[f"first.{name}"].to(self.group.device),
                    "exp_avg_sq": checkpoint.optimizer[f"second.{name}"].to(self.group.device),
                }
        self.step, self.seconds = checkpoint.step, checkpoint.seconds
        self.style_weight, self._distances = checkpoint.style_weight, list(checkpoint.distances)

    @contextlib.contextmanager
    def averaged_network(self) -> Iterator[None]:
        """Context in which the network has its averaged weights."""
        training = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self._averaged)
        try:
            yield
        finally:
            self.network.load_state_dict(training)

    def _make_step(self, outcome_of: nn.Module, batch: Batch, rate: float) -> None:
        usual = self._distances[2] if self._distances else None
        outcome: Outcome = outcome_of(batch, self.step, self.style_weight, usual)
        self._optimizer.zero_grad(set_to_none=True)
        outcome.total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self._parameters.values(), _CLIP_NORM)
        if not (bool(torch.isfinite(norm)) and math.isfinite(outcome.loss)):
            self._skip()
            return
        self._bad_steps = 0
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        self._average()
        self._follow([outcome.content, outcome.style, outcome.energy])

    def _skip(self) -> None:
        self.skipped += 1
        self._bad_steps += 1
        if self._bad_steps >= _MAX_BAD_STEPS:
            raise OptimizationError(
                f"the loss was not finite for {_MAX_BAD_STEPS} steps in a row, from step {self.step - _MAX_BAD_STEPS}; "
                "go on from the last checkpoint with a smaller `learning_rate` or `precision='float32'`"
            )

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(_AVERAGING, _growing(self.step))
        for name, value in self._parameters.items():
            self._averaged[name].lerp_(value, 1 - decay)

    def _follow(self, measured: list[float]) -> None:
        """Smooth the distances; adjust the style weight towards the requested content distance."""
        before = self._distances or measured
        # less in the first steps: they are far above what follows, and a short training would end with them in its mean
        kept = min(_SMOOTHING, _growing(self.step - self.skipped))
        self._distances = [new + kept * (old - new) for old, new in zip(before, measured, strict=True)]
        target = self.options.content_distance
        if target is not None and self.fraction > _WARMUP:
            change = _STEERING * max(-1.0, min(1.0, target - self._distances[0]))
            lowest, highest = _STYLE_WEIGHT_RANGE
            self.style_weight = min(highest, max(lowest, self.style_weight * math.exp(change)))

    def _learning_rate(self) -> float:
        """One cycle: linear warm-up, cosine decay."""
        done, peak = self.fraction, self.options.learning_rate
        if done < _WARMUP:
            return peak * max(0.02, done / _WARMUP)
        down = 0.5 * (1 + math.cos(math.pi * (done - _WARMUP) / (1 - _WARMUP)))
        return peak * (_LAST_RATE + (1 - _LAST_RATE) * down)

    def _progress(self, rate: float) -> TrainProgress:
        content, style, _ = self._distances or (math.nan, math.nan, math.nan)
        return TrainProgress(
            step=self.step,
            fraction=self.fraction,
            seconds=self.seconds,
            content=content,
            style=style,
            style_weight=self.style_weight,
            learning_rate=rate,
            skipped=self.skipped,
        )


def _growing(steps: int) -> float:
    """Share of a running mean that stays after so many steps: the mean is over about the last tenth of them."""
    return (1 + steps) / (10 + steps)
