"""The result of `nst bench` as a whole: written as JSON, read again to compare."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nst_engine.benchmark.machine import fingerprint
from nst_engine.benchmark.row import Row, places, row_from_json
from nst_engine.benchmark.suites import Suite
from nst_engine.checks import parsed_json
from nst_engine.errors import OptionError
from nst_engine.reading import text_of

FORMAT = "nst-engine bench 1"
#: Each is resampled to be compared, which takes some milliseconds.
_MOST_ROWS = 2000


@dataclass(frozen=True, eq=False)
class Report:
    """What was measured, when and on what.

    Attributes:
        kind: `stylize`, `optimize` or `kernels`.
        settings: What all rows share.
        machine: See `nst_engine.benchmark.machine.fingerprint`.
        rows: In the order in which they were measured.
        absent: What could not be measured, with the reason.
        date: Of the end, in UTC, ISO 8601.
        load_average: Of the machine before the first row; a free one is near 0.
        was_interrupted: Whether rows are missing.
    """

    kind: str
    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    rows: Sequence[Row]
    absent: Mapping[str, str] = field(default_factory=dict)
    date: str = ""
    load_average: float | None = None
    was_interrupted: bool = False

    def to_json(self) -> str:
        """Everything, every single time included."""
        relative = places(self.rows)
        rows = [{**row.to_json(), "times_fastest": _rounded(relative.get(row))} for row in self.rows]
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "rows"}
        return json.dumps({"format": FORMAT, **values, "rows": rows}, indent=1) + "\n"


def report_of(suite: Suite, rows: Sequence[Row], *, load_before: float | None, was_interrupted: bool) -> Report:
    """The report of what was measured of a suite, as of now."""
    return Report(
        suite.kind,
        suite.settings,
        fingerprint(),
        rows,
        suite.absent,
        datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        load_before,
        was_interrupted,
    )


def read_report(path: Path) -> Report:
    """A report as `Report.to_json` wrote it.

    Raises:
        OptionError: There is no such file, or it is something else.
    """
    try:
        stored = parsed_json(text_of(path))
    except OSError as unreadable:
        raise OptionError(f"{path}: cannot be read ({unreadable.strerror or unreadable})") from unreadable
    except (ValueError, RecursionError) as broken:
        raise OptionError(f"{path}: is no JSON ({broken}); wanted what nst bench -o FILE.json writes") from broken
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise OptionError(f"{path}: is no result of nst bench (its format is not {FORMAT!r}); type: nst bench -o FILE")
    if len(stored["rows"] if isinstance(stored.get("rows"), list) else ()) > _MOST_ROWS:
        raise OptionError(f"{path}: has more than {_MOST_ROWS:,} rows, which no nst bench writes; measure again")
    try:
        rows = [row_from_json(row) for row in stored["rows"]]
        settings, machine = dict(stored["settings"]), dict(stored["machine"])
        return Report(str(stored["kind"]), settings, machine, rows, date=str(stored.get("date", "")))
    except (LookupError, TypeError, ValueError) as damaged:
        raise OptionError(f"{path}: is damaged ({damaged}); measure again") from damaged


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
