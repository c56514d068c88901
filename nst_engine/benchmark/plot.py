"""Plot of latency by backend and size."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nst_engine.benchmark.report import Report
from nst_engine.benchmark.row import Row, size_label
from nst_engine.benchmark.tables import WRONG, milliseconds
from nst_engine.files import write_atomically

SUFFIXES = (".png", ".svg")
_BAR_INCH, _FRAME_INCH = 0.3, 1.3


def write_plot(path: Path, report: Report) -> None:
    """Draw the medians with their 10th and 90th percentiles, a panel per size; format by the suffix."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels: dict[str, list[Row]] = {}
    for row in report.rows:
        if row.is_measured:
            panels.setdefault(_panel(row), []).append(row)
    heights = [max(2, len(rows)) for rows in panels.values()] or [2]
    size = (8, _BAR_INCH * sum(heights) + _FRAME_INCH * len(heights))
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    grid = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (title, rows) in zip(grid, panels.items(), strict=False):
        _draw(axes, title, rows)
    grid[-1].set_xlabel("ms: median, 10th to 90th percentile")
    figure.suptitle(f"nst bench {report.kind}, {report.machine['cpu']}, {report.settings['threads']} threads", size=9)
    buffer = io.BytesIO()
    canvas.print_figure(buffer, format=path.suffix.lstrip(".").lower())
    write_atomically(path, buffer.getvalue())


def _draw(axes: object, title: str, rows: Sequence[Row]) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    low, median, high = np.array([np.percentile(row.total_ms, (10, 50, 90)) for row in rows]).T
    colors = ["0.8" if row.is_wrong else "#3b6ea5" for row in rows]
    places = np.arange(len(rows))[::-1]
    axes.barh(places, median, 0.7, xerr=(median - low, high - median), color=colors, ecolor="0.3", capsize=2)
    for place, row, value, end in zip(places, rows, median, high, strict=True):
        text = f"{milliseconds(float(value))}{' ' + WRONG if row.is_wrong else ''}"
        axes.annotate(text, (end, place), (4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(places, [str(row.case.get("backend", row.case.get("precision"))) for row in rows], fontsize=8)
    axes.set_xlim(0, 1.15 * float(high.max()))
    axes.set_title(title, loc="left", fontsize=9)


def _panel(row: Row) -> str:
    return " ".join(size_label(str(row.case[name])) for name in ("kernel", "size") if name in row.case)
