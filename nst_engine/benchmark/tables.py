"""Tables of rows for the terminal and Markdown: columns and number formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nst_engine.benchmark.row import Row, places, size_label

NONE = "–"
WRONG = "WRONG"


@dataclass(frozen=True)
class Shown:
    """A row with its rank.

    Attributes:
        row: What was measured.
        times_fastest: Median relative to the fastest one's; None: not ranked.
    """

    row: Row
    times_fastest: float | None


Cell = Callable[[Shown], str]


@dataclass(frozen=True)
class Table:
    """Columns of one kind of rows."""

    title: str
    columns: Mapping[str, Cell]

    def lines(self, rows: Sequence[Row]) -> list[list[str]]:
        """The cells of each row."""
        relative = places(rows)
        return [[cell(Shown(row, relative.get(row))) for cell in self.columns.values()] for row in rows]


def tables_of(kind: str) -> Sequence[Table]:
    """The tables of `stylize`, `optimize` or `kernels`; the first holds what matters most."""
    return _TABLES[kind]


def milliseconds(value: float | None) -> str:
    """About three digits; `–` for None."""
    if value is None:
        return NONE
    decimals = next((digits for digits, least in enumerate((99.95, 9.995, 0.9995, 0.09995)) if abs(value) >= least), 4)
    return f"{value:.{decimals}f}"


def _case(name: str) -> Cell:
    return lambda shown: size_label(str(shown.row.case[name]))


def _time(name: str) -> Cell:
    return lambda shown: milliseconds(getattr(shown.row.summary, name)) if shown.row.is_measured else NONE


def _stage(name: str) -> Cell:
    return lambda shown: milliseconds(shown.row.median_ms(name))


def _figure(name: str, form: Callable[[float], str] = milliseconds) -> Cell:
    def cell(shown: Shown) -> str:
        value = shown.row.figures.get(name)
        return NONE if value is None else form(value)

    return cell


def _count(shown: Shown) -> str:
    return str(shown.row.summary.count) if shown.row.is_measured else NONE


def _spread(shown: Shown) -> str:
    if not shown.row.is_measured:
        return NONE
    return f"{milliseconds(shown.row.summary.mean)} ± {milliseconds(shown.row.summary.deviation)}"


def _throughput(shown: Shown) -> str:
    if not shown.row.is_measured:
        return NONE
    return milliseconds(1e3 * int(shown.row.case.get("batch", 1)) / shown.row.summary.p50)


def _place(shown: Shown) -> str:
    if shown.row.is_wrong:
        return WRONG
    if not shown.row.is_measured:
        return "failed"
    return NONE if shown.times_fastest is None else f"{shown.times_fastest:.2f}×"


def _decibels(value: float) -> str:
    return f"{value:.1f}"


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _short(value: float) -> str:
    return f"{value:.4g}"


_PERCENTILES: Mapping[str, Cell] = {"p50": _time("p50"), "p90": _time("p90"), "p99": _time("p99"), "n": _count}
_SPREAD: Mapping[str, Cell] = {"mean ± σ": _spread, "min": _time("least")}
_MEMORY: Mapping[str, Cell] = {"RSS MiB": _figure("peak_rss_mib", _whole), "GPU MiB": _figure("gpu_memory_mib", _whole)}
_OF_BACKEND: Mapping[str, Cell] = {"backend": _case("backend"), "size": _case("size")}
_OF_KERNEL: Mapping[str, Cell] = {"kernel": _case("kernel"), **_OF_BACKEND}
_OF_PRECISION: Mapping[str, Cell] = {"precision": _case("precision"), "size": _case("size")}

_TABLES: Mapping[str, Sequence[Table]] = {
    "stylize": (
        Table(
            "latency of a run, ms",
            {
                **_OF_BACKEND,
                **_PERCENTILES,
                "pictures/s": _throughput,
                "PSNR dB": _figure("psnr_db", _decibels),
                "vs fastest": _place,
            },
        ),
        Table(
            "where the time goes, ms (medians)",
            {
                **_OF_BACKEND,
                **_SPREAD,
                "decode": _stage("decode"),
                "pre": _stage("preprocess"),
                "inference": _stage("inference"),
                "post": _stage("postprocess"),
                "encode": _stage("encode"),
            },
        ),
        Table(
            "cold start, ms, and memory",
            {
                **_OF_BACKEND,
                "import": _figure("import_ms"),
                "load": _figure("load_ms"),
                "first run": _figure("first_run_ms"),
                "new size": _figure("new_size_ms"),
                **_MEMORY,
            },
        ),
    ),
    "kernels": (
        Table(
            "latency of a call, ms",
            {**_OF_KERNEL, **_PERCENTILES, "max diff": _figure("max_difference", _short), "vs fastest": _place},
        ),
        Table("spread, ms", {**_OF_KERNEL, **_SPREAD}),
    ),
    "optimize": (
        Table(
            "time of an iteration, ms, and the loss at the end",
            {
                **_OF_PRECISION,
                **_PERCENTILES,
                "loss": _figure("loss", _short),
                "content": _figure("content_loss", _short),
                "style": _figure("style_loss", _short),
            },
        ),
        Table(
            "the whole, ms, and memory",
            {
                **_OF_PRECISION,
                **_SPREAD,
                "import": _figure("import_ms"),
                "first": _figure("first_iteration_ms"),
                "total": _figure("total_ms"),
                "iterations": _figure("iterations", _whole),
                **_MEMORY,
            },
        ),
    ),
}
