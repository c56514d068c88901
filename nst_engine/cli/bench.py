"""`nst bench`: what stylisation costs on this machine, by every backend that runs here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst_engine.cli.bench_arguments import (
    DEFAULTS,
    add_kernels_arguments,
    add_optimize_arguments,
    add_output_arguments,
    add_stylize_arguments,
    checked_outputs,
    given,
)
from nst_engine.cli.exit_codes import BAD_INPUT, INTERRUPTED
from nst_engine.cli.messages import as_json
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
    add_stylize_arguments(parser)
    add_output_arguments(parser)
    parser.set_defaults(run=run, form="stylize")
    forms = parser.add_subparsers(title="forms", metavar="FORM")
    for form, text, add_arguments in (
        ("stylize", "the same as without a form", add_stylize_arguments),
        ("optimize", "an iteration of nst optimize, in float32 and bfloat16", add_optimize_arguments),
        ("kernels", "the native kernels against NumPy, OpenCV and torch", add_kernels_arguments),
    ):
        own = forms.add_parser(form, help=text, description=f"Measure: {text}.")
        add_arguments(own)
        add_output_arguments(own)
        own.set_defaults(run=run, form=form)
    comparing = forms.add_parser(
        "compare",
        help="two results beside each other",
        description="Tell which rows differ by more than chance: ratio of the medians, with its 95 % interval.",
    )
    comparing.add_argument("before", type=Path, metavar="A.json", help="written by nst bench -o")
    comparing.add_argument("after", type=Path, metavar="B.json", help="written by nst bench -o")
    comparing.add_argument(
        "--noise", type=float, metavar="SHARE", default=argparse.SUPPRESS, help="ratios as near to 1 are no difference"
        f" (default: {DEFAULTS['compare']['noise']})",
    )  # fmt: skip
    comparing.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="for programs")
    comparing.set_defaults(run=run_compare, form="compare")


def run(arguments: argparse.Namespace) -> int:
    """Measure, show, write."""
    from nst_engine.benchmark.machine import load_average
    from nst_engine.benchmark.report import report_of
    from nst_engine.cli.bench_display import BenchDisplay, tell

    options = given(arguments)
    outputs = checked_outputs(options)
    suite = _suite(arguments.form, options)
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
    _show(options, report, outputs)
    if was_interrupted:
        tell(f"nst: interrupted after {len(report.rows)} of {len(suite.cases)} rows")
        return INTERRUPTED
    return 0 if any(row.is_measured for row in report.rows) else BAD_INPUT


def run_compare(arguments: argparse.Namespace) -> int:
    """Print the table, or JSON."""
    from nst_engine.benchmark.comparison import alone, compared, unlike
    from nst_engine.benchmark.report import read_report
    from nst_engine.cli.bench_display import print_comparison

    options = given(arguments)
    if not 0 <= options["noise"] < 1:
        raise OptionError(f"--noise: {options['noise']} came; wanted a share from 0 to 1, such as 0.02")
    before, after = read_report(options["before"]), read_report(options["after"])
    comparisons = compared(before, after, noise=options["noise"])
    other, missing = unlike(before, after), [*alone(before, after), *alone(after, before)]
    if not options["json"]:
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


def _suite(form: str, options: dict[str, Any]) -> Suite:
    from nst_engine.benchmark import suites
    from nst_engine.cli.style_arguments import ANY_STYLE_FAST, weighted_files
    from nst_engine.environment import usable_cpus

    sizes, threads = options["sizes"], options["threads"] or usable_cpus()
    if form == "kernels":
        return suites.kernels_suite(sizes=sizes, threads=threads, seconds=options["seconds"])
    if form == "optimize":
        return suites.optimize_suite(
            sizes=sizes,
            style=options["style"],
            iterations=options["iterations"],
            precisions=list(dict.fromkeys(options["precisions"])),
            device=options["device"],
            threads=threads,
        )
    style_images = weighted_files(options["style_image"])
    return suites.stylize_suite(
        backends=options["backends"],
        model=options["model"] or (ANY_STYLE_FAST if style_images else "bundled:live"),
        style=options["style"],
        style_images=style_images,
        sizes=sizes,
        batch=options["batch"],
        threads=threads,
        precision=options["precision"],
        seconds=options["seconds"],
    )


def _show(options: dict[str, Any], report: Report, outputs: dict[str, Path]) -> None:
    """On stdout what was asked for, and into files."""
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
