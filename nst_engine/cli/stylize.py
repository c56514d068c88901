"""`nst stylize`: paint photos in one pass."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nst_engine.cli.cluster import run_stylize
from nst_engine.cli.exit_codes import BAD_INPUT, INTERRUPTED, SOME_FAILED
from nst_engine.cli.messages import as_json, with_flags
from nst_engine.cli.model_arguments import add_model_arguments, open_stylizer
from nst_engine.cli.option_flags import add_options, explicit_options, options_of
from nst_engine.cli.served import ServedStylizer
from nst_engine.cli.style_arguments import (
    ANY_STYLE,
    add_style_arguments,
    check_style_arguments,
    chosen_style,
    files_read,
    requested_styles,
)
from nst_engine.environment import usable_cpus
from nst_engine.errors import NSTError, OptionError, OutputError
from nst_engine.limits import ImageLimits
from nst_engine.runtimes.options import SessionOptions, StreamOptions, suitable_streams
from nst_engine.stylize.options import StylizeOptions
from nst_engine.stylize.side_by_side import side_by_side
from nst_engine.wording import label_of_path, printable

if TYPE_CHECKING:
    from nst_engine.stylize.batch import Job, Plan
    from nst_engine.stylize.result import StylizeResult
    from nst_engine.stylize.style_choice import Style
    from nst_engine.stylize.stylizer import Stylizer

_Outcome = TypeVar("_Outcome")

_PIPE = "-"


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "stylize",
        help="paint photos in one pass",
        description="Paint each PHOTO in a style that the model holds (`nst styles` lists them), in that of any "
        "picture, or in a blend of several.",
        epilog="In pipes: nst stylize - --style-image painting.jpg < photo.jpg > painted.png",
    )
    parser.add_argument(
        "photos", nargs="+", metavar="PHOTO", help="pictures, folders, bundled photos' names, or - for stdin"
    )
    add_style_arguments(parser)
    parser.add_argument(
        "--style-mask",
        "--content-mask",
        dest="style_masks",
        action="append",
        default=[],
        metavar="FILE",
        help="where a style is seen: white is inside; one for each style, in order",
    )
    parser.add_argument("-o", "--output", metavar="FILE|DIR", help="default: PHOTO_STYLE, here; - for stdout")
    add_options(parser, StylizeOptions)
    parser.add_argument(
        "--quality", type=int, default=95, metavar="1-100", help="of JPEG, WebP, AVIF and HEIC (default: 95)"
    )
    parser.add_argument(
        "--server",
        metavar="URL",
        help="paint by an `nst serve` there, such as http://127.0.0.1:8000; its key, if it wants one, in "
        "$NST_ENGINE_API_KEY; larger pictures than it paints (2048 px, unless it was told otherwise) come back smaller",
    )
    parser.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="paint on a cluster of Ray, as nst cluster stylize does (default: $RAY_ADDRESS, else this machine alone)",
    )
    parser.add_argument("--resume", action="store_true", help="skip photos whose result is there already")
    parser.add_argument("--overwrite", action="store_true", help="a result may replace a photo")
    parser.add_argument(
        "--json", action="store_true", help="a line of JSON per picture on stdout; with --ray, one for all"
    )
    add_options(add_model_arguments(parser, any_style=ANY_STYLE), StreamOptions)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check what can be checked, paint, report."""
    if not 1 <= arguments.quality <= 100:
        raise OptionError(f"--quality: {arguments.quality} came, 1 to 100 was wanted")
    options_of(arguments, StylizeOptions)
    options_of(arguments, StreamOptions)
    check_style_arguments(arguments)
    if arguments.ray is not None:
        return run_stylize(arguments)
    if _PIPE in (*arguments.photos, arguments.output):
        return _run_in_pipe(arguments)
    is_known = not any(Path(photo).is_dir() for photo in arguments.photos)
    expected_pictures = len(arguments.photos) if is_known else None
    streams = _streams(arguments, expected_pictures)
    with _opened(arguments, expected_pictures=expected_pictures, streams=streams) as stylizer:
        return _run_on_files(arguments, stylizer, streams)


