"""The optimisers on problems whose answer is known."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy.optimize  # type: ignore[import-untyped]
import torch

from nst_engine.optimization.optimizers import Bounds, Evaluation, Optimizer, ProjectedAdam, ProjectedLBFGS
from nst_engine.optimization.progress import LossTerms

SIZE = (1, 3, 5, 7)
Function = Callable[[torch.Tensor], torch.Tensor]


def quadratic(seed: int = 0) -> Function:
    """An ill-conditioned, coupled quadratic whose free minimum lies partly outside [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    count = int(np.prod(SIZE))
    mixing = torch.randn(count, count, generator=generator)
    spectrum = torch.logspace(-2, 1, count)
    basis, _ = torch.linalg.qr(mixing)
    matrix = (basis * spectrum) @ basis.T
    centre = torch.rand(count, generator=generator) * 1.6 - 0.3
    return lambda image: 0.5 * (image.flatten() - centre) @ matrix @ (image.flatten() - centre)


def evaluate(function: Function, image: torch.Tensor) -> Evaluation:
    leaf = image.detach().clone().requires_grad_()
    loss = function(leaf)
    (gradient,) = torch.autograd.grad(loss, leaf)
    return Evaluation(leaf.detach(), gradient, LossTerms(float(loss.detach()), float(loss.detach()), 0.0, 0.0, {}))


def unit_bounds(size: tuple[int, ...] = SIZE) -> Bounds:
    return Bounds(torch.zeros(size), torch.ones(size))


def minimise(optimizer: Optimizer, function: Function, start: torch.Tensor, steps: int) -> Evaluation:
    current = best = evaluate(function, start)
    for _ in range(steps):
        trial = evaluate(function, optimizer.propose(current))
        if optimizer.accept(current, trial):
            current = trial
            best = min(best, trial, key=lambda evaluation: evaluation.losses.total)
    return best


def reference(function: Function, start: torch.Tensor) -> float:
    """SciPy's L-BFGS-B in float64."""

    def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        result = evaluate(function, torch.from_numpy(flat).float().reshape(SIZE))
        return result.losses.total, result.gradient.double().flatten().numpy()

    solved = scipy.optimize.minimize(
        value_and_gradient,
        start.double().flatten().numpy(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * start.numel(),
        options={"maxiter": 2000, "ftol": 1e-12, "gtol": 1e-9},
    )
    return float(solved.fun)


@pytest.mark.parametrize("seed", range(4))
def test_lbfgs_finds_the_bounded_minimum_that_scipy_finds(seed: int) -> None:
    function, start = quadratic(seed), torch.full(SIZE, 0.5)
    result = minimise(ProjectedLBFGS(unit_bounds()), function, start, 150)
    best = reference(function, start)
    began = float(function(start))
    assert result.losses.total - best <= 1e-3 * (began - best)
    assert result.tensor.min() >= 0
    assert result.tensor.max() <= 1
    # the minimum does lie on the bounds, or this would not test them
    assert ((result.tensor == 0) | (result.tensor == 1)).sum() > 10


def test_adam_comes_close_too() -> None:
    function, start = quadratic(), torch.full(SIZE, 0.5)
    result = minimise(ProjectedAdam(unit_bounds()), function, start, 400)
    best = reference(function, start)
    assert result.losses.total - best <= 0.02 * (float(function(start)) - best)
    assert result.tensor.min() >= 0
    assert result.tensor.max() <= 1


@pytest.mark.parametrize("kind", [ProjectedLBFGS, ProjectedAdam])
def test_pixels_whose_bounds_touch_never_move(kind: type[ProjectedLBFGS] | type[ProjectedAdam]) -> None:
    fixed = torch.zeros(SIZE, dtype=torch.bool)
    fixed[..., :3] = True
    content = torch.rand(SIZE, generator=torch.Generator().manual_seed(5))
    bounds = Bounds(torch.where(fixed, content, 0.0), torch.where(fixed, content, 1.0))
    result = minimise(kind(bounds), quadratic(), bounds.clip(torch.full(SIZE, 0.5)), 50)
    assert torch.equal(result.tensor[fixed], content[fixed])
    assert not torch.equal(result.tensor[~fixed], content[~fixed])


def test_lbfgs_halves_the_step_when_the_loss_rises_and_reports_when_nothing_helps() -> None:
    optimizer = ProjectedLBFGS(unit_bounds())
    current = evaluate(lambda image: image.sum(), torch.full(SIZE, 0.5))
    lengths = []
    for _ in range(optimizer.MAX_HALVINGS + 1):
        assert not optimizer.is_stuck
        image = optimizer.propose(current)
        lengths.append(float((image - current.tensor).abs().sum()))
        worse = LossTerms(1e9, 1e9, 0.0, 0.0, {})
        assert not optimizer.accept(current, Evaluation(image, current.gradient, worse))
    assert optimizer.is_stuck
    assert lengths == pytest.approx([lengths[0] / 2**k for k in range(len(lengths))], rel=1e-3)


def test_a_loss_that_is_no_number_is_never_accepted() -> None:
    current = evaluate(lambda image: image.square().sum(), torch.full(SIZE, 0.5))
    broken = Evaluation(current.tensor, current.gradient * float("nan"), current.losses)
    for optimizer in (ProjectedLBFGS(unit_bounds()), ProjectedAdam(unit_bounds())):
        optimizer.propose(current)
        assert not optimizer.accept(current, broken)
        assert optimizer.propose(current).isfinite().all()


@pytest.mark.parametrize("kind", [ProjectedLBFGS, ProjectedAdam])
def test_the_state_is_carried_to_another_size(kind: type[ProjectedLBFGS] | type[ProjectedAdam]) -> None:
    """On a loss that is a mean over pixels, the carried curvature makes the first step right at the next size."""

    def mean_square(image: torch.Tensor) -> torch.Tensor:
        return (image - 0.8).square().mean()

    small, large = (1, 3, 8, 8), (1, 3, 11, 13)
    carried, fresh = kind(unit_bounds(small)), kind(unit_bounds(large))
    minimise(carried, mean_square, torch.full(small, 0.2), 3)
    carried.rescale(unit_bounds(large))
    current = evaluate(mean_square, torch.full(large, 0.2))
    left = [float(mean_square(optimizer.propose(current))) / current.losses.total for optimizer in (carried, fresh)]
    if kind is ProjectedLBFGS:
        assert left[0] < 1e-3 < left[1]
    else:
        assert left[0] < 1
