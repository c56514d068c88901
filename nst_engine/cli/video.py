"""`nst video`: paint videos frame by frame."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from nst_engine.cli.exit_codes import FAILED, INTERRUPTED
from nst_engine.cli.messages import as_json, with_flags
from nst_engine.cli.model_arguments import add_model_arguments, open_stylizer
from nst_engine.cli.option_flags import add_options, options_of
from nst_engine.cli.quiet_ray import quiet_ray
from nst_engine.cli.style_arguments import (
    ANY_STYLE_FAST,
    add_style_arguments,
    check_style_arguments,
    chosen_style,
    files_read,
)
from nst_engine.cli.style_keyframes import take_times, timed_choices
from nst_engine.cli.video_bar import VideoBar
from nst_engine.environment import needed
from nst_engine.errors import NSTError, OptionError, OutputError
from nst_engine.files import check_is_no_input
from nst_engine.motion.options import FrameOptions
from nst_engine.video.options import VideoOptions

if TYPE_CHECKING:
    from nst_engine.stylize.style_choice import StyleChoice
    from nst_engine.stylize.stylizer import Stylizer
    from nst_engine.video import VideoResult
    from nst_engine.video.pipes import Stream

    #: One for all frames, or those of times, in seconds.
    Styles: TypeAlias = StyleChoice | dict[float, StyleChoice]

_SUFFIX_ELSE, _PIPE = ".mp4", "-"


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "video",
        help="paint a video, an animation or a sequence of pictures",
        description="Paint every frame of a moving picture in a style. Sound, times, colours and titles are kept.",
        epilog="A sequence of pictures is written as frames/%05d.png. Ctrl-C, then --resume, goes on later. "
        "In pipes: ffmpeg -i clip.mp4 -f nut - | nst video - -o - --style scream | ffplay -",
    )
    parser.add_argument(
        "input", metavar="IN", help="a video, .gif, animated .webp, pictures as frames/%%05d.png, or - for stdin"
    )
    parser.add_argument("-o", "--output", metavar="OUT", help="likewise, - for stdout; default: IN_STYLE, here")
    add_style_arguments(parser, takes_times=True)
    add_options(parser, FrameOptions)
    parser.add_argument("--report", action="store_true", help="paint nothing; say how much each stability flickers")
    add_options(parser, VideoOptions)
    parser.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="paint stretches side by side on a cluster of Ray, each engine on one core or --threads (default: "
        "$RAY_ADDRESS, else this machine alone)",
    )
    parser.add_argument("--json", action="store_true", help="a line of JSON on stdout at the end, and no progress bar")
    add_model_arguments(parser, default="bundled:live", any_style=ANY_STYLE_FAST)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check the arguments, load, stylize, report."""
    from nst_engine.video import check_video, finished_frames

    options, looks = options_of(arguments, VideoOptions), options_of(arguments, FrameOptions)
    timed = take_times(arguments)
    check_style_arguments(arguments)
    source, output = _ends(arguments)
    if output is not None:
        check_video(source, output, options)
    if isinstance(output, Path):
        check_is_no_input(output, files_read(arguments))
    stylize, paints = _here() if arguments.ray is None else _on_cluster(arguments)
    stylizer = open_stylizer(arguments)
    styles = timed_choices(timed, arguments, stylizer) or chosen_style(arguments, stylizer)
    if arguments.report:
        return _report_flicker(arguments, Path(arguments.input), stylizer, styles, options)
    if output is None:
        output = _default_output(Path(arguments.input), styles)
    if options.resume and isinstance(output, Path) and output.is_file() and finished_frames(output) is None:
        print(f"nst: {output}: is there already, and no unfinished work; nothing is left to do", file=sys.stderr)
        return 0
    try:
        with paints, VideoBar(_name_of(output), is_shown=not arguments.json) as bar:
            result = stylize(
                source,
                output,
                stylizer,
                **_style_of(styles),
                **_looks_of(looks, is_on_cluster=arguments.ray is not None),
                options=options,
                limits=stylizer.limits,
                on_progress=bar.show,
                on_note=bar.note,
            )
    except KeyboardInterrupt:
        print(f"nst: interrupted{_kept(output, options)}", file=sys.stderr)
        return INTERRUPTED
    except NSTError as error:
        if not isinstance(output, Path) and isinstance(error, OutputError) and error.errno is not None:
            print(f"nst: {with_flags(error)}", file=sys.stderr)  # as of any other command that prints
            return FAILED
        resumable = _kept(output, options) if isinstance(output, Path) and finished_frames(output) else ""
        raise type(error)(f"{with_flags(error)}{resumable}") from error
    _report(arguments, result, styles, stylizer)
    return 0


def _looks_of(looks: FrameOptions, *, is_on_cluster: bool) -> dict[str, Any]:
    return {"looks": looks} if is_on_cluster else asdict(looks)


def _here() -> tuple[Callable[..., VideoResult], contextlib.AbstractContextManager[None]]:
    from nst_engine.video import stylize_video

    return stylize_video, contextlib.nullcontext()


def _on_cluster(
    arguments: argparse.Namespace,
) -> tuple[Callable[..., VideoResult], contextlib.AbstractContextManager[None]]:
    """What paints on a cluster, and in which context; engines take one core each if nothing else is said."""
    with needed("painting on a cluster needs Ray", "ray"):
        from nst_engine.ray import stylize_film

    if arguments.report or _PIPE in (arguments.input, arguments.output):
        raise OptionError("--ray: paints a file to a file; leave it out with --report and -")
    arguments.threads = getattr(arguments, "threads", 1)
    return partial(stylize_film, address=arguments.ray or None), quiet_ray()