def _run_on_files(arguments: argparse.Namespace, stylizer: Stylizer | ServedStylizer, streams: int) -> int:
    style, shares = _style(arguments, stylizer)
    planned = _planned(arguments, shares, () if isinstance(stylizer, ServedStylizer) else stylizer.styles)
    jobs, failures = planned.jobs, list(planned.unreadable)
    skipped = sum(job.output.exists() for job in jobs) if arguments.resume else 0
    if arguments.resume:
        jobs = [job for job in jobs if not job.output.exists()]
    count = len(jobs) + len(failures)
    # one more than compute: it is decoded or encoded meanwhile
    workers = streams + 1 if streams > 1 else 1
    outcomes = side_by_side(partial(_stylize, stylizer, style, arguments), jobs, workers)
    try:
        # the bar is gone before anything is said of an interruption
        with closing(outcomes), closing(_shown(outcomes, len(jobs), is_quiet=arguments.json)) as shown:
            _report(shown, failures, is_json=arguments.json)
    except KeyboardInterrupt:
        _summary(count, skipped, failures)
        how = "; go on with the same command and --resume" if count > 1 else ""
        print(f"nst: interrupted{how}", file=sys.stderr)
        return INTERRUPTED
    return _summary(count, skipped, failures)


def _report(outcomes: Iterator[tuple[Job, str | NSTError]], failures: list[str], *, is_json: bool) -> None:
    """Print what was done; what failed is added to `failures`."""
    for job, outcome in outcomes:
        if not isinstance(outcome, NSTError):
            print(outcome, flush=True)
            continue
        message = with_flags(outcome)
        failures.append(message if job.source.name in message else f"{label_of_path(job.source)}: {message}")
        if is_json:
            print(as_json({"input": str(job.source), "error": message}), flush=True)


def _run_in_pipe(arguments: argparse.Namespace) -> int:
    """One picture, from stdin or to stdout or both."""
    from nst_engine.catalogue import content_path
    from nst_engine.image import check_image_output, encode_image
    from nst_engine.image.read import read_file

    if len(arguments.photos) > 1:
        raise OptionError("- stands for one picture: give no other photos beside it")
    if arguments.resume:
        raise OptionError("--resume: skips photos whose results are files already; leave it out with -")
    if arguments.json and arguments.output in (None, _PIPE):
        raise OptionError("--json and the picture cannot both go to stdout; give -o FILE")
    if arguments.output in (None, _PIPE) and sys.stdout.isatty():
        raise OptionError("a picture would be written to the terminal; type: nst stylize ... > painted.png, or -o FILE")
    (photo,) = arguments.photos
    if arguments.output not in (None, _PIPE):
        _check_not_piped_in(Path(arguments.output), arguments)
        inputs = [*files_read(arguments), *([] if photo == _PIPE else [content_path(photo)])]
        check_image_output(arguments.output, inputs=inputs)
    limits = options_of(arguments, ImageLimits)
    source = read_file(sys.stdin.buffer, "stdin", limits) if photo == _PIPE else content_path(photo)
    with _opened(arguments, expected_pictures=1) as stylizer:
        result = _stylized(stylizer, _style(arguments, stylizer)[0], arguments, source)
    if arguments.output in (None, _PIPE):
        sys.stdout.buffer.write(encode_image(result.pixels, "PNG", alpha=result.alpha))
        sys.stdout.buffer.flush()
        return 0
    output = result.save(arguments.output, quality=arguments.quality, overwrite=arguments.overwrite)
    print(_shown_result(arguments, photo, output, result), flush=True)
    return 0


def _opened(arguments: argparse.Namespace, **options: Any) -> Stylizer | ServedStylizer:
    if arguments.server is None:
        return open_stylizer(arguments, **options)
    return ServedStylizer(arguments)


def _style(arguments: argparse.Namespace, stylizer: Stylizer | ServedStylizer) -> tuple[Style, Mapping[str, float]]:
    """What is painted in, and the shares of each style; the styles one by one where each has its region."""
    if isinstance(stylizer, ServedStylizer):
        return None, stylizer.shares
    chosen = chosen_style(arguments, stylizer)
    return (requested_styles(arguments) if arguments.style_masks else chosen), chosen.shares


