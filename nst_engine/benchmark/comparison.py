"""Comparison of two results of `nst bench`: which rows differ by more than the machine's noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nst_engine.benchmark.machine import differences
from nst_engine.benchmark.report import Report
from nst_engine.benchmark.row import Case, Row
from nst_engine.benchmark.statistics import Interval, drift, ratio_of_medians
from nst_engine.errors import OptionError

#: Relative difference of the same program's medians between runs on a quiet machine.
NOISE = 0.02
#: Fewer times than this do not tell their spread.
FEWEST_TIMES = 5

Verdict = Literal["faster", "slower", "no difference", "too few times", "wrong"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """A row that is in both results.

    Attributes:
        before: In the first result.
        after: In the second.
        ratio: Median of the second over that of the first, with its 95 % interval; below 1: less time.
        noise: Ratios within 1 ± this are no difference.
        verdict: Of the second against the first.
    """

    before: Row
    after: Row
    ratio: Interval
    noise: float
    verdict: Verdict


def compared(before: Report, after: Report, *, noise: float = NOISE) -> list[Comparison]:
    """All rows that both have measured, in the order of the first.

    Args:
        before: The first result.
        after: The second.
        noise: Share by which medians may differ by themselves; a row that drifted by more has its drift instead.

    Raises:
        OptionError: They measure different things, or have no row in common.
    """
    if before.kind != after.kind:
        raise OptionError(f"one is of nst bench {before.kind}, the other of nst bench {after.kind}: nothing to compare")
    measured = {_key(row.case): row for row in after.rows if row.is_measured}
    pairs = [(row, measured[_key(row.case)]) for row in before.rows if row.is_measured and _key(row.case) in measured]
    if not pairs:
        raise OptionError("no row is in both; measure the same backends at the same sizes")
    return [_compared(row, other, noise) for row, other in pairs]


def alone(report: Report, other: Report) -> list[Row]:
    """Measured rows that are missing in the other result."""
    there = {_key(row.case) for row in other.rows if row.is_measured}
    return [row for row in report.rows if row.is_measured and _key(row.case) not in there]


def unlike(before: Report, after: Report) -> list[str]:
    """Other possible reasons why times differ: hardware, versions, settings."""
    return [
        *differences(dict(before.machine), dict(after.machine)),
        *differences(dict(before.settings), dict(after.settings), "settings"),
    ]


def _compared(before: Row, after: Row, noise: float) -> Comparison:
    ratio = ratio_of_medians(after.total_ms, before.total_ms)
    band = max(noise, abs(drift(before.total_ms)), abs(drift(after.total_ms)))
    return Comparison(before, after, ratio, band, _verdict(before, after, ratio, band))


def _verdict(before: Row, after: Row, ratio: Interval, band: float) -> Verdict:
    if before.is_wrong or after.is_wrong:
        return "wrong"
    if min(len(before.total_ms), len(after.total_ms)) < FEWEST_TIMES:
        return "too few times"
    if 1 in ratio or abs(ratio.value - 1) <= band:
        return "no difference"
    return "faster" if ratio.value < 1 else "slower"


def _key(case: Case) -> Sequence[tuple[str, str | int]]:
    return tuple(sorted(case.items()))
