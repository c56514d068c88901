"""Statistics of repeated timings: summary, outliers, drift, and the ratio of two runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Distance from the median, in median absolute deviations, beyond which a time is an outlier: ten standard deviations
#: of normally distributed times. It is hyperfine's; times lean to the right, and a nearer one would call out each run.
OUTLIER_DEVIATIONS = 14.826
#: Fewer times than this are not cut into thirds.
FEWEST_FOR_DRIFT = 9

_TAILS = (0.025, 0.975)
_RESAMPLES_AT_ONCE = 250
_DRAWS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Summary:
    """Summary of times in ms.

    Attributes:
        count: How many.
        mean: Arithmetic.
        deviation: Standard deviation of the sample (n - 1); 0 for one time.
        least: The shortest.
        p50: The median; percentiles lie between neighbours linearly.
        p90: Nine of ten are shorter.
        p99: 99 of 100 are shorter.
    """

    count: int
    mean: float
    deviation: float
    least: float
    p50: float
    p90: float
    p99: float


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval."""

    value: float
    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        """Whether the interval holds the value, ends included."""
        return self.low <= value <= self.high


def summary(times: Sequence[float]) -> Summary:
    """Summary of at least one time."""
    values = np.asarray(times, np.float64)
    p50, p90, p99 = (float(each) for each in np.percentile(values, (50, 90, 99)))
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return Summary(len(values), float(values.mean()), deviation, float(values.min()), p50, p90, p99)


def outliers(times: Sequence[float]) -> list[float]:
    """The times further from the median than `OUTLIER_DEVIATIONS` median absolute deviations, in order.

    Where more than half of the times are equal, every other one is an outlier.
    """
    values = np.asarray(times, np.float64)
    distances = np.abs(values - np.median(values))
    return [float(each) for each in values[distances > OUTLIER_DEVIATIONS * np.median(distances)]]


def drift(times: Sequence[float]) -> float:
    """Relative increase of the median from the first third of the times to the last.

    0 for fewer than `FEWEST_FOR_DRIFT` times.
    """
    if len(times) < FEWEST_FOR_DRIFT:
        return 0.0
    third = len(times) // 3
    return float(np.median(times[-third:]) / np.median(times[:third]) - 1)


def ratio_of_medians(
    times: Sequence[float],
    reference: Sequence[float],
    *,
    resamples: int = 5000,
) -> Interval:
    """Median of `times` over that of `reference`, with its percentile bootstrap interval of 95 %.

    Both are resampled with replacement, independently of each other (Efron and Tibshirani 1993, chapter 13). Times
    are autocorrelated on a machine that drifts; the interval ignores that, and is then too narrow.

    Args:
        times: At least one, above 0.
        reference: The same.
        resamples: Number of bootstrap samples, which are the same for the same times.
    """
    rng = np.random.default_rng(0)
    ratios = _resampled_medians(times, resamples, rng) / _resampled_medians(reference, resamples, rng)
    low, high = np.quantile(ratios, _TAILS)
    return Interval(float(np.median(times) / np.median(reference)), float(low), float(high))


def _resampled_medians(times: Sequence[float], resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    values = np.asarray(times, np.float64)
    # in blocks: thousands of times, drawn thousands of times, would not fit into memory at once
    at_once = min(_RESAMPLES_AT_ONCE, max(1, _DRAWS_AT_ONCE // len(values)))
    blocks = [
        np.median(rng.choice(values, (min(at_once, resamples - begun), len(values))), axis=1)
        for begun in range(0, resamples, at_once)
    ]
    return np.concatenate(blocks)
