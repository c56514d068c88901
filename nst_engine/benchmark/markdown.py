"""A report as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from nst_engine.benchmark.report import Report
from nst_engine.benchmark.tables import tables_of

#: Of the CPUs: a load average above this share is reported.
_BUSY = 0.25


def markdown_of(report: Report) -> str:
    """Machine, tables and remarks."""
    parts = [f"### nst bench {report.kind}", headline(report)]
    parts += [
        f"**{table.title}**\n\n{markdown_table(list(table.columns), table.lines(report.rows))}"
        for table in tables_of(report.kind)
    ]
    if remarks := remarks_of(report):
        parts.append("\n".join(f"- {remark}" for remark in remarks))
    return "\n\n".join(parts) + "\n"


def headline(report: Report) -> str:
    """Machine, versions and settings in one paragraph."""
    machine = report.machine
    headline_parts = [
        str(machine["cpu"]),
        f"{machine['usable_cpus']} of {machine['cores']} cores",
        *(["memory " + f"{machine['memory_gib']} GiB"] if machine["memory_gib"] else []),
        *machine["gpus"],
        str(machine["system"]),
        f"Python {machine['python']}",
        f"nst-engine {machine['nst_engine']}",
        f"kernels {machine['kernels']}",
        *(f"{name} {version}" for name, version in machine["packages"].items()),
    ]
    settings = ", ".join(f"{name} {value}" for name, value in report.settings.items() if value is not None)
    return f"{', '.join(headline_parts)}; {settings}; {report.date}"


def remarks_of(report: Report) -> list[str]:
    """Why rows are doubtful or missing, a line each."""
    remarks = []
    if report.load_average is not None and report.load_average > _BUSY * report.machine["usable_cpus"]:
        remarks.append(f"the machine was busy before the first row: load average {report.load_average:g}")
    if report.was_interrupted:
        remarks.append("interrupted: rows are missing")
    for row in report.rows:
        if not row.is_measured:
            remarks.append(f"{row.label}: not measured: {row.reason}")
        elif row.is_wrong:
            remarks.append(f"{row.label}: WRONG: too far from the reference, so it has no place")
        remarks += [f"{row.label}: {note}" for note in row.notes]
    return remarks + [f"{name}: absent: {reason}" for name, reason in report.absent.items()]


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with labels in the first column and right-aligned numbers in the others."""
    rule = ["---" if number == 0 else "---:" for number in range(len(headings))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))
