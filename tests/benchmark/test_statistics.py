"""Statistics of times, checked against closed forms and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats  # type: ignore[import-untyped]

from nst_engine.benchmark import statistics
from nst_engine.benchmark.row import Row
from nst_engine.benchmark.statistics import Interval, drift, outliers, ratio_of_medians, summary


def skewed(count: int, seed: int, scale: float = 1.0) -> list[float]:
    """Times as they are met: a floor, and a tail to the right."""
    rng = np.random.default_rng(seed)
    return [float(each) for each in scale * (10 + rng.gamma(2.0, 0.5, count))]


def test_a_summary_of_known_times() -> None:
    result = summary([4.0, 1.0, 3.0, 2.0, 5.0])
    assert (result.count, result.mean, result.least, result.p50) == (5, 3.0, 1.0, 3.0)
    assert result.deviation == pytest.approx(np.sqrt(2.5))
    assert result.p90 == pytest.approx(4.6)
    assert result.p99 == pytest.approx(4.96)


def test_one_time_has_no_spread() -> None:
    result = summary([7.5])
    assert (result.count, result.mean, result.deviation, result.p50, result.p99) == (1, 7.5, 0.0, 7.5, 7.5)


def test_outliers_are_ten_robust_deviations_away() -> None:
    # median 3, median absolute deviation 1: beyond 3 ± 14.826
    assert outliers([1, 2, 3, 4, 17.8]) == []
    assert outliers([1, 2, 3, 4, 17.9]) == [17.9]
    assert outliers([-11.9, 2, 3, 4, 5]) == [-11.9]
    assert outliers([5, 5, 5, 5, 5.01]) == [5.01]
    assert outliers([5, 5, 5]) == []


def test_outliers_agree_with_scipy() -> None:
    times = [*skewed(200, seed=1), 40.0, 90.0]
    deviation = scipy.stats.median_abs_deviation(times)
    expected = [each for each in times if abs(each - np.median(times)) / deviation > 14.826]
    assert outliers(times) == expected
    assert {40.0, 90.0} <= set(expected)


def test_drift_is_the_last_third_over_the_first() -> None:
    assert drift([2.0] * 4 + [7.0] * 3 + [3.0] * 4) == pytest.approx(0.5)  # thirds of three: the rest is in the middle
    assert drift([3.0] * 30) == 0.0
    assert drift([1, 1, 1, 1, 9, 9, 9, 9]) == 0.0  # too few to tell


def test_the_ratio_is_that_of_the_medians_and_its_interval_that_of_scipy() -> None:
    times, reference = skewed(60, seed=2, scale=1.2), skewed(45, seed=3)
    actual = ratio_of_medians(times, reference)
    assert actual.value == pytest.approx(np.median(times) / np.median(reference))

    def ratio(a: object, b: object, axis: int) -> object:
        return np.median(a, axis=axis) / np.median(b, axis=axis)  # type: ignore[call-overload]

    expected = scipy.stats.bootstrap(
        (times, reference), ratio, paired=False, n_resamples=5000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert actual.low == pytest.approx(expected.low, abs=2e-3)
    assert actual.high == pytest.approx(expected.high, abs=2e-3)
    assert actual.low < 1.2 < actual.high
    assert ratio_of_medians(times, reference) == actual


def test_the_interval_of_equal_programs_holds_one_as_often_as_promised() -> None:
    covered = sum(
        1 in ratio_of_medians(skewed(40, seed=2 * number), skewed(40, seed=2 * number + 1), resamples=400)
        for number in range(100)
    )
    assert covered >= 88


def test_an_interval_holds_its_ends() -> None:
    assert 1 in Interval(1.1, 1.0, 1.2)
    assert 1.3 not in Interval(1.1, 1.0, 1.2)


def test_a_row_says_what_makes_its_times_doubtful() -> None:
    steady = [10.0 + 0.01 * (number % 5) for number in range(30)]
    assert Row({"backend": "numpy"}, {"total": steady}).notes == []
    (note,) = Row({"backend": "numpy"}, {"total": [*steady[:20], 99.0, *steady[20:]]}).notes
    assert note.startswith("outliers: 1 of 31 times, up to 99 ms")
    slowing = [10.0 + 0.1 * number for number in range(30)]
    (note,) = Row({"backend": "numpy"}, {"total": slowing}).notes
    assert note == "the last third of the times is 19% slower: throttling, or other programs"
    assert Row({"backend": "numpy"}, reason="no such thing").notes == []


def test_an_interval_is_the_same_however_many_draws_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    times, reference = skewed(40, 1), skewed(30, 2)
    usual = ratio_of_medians(times, reference, resamples=400)
    monkeypatch.setattr(statistics, "_DRAWS_AT_ONCE", 1)
    assert ratio_of_medians(times, reference, resamples=400) == usual
