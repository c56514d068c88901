"""The loop with objectives that go wrong in known ways, and one that does not."""

import itertools
import math
import time
from collections.abc import Callable

import pytest
import torch

from nst_engine.errors import OptimizationError
from nst_engine.optimization.loop import FLAT_WINDOW, LoopResult, optimize_scales
from nst_engine.optimization.objective import Objective
from nst_engine.optimization.optimizers import Bounds, Evaluation
from nst_engine.optimization.options import OptimizeOptions
from nst_engine.optimization.progress import LossTerms, Progress
from nst_engine.optimization.pyramid import Scale

FULL = Scale(12, 17, 1.0, 30)


class Valley(Objective):
    """|image - goal|^2 / pixels, spoilt by `spoil(count of evaluations, loss)`."""

    def __init__(self, scale: Scale, spoil: Callable[[int, float], float] = lambda _, loss: loss) -> None:
        size = (1, 3, scale.height, scale.width)
        self.bounds = Bounds(torch.zeros(size), torch.ones(size))
        self.goal = torch.rand(size, generator=torch.Generator().manual_seed(3))
        self._spoil, self._count = spoil, itertools.count(1)

    def evaluate(self, image: torch.Tensor) -> Evaluation:
        loss = self._spoil(next(self._count), float((image - self.goal).square().mean()))
        gradient = 2 * (image - self.goal) / image.numel() * (1.0 if math.isfinite(loss) else loss)
        return Evaluation(image, gradient, LossTerms(loss, loss, 0.0, 0.0, {}))


def run(
    objective: Callable[[Scale], Valley],
    scales: tuple[Scale, ...] = (FULL,),
    on_progress: Callable[[Progress], bool | None] | None = None,
    options: OptimizeOptions | None = None,
) -> LoopResult:
    return optimize_scales(
        scales,
        objective,
        lambda scale, _: torch.full((1, 3, scale.height, scale.width), 0.5),
        options or OptimizeOptions(),
        on_progress=on_progress,
    )


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_goal_is_reached_and_every_iteration_told(optimizer: str) -> None:
    reports: list[Progress] = []
    scales = (Scale(6, 9, 0.5, 7), Scale(12, 17, 1.0, 40))
    options = OptimizeOptions(optimizer=optimizer)  # type: ignore[arg-type]
    result = run(Valley, scales, reports.append, options)
    assert result.best.losses.total < 1e-3
    assert [progress.iteration for progress in reports] == list(range(1, result.iterations + 1))
    assert {(progress.scale, progress.height, progress.width) for progress in reports} == {(1, 6, 9), (2, 12, 17)}
    assert all(progress.num_iterations == 47 for progress in reports)
    assert reports[-1].picture().shape == (12, 17, 3)
    assert all(later.seconds >= earlier.seconds for earlier, later in itertools.pairwise(reports))
    assert not result.notes


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_nan_in_the_middle_is_noticed_said_and_mended(optimizer: str) -> None:
    reports: list[Progress] = []
    options = OptimizeOptions(optimizer=optimizer)  # type: ignore[arg-type]
    result = run(
        lambda scale: Valley(scale, lambda count, loss: float("nan") if count in (2, 3, 5) else loss),
        on_progress=reports.append,
        options=options,
    )
    assert result.best.tensor.isfinite().all()
    assert result.best.losses.total < 0.8 * Valley(FULL).evaluate(torch.full((1, 3, 12, 17), 0.5)).losses.total
    assert sum("not a number" in note for note in result.notes) == 3
    assert all(math.isfinite(progress.losses.total) for progress in reports)
    assert [progress.iteration for progress in reports if progress.note] == [1, 2, 4]


def test_nan_for_ever_ends_with_the_best_picture() -> None:
    result = run(lambda scale: Valley(scale, lambda count, loss: loss if count <= 3 else float("nan")))
    assert result.best.is_finite()
    assert any("on with Adam" in note for note in result.notes)
    assert result.iterations < FULL.iterations


def test_nan_from_the_start_is_an_error_that_names_the_causes() -> None:
    with pytest.raises(OptimizationError, match=r"not a number.*weights"):
        run(lambda scale: Valley(scale, lambda *_: float("nan")))


def test_a_stalled_lbfgs_is_replaced_by_adam_and_flatness_under_adam_ends_the_run() -> None:
    scale = Scale(12, 17, 1.0, 5 * FLAT_WINDOW)
    result = run(lambda scale: Valley(scale, lambda *_: 1.0), (scale,))
    assert any("L-BFGS stands still: on with Adam" in note for note in result.notes)
    assert result.iterations < scale.iterations


def test_after_a_flat_coarse_scale_lbfgs_goes_on_at_the_next() -> None:
    scales = (Scale(6, 9, 0.5, 3 * FLAT_WINDOW), Scale(12, 17, 1.0, 30))
    result = run(lambda scale: Valley(scale, lambda _, loss: 1.0 if scale.ratio < 1 else loss), scales)
    assert not result.notes
    assert result.iterations < 2 * FLAT_WINDOW
    assert result.best.losses.total < 1e-3


def test_nan_at_a_later_scale_keeps_the_scale_before() -> None:
    scales = (Scale(6, 9, 0.5, 10), FULL)
    result = run(lambda scale: Valley(scale, lambda _, loss: loss if scale.ratio < 1 else float("nan")), scales)
    assert result.best.tensor.shape[-2:] == (6, 9)
    assert any("17x12 px is not a number" in note for note in result.notes)


def test_the_eta_is_of_the_pixels_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(looks)))  # each look at the clock takes a second
    reports: list[Progress] = []
    run(Valley, (Scale(6, 9, 0.5, 10), Scale(12, 17, 1.0, 10)), reports.append)
    assert all(progress.eta_seconds >= 0 for progress in reports)
    assert reports[-1].eta_seconds == 0 or reports[-1].iteration < 20
    assert reports[0].eta_seconds == pytest.approx((9 * 6 * 9 + 10 * 12 * 17) / (6 * 9))
    assert reports[0].eta_seconds > reports[-1].eta_seconds


def test_a_loss_that_only_rises_keeps_the_first_picture() -> None:
    result = run(lambda scale: Valley(scale, lambda count, _: float(count)))
    assert torch.equal(result.best.tensor, torch.full((1, 3, 12, 17), 0.5))
    assert any("finds no step" in note for note in result.notes)


def test_false_from_the_callback_stops_with_the_best_so_far() -> None:
    result = run(Valley, on_progress=lambda progress: progress.iteration < 2)
    assert result.was_stopped
    assert result.iterations == 2
    assert result.best.losses.total < Valley(FULL).evaluate(torch.full((1, 3, 12, 17), 0.5)).losses.total


def test_at_the_minimum_nothing_more_is_done() -> None:
    class Done(Valley):
        def evaluate(self, image: torch.Tensor) -> Evaluation:
            return Evaluation(image, torch.zeros_like(image), LossTerms(0.0, 0.0, 0.0, 0.0, {}))

    assert run(Done).iterations == 1
