"""`nst bench`: what stylisation costs on this machine, by every backend that runs here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst_engine.benchmark.options import Comparing, KernelsBench, OptimizeBench
from nst_engine.cli.bench_arguments import (
    add_form_arguments,
    checked_outputs,
    options_of_form,
    outputs_of,
)
from nst_engine.cli.exit_codes import BAD_INPUT, INTERRUPTED
from nst_engine.cli.messages import as_json
from nst_engine.cli.option_flags import add_options
from nst_engine.errors import OptionError

if TYPE_CHECKING:
    from nst_engine.benchmark.report import Report
    from nst_engine.benchmark.suites import Suite


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand and its forms."""
    parser = commands.add_parser(
        "bench",
        help="measure speed and quality on this machine",
        description="Measure latency, throughput, start, memory and quality of stylisation, by every backend that "
        "runs here, each row in a process of its own.",
        epilog="A row whose pictures are not those of float32 on the CPU is WRONG and has no place.",
    )
    add_form_arguments(parser, "stylize")
    parser.set_defaults(run=run, form="stylize")
    forms = parser.add_subparsers(title="forms", metavar="FORM")
    for form, text in (
        ("stylize", "the same as without a form"),
        ("optimize", "an iteration of nst optimize, in float32 and bfloat16"),
        ("kernels", "the native kernels against NumPy, OpenCV and torch"),
    ):
        own = forms.add_parser(form, help=text, description=f"Measure: {text}.")
        add_form_arguments(own, form)
        own.set_defaults(run=run, form=form)
    comparing = forms.add_parser(
        "compare",
        help="two results beside each other",
        description="Tell which rows differ by more than chance: ratio of the medians, with its 95 % interval.",
    )
    comparing.add_argument("before", type=Path, metavar="A.json", help="written by nst bench -o")
    comparing.add_argument("after", type=Path, metavar="B.json", help="written by nst bench -o")
    add_options(comparing, Comparing)
    comparing.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="for programs")
    comparing.set_defaults(run=run_compare, form="compare")


def run(arguments: argparse.Namespace) -> int:
    """Measure, show, write."""
    from nst_engine.benchmark.machine import load_average
    from nst_engine.benchmark.report import report_of
    from nst_engine.cli.bench_display import BenchDisplay, tell

    options, requested = options_of_form(arguments), outputs_of(arguments)
    outputs = checked_outputs(requested)
    suite = _suite(options)
    if not suite.cases:
        raise OptionError(f"nothing can be measured here: {'; '.join(map(': '.join, suite.absent.items()))}")
    load_before, was_interrupted = load_average(), False
    with BenchDisplay(suite) as display:
        try:
            for row in suite.rows():
                display.add(row)
        except KeyboardInterrupt:
            if not display.rows:
                raise
            was_interrupted = True
    report = report_of(suite, display.rows, load_before=load_before, was_interrupted=was_interrupted)
    _show(requested, report, outputs)
    if was_interrupted:
        tell(f"nst: interrupted after {len(report.rows)} of {len(suite.cases)} rows")
        return INTERRUPTED
    return 0 if any(row.is_measured for row in report.rows) else BAD_INPUT


def run_compare(arguments: argparse.Namespace) -> int:
    """Print the table, or JSON."""
    from nst_engine.benchmark.comparison import alone, compared, unlike
    from nst_engine.benchmark.report import read_report
    from nst_engine.cli.bench_display import print_comparison

    options = options_of_form(arguments)
    before, after = read_report(arguments.before), read_report(arguments.after)
    comparisons = compared(before, after, noise=options.noise)
    other, missing = unlike(before, after), [*alone(before, after), *alone(after, before)]
    if not getattr(arguments, "json", False):
        print_comparison(comparisons, other, missing)
        return 0
    rows = [
        {
            "case": dict(each.before.case),
            "before_ms": each.before.summary.p50,
            "after_ms": each.after.summary.p50,
            "ratio": each.ratio.value,
            "low": each.ratio.low,
            "high": each.ratio.high,
            "noise": each.noise,
            "verdict": each.verdict,
        }
        for each in comparisons
    ]
    unmatched = [dict(row.case) for row in missing]
    print(as_json({"rows": rows, "unlike": other, "unmatched": unmatched}, indent=1))
    return 0


def _suite(options: Any) -> Suite:
    from nst_engine.benchmark import suites

    if isinstance(options, KernelsBench):
        return suites.kernels_suite(options)
    if isinstance(options, OptimizeBench):
        return suites.optimize_suite(options)
    return suites.stylize_suite(options)


def _show(options: dict[str, Any], report: Report, outputs: dict[str, Path]) -> None:
    """On stdout or into files, as requested."""
    from nst_engine.benchmark.markdown import markdown_of
    from nst_engine.benchmark.plot import write_plot
    from nst_engine.cli.bench_display import print_report, tell
    from nst_engine.files import write_atomically

    if options["json"]:
        print(report.to_json(), end="")
    elif options["markdown"] is True:
        print(markdown_of(report), end="")
    else:
        print_report(report)
    for name, path in outputs.items():
        if name == "plot":
            write_plot(path, report)
        else:
            content = report.to_json() if name == "output" else markdown_of(report)
            write_atomically(path, content.encode())
        tell(f"written: {path}")
