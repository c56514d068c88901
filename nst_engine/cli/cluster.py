"""`nst cluster`: what one machine is too small for, painted by a cluster of Ray."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nst_engine.cli.exit_codes import BAD_INPUT, INTERRUPTED, SOME_FAILED
from nst_engine.cli.messages import as_json, with_flags
from nst_engine.cli.model_arguments import add_model_arguments
from nst_engine.cli.option_flags import add_options, explicit_options, options_of
from nst_engine.cli.quiet_ray import quiet_ray
from nst_engine.cli.style_arguments import (
    ANY_STYLE,
    add_style_arguments,
    check_style_arguments,
    model_of,
    requested_styles,
)
from nst_engine.environment import needed
from nst_engine.errors import OptionError
from nst_engine.limits import ImageLimits
from nst_engine.ray.options import ClusterOptions
from nst_engine.runtimes.options import SessionOptions, StreamOptions
from nst_engine.stylize.options import StylizeOptions
from nst_engine.wording import printable

if TYPE_CHECKING:
    from nst_engine.ray import ClusterProgress, ClusterResult


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "cluster",
        help="paint folders, buckets and Parquet on a cluster of Ray",
        description="Paint with as many engines as a cluster of Ray has room for.",
    )
    work = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    stylize = work.add_parser(
        "stylize",
        help="paint any number of pictures in one pass",
        description="Paint every picture of INPUT: a folder, a pattern, a list (.txt, an address a line), .parquet "
        "with the bytes of pictures, or an address of a store, such as s3://bucket/photos. OUTPUT is a folder, or a "
        "table where it ends in .parquet; OUTPUT/_nst/manifest tells what became of each picture.",
        epilog="Ctrl-C, or a machine that dies, and the same command with --resume goes on; nothing is done twice.",
    )
    stylize.add_argument("inputs", nargs="+", metavar="INPUT", help="where the pictures are; all nodes must see it")
    stylize.add_argument("output", metavar="OUTPUT", help="where the results go")
    add_style_arguments(stylize)
    add_options(stylize, StylizeOptions)
    cluster = stylize.add_argument_group("cluster")
    cluster.add_argument(
        "--address",
        metavar="ADDRESS",
        help="such as 10.0.0.1:6379, ray://head:10001, or auto for what runs here (default: $RAY_ADDRESS, else this "
        "machine alone)",
    )
    add_options(cluster, ClusterOptions)
    stylize.add_argument("--json", action="store_true", help="a line of JSON on stdout at the end, and no progress bar")
    add_model_arguments(stylize, any_style=ANY_STYLE, leave_out=["threads"])
    stylize.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """`nst cluster stylize`."""
    options = options_of(arguments, ClusterOptions)
    return paint(arguments, arguments.inputs, arguments.output, arguments.address, options)


def run_stylize(arguments: argparse.Namespace) -> int:
    """`nst stylize --ray`."""
    from nst_engine.catalogue import content_path

    with needed("--ray paints by Ray", "ray"):
        from nst_engine.ray.storage import is_url

    for name in explicit_options(arguments, StreamOptions):
        raise OptionError("is for one machine; leave it out with --ray", option=name)
    if arguments.style_masks or arguments.server:
        raise OptionError("--ray: paints whole pictures by engines of its own; leave --style-mask and --server out")
    if arguments.output in (None, "-"):
        raise OptionError("--ray: say where the results go: -o DIR, or an address such as s3://bucket/painted")
    inputs = [photo if is_url(photo) else str(content_path(photo)) for photo in arguments.photos]
    threads = {"engine_threads": arguments.threads} if "threads" in vars(arguments) else {}
    options = ClusterOptions(
        quality=arguments.quality, resume=arguments.resume, overwrite=arguments.overwrite, **threads
    )
    return paint(arguments, inputs, arguments.output, arguments.ray or None, options)


def paint(
    arguments: argparse.Namespace, inputs: Sequence[str], output: str, address: str | None, options: ClusterOptions
) -> int:
    """Paint, and say what was done.

    Raises:
        NSTError: What `nst_engine.ray.stylize_pictures` raises.
    """
    check_style_arguments(arguments)
    with needed("painting on a cluster needs Ray", "ray"):
        from nst_engine.ray import stylize_pictures

    session = explicit_options(arguments, SessionOptions)
    session.pop("threads", None)
    try:
        with quiet_ray(), _Bar(is_shown=not arguments.json) as show:
            result = stylize_pictures(
                inputs,
                output,
                requested_styles(arguments),
                model=model_of(arguments),
                stylize=options_of(arguments, StylizeOptions),
                session=SessionOptions(**session),
                options=options,
                limits=options_of(arguments, ImageLimits),
                address=address,
                on_progress=show,
            )
    except KeyboardInterrupt:
        print("nst: interrupted; go on with the same command and --resume", file=sys.stderr)
        return INTERRUPTED
    return _report(result, is_json=arguments.json)


def _report(result: ClusterResult, *, is_json: bool) -> int:
    """The last lines, and the exit code."""
    rate = result.done / result.seconds if result.seconds > 0 else 0.0
    if is_json:
        record = {
            "output": result.output,
            "done": result.done,
            "failed": result.failed,
            "before": result.before,
            "left_out": dict(result.left_out),
            "seconds": round(result.seconds, 3),
            "failures": dict(result.failures),
        }
        print(as_json(record), flush=True)
    else:
        print(
            f"{printable(result.output)}: {result.done} pictures in {result.seconds:.1f} s, {rate:.1f} per second",
            flush=True,
        )
    if result.left_out:
        kinds = ", ".join(f"{count} × {kind}" for kind, count in result.left_out.most_common())
        print(f"nst: left out: {printable(kinds)}", file=sys.stderr)
    if result.before:
        print(f"nst: {result.before} done before, skipped", file=sys.stderr)
    for name, error in result.failures.items():
        print(f"nst: {printable(name)}: {with_flags(error)}", file=sys.stderr)
    if not result.failed:
        return 0
    more = "" if len(result.failures) == result.failed else "; all of them are in _nst/manifest of the output"
    print(f"nst: {result.failed} pictures could not be painted{more}", file=sys.stderr)
    return SOME_FAILED if result.done or result.before else BAD_INPUT


class _Bar:
    """A progress bar on stderr."""

    def __init__(self, *, is_shown: bool) -> None:
        from nst_engine.cli.progress_bar import console, counting_bar

        is_shown = is_shown and console.is_terminal  # elsewhere nothing but an empty line would be left of it
        self._bar = counting_bar(disable=not is_shown, transient=True)
        self._task = self._bar.add_task("painting", total=None, status="starting engines")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, progress: ClusterProgress) -> None:
        """Update."""
        from nst_engine.cli.progress_bar import clock

        painted = progress.done + progress.failed
        left = (progress.total - painted) / progress.pictures_per_second
        failed = f" · {progress.failed} failed" if progress.failed else ""
        status = f"{progress.pictures_per_second:.1f} pictures/s · {clock(left)} left{failed}"
        self._bar.update(self._task, completed=painted, total=progress.total, status=status)