def _check_not_piped_in(output: Path, arguments: argparse.Namespace) -> None:
    """Refuse to replace the file that the shell feeds into stdin."""
    if arguments.photos != [_PIPE] or arguments.overwrite:
        return
    try:
        fed = os.fstat(sys.stdin.fileno())
    except (OSError, ValueError):  # closed, or no file at all
        return
    if output.exists() and os.path.samestat(fed, output.stat()):
        raise OutputError(f"{output}: is what comes through stdin; take another name, or --overwrite")


def _planned(arguments: argparse.Namespace, mix: Mapping[str, float], held: Iterable[str]) -> Plan:
    """Every result can be written: folders are made, inputs are safe; earlier results in other styles are no photos."""
    from nst_engine.catalogue import bundled_styles, content_path
    from nst_engine.image import ACCEPTED_FORMATS
    from nst_engine.stylize.batch import plan, style_label

    photos = [content_path(photo) for photo in arguments.photos]
    protected = files_read(arguments)
    labels = {style_label([style]) for style in (*bundled_styles(), *held)}
    planned = plan(
        photos, arguments.output, style_label(mix), others=labels, kept=protected, overwrite=arguments.overwrite
    )
    if planned.left_out:
        kinds = ", ".join(f"{count} × {kind}" for kind, count in planned.left_out.most_common())
        print(f"nst: left out: {printable(kinds)}; {ACCEPTED_FORMATS} are painted", file=sys.stderr)
    return planned


def _streams(arguments: argparse.Namespace, expected_pictures: int | None) -> int:
    if explicit_options(arguments, StreamOptions):
        return options_of(arguments, StreamOptions).streams
    return suitable_streams(expected_pictures, options_of(arguments, SessionOptions).threads or usable_cpus())


def _stylize(stylizer: Stylizer | ServedStylizer, style: Style, arguments: argparse.Namespace, job: Job) -> str:
    """Write the result; what to print of it, without its pixels: others may have to wait for an earlier picture."""
    result = _stylized(stylizer, style, arguments, job.source)
    result.save(job.output, quality=arguments.quality, overwrite=arguments.overwrite)
    return _shown_result(arguments, str(job.source), job.output, result)


def _stylized(
    stylizer: Stylizer | ServedStylizer, style: Style, arguments: argparse.Namespace, source: Any
) -> StylizeResult[Any]:
    return stylizer.stylize(
        source, style, style_masks=arguments.style_masks, **explicit_options(arguments, StylizeOptions)
    )


def _shown(outcomes: Iterator[_Outcome], count: int, *, is_quiet: bool) -> Generator[_Outcome]:
    """The same, with a progress bar where there are several."""
    if count < 2 or is_quiet:
        yield from outcomes
        return
    from rich.progress import track

    from nst_engine.cli.progress_bar import console

    yield from track(outcomes, total=count, description="painting", console=console)


def _shown_result(arguments: argparse.Namespace, photo: str, output: Path, result: StylizeResult[Any]) -> str:
    if arguments.json:
        record = {
            "input": photo,
            "output": str(output),
            "width": result.width,
            "height": result.height,
            "styles": dict(result.styles),
            "model": result.model,
            "provider": result.provider,
            "timings_ms": {stage: round(ms, 2) for stage, ms in result.timings_ms.items()},
        }
        return as_json(record)
    return (
        f"{label_of_path(output)}: {result.width}×{result.height} px in {result.timings_ms['total']:.0f} ms by "
        f"{label_of_path(result.model)} on {result.provider}"
    )


def _summary(count: int, skipped: int, failures: list[str]) -> int:
    if skipped:
        print(f"nst: {skipped} done before, skipped", file=sys.stderr)
    if not failures:
        return 0
    for failure in failures:
        print(f"nst: {failure}", file=sys.stderr)
    if count > 1:
        print(f"nst: {len(failures)} of {count} pictures could not be painted", file=sys.stderr)
    return SOME_FAILED if len(failures) < count + skipped else BAD_INPUT
