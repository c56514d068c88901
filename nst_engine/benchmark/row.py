"""A row of a benchmark: what was measured, every time, and whether the result was correct."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nst_engine.benchmark.statistics import Summary, drift, outliers, summary

#: The stage by whose times rows are compared.
TOTAL = "total"
#: Share by which the last third of the times must differ from the first to be reported.
NOTABLE_DRIFT = 0.05
_MOST_TIMES = 1_000_000

Case = Mapping[str, str | int]


@dataclass(frozen=True, eq=False)
class Row:
    """What one process measured.

    Attributes:
        case: What tells the row from others: `backend` or `precision`, `size` (`512x512`), ...
        times_ms: Every single time, by stage; `total` holds all of a run. Empty where nothing could be measured.
        figures: Other numbers; units stand in their names, None is what this machine does not tell.
        is_wrong: Whether the output is too far from the reference for its speed to count.
        reason: Why there are no times; empty where there are.
        remarks: Of the measurement, for display.
    """

    case: Case
    times_ms: Mapping[str, Sequence[float]] = field(default_factory=dict)
    figures: Mapping[str, float | None] = field(default_factory=dict)
    is_wrong: bool = False
    reason: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The case for display, such as `openvino 512×512`."""
        named = [size_label(str(value)) for name, value in self.case.items() if name != "batch"]
        return " ".join(named)

    @property
    def is_measured(self) -> bool:
        """Whether there are times."""
        return bool(self.total_ms)

    @property
    def total_ms(self) -> Sequence[float]:
        """All times of the whole run."""
        return self.times_ms.get(TOTAL, ())

    @cached_property
    def summary(self) -> Summary:
        """Summary of the run's times; only for measured rows."""
        return summary(self.total_ms)

    def median_ms(self, stage: str) -> float | None:
        """Median time of one stage; None where it has no times."""
        return float(np.median(self.times_ms[stage])) if self.times_ms.get(stage) else None

    @property
    def notes(self) -> list[str]:
        """Reasons to doubt the times, and the remarks of the measurement."""
        if not self.is_measured:
            return []
        notes = list(self.remarks)
        if far := outliers(self.total_ms):
            notes.append(
                f"outliers: {len(far)} of {len(self.total_ms)} times, up to {max(far):.3g} ms; something else may have "
                "been running"
            )
        change = drift(self.total_ms)
        if abs(change) >= NOTABLE_DRIFT:
            went = "slower: throttling, or other programs" if change > 0 else "faster: not warm, or other programs"
            notes.append(f"the last third of the times is {abs(change):.0%} {went}")
        return notes

    def to_json(self) -> dict[str, Any]:
        """All fields, with derived figures."""
        values = {name: value for name, value in asdict(self).items() if name != "times_ms"}
        derived = {"summary_ms": asdict(self.summary), "drift": drift(self.total_ms)} if self.is_measured else {}
        times = {stage: [round(float(each), 5) for each in values] for stage, values in self.times_ms.items()}
        return {**values, "notes": self.notes, **derived, "times_ms": times}


def row_from_json(stored: Any) -> Row:
    """A row as `Row.to_json` wrote it.

    Raises:
        ValueError: It is something else; or `TypeError`.
    """
    if not (isinstance(stored, dict) and isinstance(stored.get("case"), dict) and stored["case"]):
        raise ValueError("a row has no case")
    times, figures = dict(stored.get("times_ms", {})), dict(stored.get("figures", {}))
    if times and not times.get(TOTAL):
        raise ValueError(f"a row has no times of {TOTAL!r}")
    for values in times.values():
        if isinstance(values, list) and len(values) > _MOST_TIMES:
            raise ValueError(f"a row has more than {_MOST_TIMES:,} times")
        if not (isinstance(values, list) and all(_is_positive(each) for each in values)):
            raise ValueError("a row has times that are no numbers above 0")
    return Row(
        case={str(name): value if isinstance(value, int) else str(value) for name, value in stored["case"].items()},
        times_ms=times,
        figures=figures,
        is_wrong=bool(stored.get("is_wrong")),
        reason=str(stored.get("reason", "")),
        remarks=tuple(map(str, stored.get("remarks", ()))),
    )


def places(rows: Sequence[Row]) -> dict[Row, float]:
    """How many times the fastest one's median each takes, among those of one size and batch.

    Rows without times, rows whose results are wrong, and rows of no backend have no place.
    """
    groups: dict[tuple[tuple[str, str | int], ...], list[Row]] = {}
    for row in rows:
        if row.is_measured and not row.is_wrong and "backend" in row.case:
            # where the engine chose its precision, it is compared with the one requested from the others
            rest = tuple(item for item in row.case.items() if item[0] not in ("backend", "precision"))
            groups.setdefault(rest, []).append(row)
    best = {rest: min(row.summary.p50 for row in group) for rest, group in groups.items()}
    return {row: row.summary.p50 / best[rest] for rest, group in groups.items() for row in group}


def size_label(text: str) -> str:
    """`512x512` as `512×512`; anything else as it is."""
    width, cross, height = text.partition("x")
    return f"{width}×{height}" if cross and width.isdigit() and height.isdigit() else text


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