def _ends(arguments: argparse.Namespace) -> tuple[Path | Stream, Path | Stream | None]:
    """Source and output: - is stdin, and stdout, which is what stdin is painted to by default."""
    source, output = arguments.input, arguments.output
    reads, writes = source == _PIPE, output == _PIPE or (source == _PIPE and output is None)
    if reads and sys.stdin.isatty():
        raise OptionError("- is stdin, which is the terminal here; type: nst video - < clip.mkv > painted.mkv")
    if writes and sys.stdout.isatty():
        raise OptionError("a video would be written to the terminal; type: nst video ... > painted.mkv, or -o FILE")
    if writes and arguments.json:
        raise OptionError("--json and the video cannot both go to stdout; give -o FILE")
    if arguments.report and output is not None:
        raise OptionError("--report: paints nothing; leave --output out")
    if reads and arguments.report:
        raise OptionError("--report: reads the video several times, and stdin comes once; give a file")
    if writes:
        output = io.FileIO(sys.stdout.fileno(), "w", closefd=False)
    elif output is not None:
        output = Path(output)
    return io.FileIO(sys.stdin.fileno(), closefd=False) if reads else Path(source), output


def _name_of(output: Path | Stream) -> str:
    return output.name if isinstance(output, Path) else "stdout"


def _style_of(styles: Styles) -> dict[str, Any]:
    """One style, or its keyframes, for the library."""
    from nst_engine.video import StyleKeyframe

    if isinstance(styles, dict):
        return {"keyframes": [StyleKeyframe(seconds, choice) for seconds, choice in styles.items()]}
    return {"style": styles}


def _report_flicker(
    arguments: argparse.Namespace, source: Path, stylizer: Stylizer, styles: Styles, options: VideoOptions
) -> int:
    """Report the flicker of the first frames in all settings."""
    from nst_engine.video import flicker_by_setting

    if isinstance(styles, dict):
        raise OptionError("--report: compares the frames of one style; leave the times out, and all styles but one")
    settings = flicker_by_setting(source, stylizer, styles, options=options)
    if arguments.json:
        rows = [{"stability": each.stability, "warping_error": each.warping_error, "ms": each.ms} for each in settings]
        print(as_json({"input": arguments.input, "model": stylizer.model, "settings": rows}))
        return 0
    base = settings[0]
    for each in settings:
        change = each.warping_error / base.warping_error - 1 if base.warping_error else 0.0
        print(
            f"--stability {each.stability:<4}  warping error {1e3 * each.warping_error:.3f} / 1000 "
            f"({100 * change:+.0f} %), {each.ms:.1f} ms a frame ({each.ms - base.ms:+.1f})"
        )
    return 0


def _default_output(source: Path, styles: Styles) -> Path:
    from nst_engine.stylize.batch import style_label
    from nst_engine.video import OUTPUT_SUFFIXES, is_pattern

    if is_pattern(source):
        raise OptionError("for a sequence of pictures, say where the result goes: -o FILE, or -o FOLDER/%05d.png")
    choices = list(styles.values()) if isinstance(styles, dict) else [styles]
    names = dict.fromkeys(name for choice in choices for name in choice.shares)
    suffix = source.suffix if source.suffix.lower() in OUTPUT_SUFFIXES else _SUFFIX_ELSE
    return Path(f"{source.stem}_{style_label(names)}{suffix}")


def _kept(output: Path | Stream, options: VideoOptions) -> str:
    """What an unfinished run keeps, and how to resume."""
    from nst_engine.video import finished_frames, is_pattern

    if not isinstance(output, Path):
        return ""
    frames = finished_frames(output)
    if frames is None and is_pattern(output):
        return "; finished pictures are kept: go on with the same command and --resume"
    if not frames:
        return "; nothing was finished yet"
    again = "" if options.resume else " and --resume"
    return f"; {frames} frames are kept: go on with the same command{again}"


def _report(arguments: argparse.Namespace, result: VideoResult, styles: Styles, stylizer: Stylizer) -> None:
    """The last line, on stdout, unless the video went there."""
    if not arguments.json:
        print(
            f"{result.output or 'stdout'}: {result.frames} frames of {result.width}×{result.height} px "
            f"in {result.seconds:.1f} s, {result.frames_per_second:.1f} per second, "
            f"by {stylizer.model} on {stylizer.provider}",
            file=sys.stderr if result.output is None else sys.stdout,
            flush=True,
        )
        return
    stages = {**result.stage_seconds, **{f"paint_{stage}": seconds for stage, seconds in result.paint_seconds.items()}}
    record = {
        "input": arguments.input,
        "output": str(result.output),
        "frames": result.frames,
        "resumed_frames": result.resumed_frames,
        "seconds": round(result.seconds, 3),
        "frames_per_second": round(result.frames_per_second, 3),
        "width": result.width,
        "height": result.height,
        **_styles_record(styles),
        "model": stylizer.model,
        "provider": stylizer.provider,
        "stage_seconds": {stage: round(seconds, 3) for stage, seconds in stages.items()},
        "notes": list(result.notes),
    }
    print(as_json(record), flush=True)


def _styles_record(styles: Styles) -> dict[str, Any]:
    if not isinstance(styles, dict):
        return {"styles": dict(styles.shares)}
    return {
        "style_keyframes": [
            {"seconds": seconds, "styles": dict(choice.shares)} for seconds, choice in sorted(styles.items())
        ]
    }
