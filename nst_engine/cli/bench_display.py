"""What `nst bench` shows: a table that fills while it measures, and the tables at the end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from nst_engine.benchmark.comparison import Comparison
from nst_engine.benchmark.markdown import headline, remarks_of
from nst_engine.benchmark.report import Report
from nst_engine.benchmark.row import Row, size_label
from nst_engine.benchmark.suites import Suite
from nst_engine.benchmark.tables import Table, milliseconds, tables_of
from nst_engine.cli.messages import with_flags
from nst_engine.cli.progress_bar import console
from nst_engine.wording import printable

#: Of tables in files and pipes, where nothing says how wide a line may be.
_WIDTH_ELSEWHERE = 160


class BenchDisplay:
    """The rows so far and what is being measured, on stderr; use as a context manager.

    Args:
        suite: What is measured.
    """

    def __init__(self, suite: Suite) -> None:
        self.rows = list[Row]()
        self._suite = suite
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._bar.add_task("", total=len(suite.cases))
        self._live = Live(console=console, transient=True, refresh_per_second=4)

    def __enter__(self) -> Self:
        """Begin to show."""
        self._update()
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        self._live.stop()

    def add(self, row: Row) -> None:
        """Show one more row; where stderr is no terminal, as a line."""
        self.rows.append(row)
        if not console.is_terminal:
            outcome = f"{milliseconds(row.summary.p50)} ms" if row.is_measured else f"not measured: {row.reason}"
            tell(f"{len(self.rows)}/{len(self._suite.cases)} {row.label}: {outcome}")
        self._update()

    def _update(self) -> None:
        cases = self._suite.cases
        upcoming = Row(cases[len(self.rows)]).label if len(self.rows) < len(cases) else "done"
        self._bar.update(self._task, completed=len(self.rows), description=upcoming)
        shown: list[RenderableType] = [self._bar]  # above: what a small terminal cuts off is below
        if self.rows:
            shown.append(_rich_table(tables_of(self._suite.kind)[0], self.rows))
        self._live.update(Group(*shown))


def tell(text: str) -> None:
    """A line for people, on stderr, as it is: names of files and what backends say may hold brackets."""
    console.print(text, soft_wrap=True, markup=False)


def print_report(report: Report) -> None:
    """All tables and remarks, on stdout."""
    out = _stdout()
    out.print(headline(report), markup=False)
    for table in tables_of(report.kind):
        out.print(_rich_table(table, report.rows))
    for remark in remarks_of(report):
        out.print(f"- {with_flags(remark)}", markup=False)


def print_comparison(comparisons: Sequence[Comparison], unlike: Sequence[str], missing: Sequence[Row]) -> None:
    """The ratio of each row on stdout; what makes it doubtful on stderr."""
    for difference in unlike:
        tell(f"nst: not alike: {difference}")
    for row in missing:
        tell(f"nst: only in one of them: {row.label}")
    names = list(comparisons[0].before.case)
    table = RichTable(title="medians of B over A", title_justify="left", box=box.SIMPLE_HEAD)
    for number, heading in enumerate((*names, "A ms", "B ms", "B / A", "95 % interval", "B is")):
        table.add_column(escape(heading), justify="left" if number < len(names) or heading == "B is" else "right")
    for each in comparisons:
        before, after, ratio = each.before, each.after, each.ratio
        table.add_row(
            *(escape(printable(size_label(str(value)))) for value in before.case.values()),
            milliseconds(before.summary.p50),
            milliseconds(after.summary.p50),
            f"{ratio.value:.3f}",
            f"{ratio.low:.3f} to {ratio.high:.3f}",
            _verdict(each),
        )
    _stdout().print(table)


def _verdict(comparison: Comparison) -> str:
    verdict = comparison.verdict
    if verdict in ("faster", "slower"):
        return verdict
    if verdict == "no difference":
        return f"no difference (within chance, or ±{comparison.noise:.1%})"
    return "WRONG in one of them" if verdict == "wrong" else "too few times to tell"


def _rich_table(table: Table, rows: Sequence[Row]) -> RichTable:
    shown = RichTable(title=table.title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in table.columns:
        is_name = heading in ("backend", "kernel", "precision", "size")
        shown.add_column(heading, justify="left" if is_name else "right", no_wrap=True)
    for row, cells in zip(rows, table.lines(rows), strict=True):
        shown.add_row(*map(escape, cells), style="red" if row.is_wrong else None if row.is_measured else "dim")
    return shown


def _stdout() -> Console:
    """Made when it is needed: whoever redirects stdout does so before."""
    width = None if sys.stdout.isatty() else _WIDTH_ELSEWHERE
    return Console(file=sys.stdout, highlight=False, width=width)
