"""`nst optimize`: paint one picture by optimisation."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nst_engine.cli.exit_codes import INTERRUPTED
from nst_engine.cli.messages import flag_of
from nst_engine.cli.option_flags import explicit_options, options_of
from nst_engine.cli.transfer_arguments import add_transfer_arguments, check_holds_alpha, read_checked
from nst_engine.errors import OptionError
from nst_engine.files import check_is_no_input
from nst_engine.limits import ImageLimits
from nst_engine.optimization.options import OptimizeOptions
from nst_engine.vgg19.layers import LAYERS


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "optimize",
        help="paint a picture in the style of paintings by optimisation",
        description="Paint CONTENT in the style of one or more paintings, by optimising the picture itself.",
        epilog="Layers: " + ", ".join(LAYERS) + ". Ctrl-C writes the best picture so far.",
    )
    parser.add_argument("content", nargs="?", metavar="CONTENT", help="a picture, or a bundled photo's name")
    parser.add_argument("--style", action="append", default=[], metavar="FILE|NAME", help="a painting; repeatable")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: CONTENT_STYLE.png, here")
    parser.add_argument("--overwrite", action="store_true", help="the output may replace an input")
    parser.add_argument(
        "--quality", type=int, default=95, metavar="1-100", help="of JPEG, WebP, AVIF and HEIC (default: 95)"
    )
    regions = parser.add_argument_group("regions: white is inside; one mask for each style, in order")
    regions.add_argument("--content-mask", action="append", default=[], metavar="FILE", help="where to paint it")
    regions.add_argument("--style-mask", action="append", default=[], metavar="FILE", help="where to look at it")
    add_transfer_arguments(parser)
    records = parser.add_argument_group("records")
    records.add_argument("--save-every", type=int, metavar="N", help="write a snapshot every N iterations")
    records.add_argument("--animation", type=Path, metavar="FILE", help="the way to the picture: .gif, .webp or .mp4")
    records.add_argument("--plot", type=Path, metavar="FILE", help="the losses over the iterations: .png, .svg, .pdf")
    records.add_argument("--trace", type=Path, metavar="FILE", help="every loss of every iteration, as JSON")
    records.add_argument(
        "--sidecar", nargs="?", const=True, metavar="FILE", help="all that made the picture, as JSON (OUTPUT.json)"
    )
    records.add_argument("--replay", type=Path, metavar="SIDECAR", help="make a picture again from its sidecar")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check everything first, then optimise and write."""
    from nst_engine.cli.progress_bar import RunDisplay, result_line, say
    from nst_engine.optimization.options import INITS
    from nst_engine.optimization.recording import Recorder, write_plot

    inputs, options, replay = _inputs_and_options(arguments)
    init_file = None if options.init in INITS else options.init
    read = read_checked(
        inputs.content,
        inputs.styles,
        options,
        content_masks=inputs.content_masks,
        style_masks=inputs.style_masks,
        init=init_file,
        limits=options_of(arguments, ImageLimits),
    )
    is_opaque = read.alpha is None
    files = [file for _, file in inputs.files(init_file)]
    if arguments.replay is not None:
        files.append(str(arguments.replay))
    output = _check_outputs(arguments, inputs.content, is_opaque, files)
    from nst_engine.optimization import optimize  # torch is imported after all checks

    recorder = Recorder(
        output,
        arguments.save_every,
        keeps_frames=arguments.animation is not None,
        alpha=read.alpha,
        quality=arguments.quality,
    )
    with RunDisplay(output.name, recorder) as display:
        result = optimize(read, options=options, on_progress=display)
    files = [file for _, file in inputs.files(init_file)]
    result.save(output, quality=arguments.quality, inputs=files, overwrite=arguments.overwrite)
    if arguments.animation is not None:
        _write_animation(arguments.animation, recorder.frames_at(result.image))
    if arguments.plot is not None:
        write_plot(arguments.plot, recorder.trace)
    if arguments.trace is not None:
        recorder.write_trace(arguments.trace)
    if arguments.sidecar is not None:
        _write_sidecar(_sidecar_path(arguments.sidecar, output), result, inputs, init_file)
    losses = result.losses
    result_line(
        f"{output}: {result.image.shape[1]}×{result.image.shape[0]} px, {result.iterations} iterations in "
        f"{result.seconds:.1f} s on {result.device} in {result.precision}, loss {losses.total:.4g} "
        f"(content {losses.content:.4g}, style {losses.style:.4g})"
    )
    for note in result.notes[len(display.notes) :]:
        say(f"[yellow]{note}[/yellow]")
    if replay is not None and not display.was_interrupted:
        _compare(replay, result, say)
    return INTERRUPTED if display.was_interrupted else 0


def _inputs_and_options(arguments: argparse.Namespace) -> tuple[Any, Any, Any]:
    """Inputs and options from the command line, or from the replayed sidecar."""
    from nst_engine.catalogue import content_path, style_path
    from nst_engine.optimization.sidecar import RunInputs, read_sidecar

    if arguments.replay is not None:
        others = explicit_options(arguments, OptimizeOptions)
        if others or arguments.content or arguments.style or arguments.content_mask or arguments.style_mask:
            extra = ", ".join(sorted(map(flag_of, others))) or "CONTENT, --style or masks"
            raise OptionError(f"--replay takes all from the sidecar; leave out {extra}")
        replay = read_sidecar(arguments.replay)
        return replay.inputs, replay.options, replay
    if arguments.content is None:
        raise OptionError("no picture came; type: nst optimize CONTENT --style FILE|NAME")
    if not arguments.style:
        raise OptionError("no style came; type: nst optimize CONTENT --style FILE|NAME, such as --style starry-night")
    inputs = RunInputs(
        str(content_path(arguments.content)),
        [str(style_path(style)) for style in arguments.style],
        arguments.content_mask,
        arguments.style_mask,
    )
    return inputs, options_of(arguments, OptimizeOptions), None


def _check_outputs(arguments: argparse.Namespace, content: str, is_opaque: bool, inputs: list[str]) -> Path:
    """Check that all outputs can be written, before minutes of work."""
    from nst_engine.files import check_output
    from nst_engine.image import ANIMATION_SUFFIXES, check_image_output
    from nst_engine.optimization.recording import check_plotting
    from nst_engine.video import VIDEO_SUFFIXES, check_video_writing

    default = Path(f"{Path(content).stem}_{'_'.join(Path(style).stem for style in arguments.style) or 'replay'}.png")
    output: Path = check_image_output(arguments.output or default, inputs=inputs, overwrite=arguments.overwrite)
    if not is_opaque:
        check_holds_alpha(output, content)
    if not 1 <= arguments.quality <= 100:
        raise OptionError(f"--quality: {arguments.quality} came, 1 to 100 was wanted")
    if arguments.save_every is not None and arguments.save_every < 1:
        raise OptionError(f"--save-every: {arguments.save_every} came, a whole number of at least 1 was wanted")
    if arguments.animation is not None:
        check_output(arguments.animation, inputs=inputs, suffixes=(*ANIMATION_SUFFIXES, *VIDEO_SUFFIXES))
        if arguments.animation.suffix.lower() in VIDEO_SUFFIXES:
            check_video_writing()
    if arguments.plot is not None:
        check_output(arguments.plot, inputs=inputs, suffixes=(".png", ".svg", ".pdf"))
        check_plotting()
    sidecar = _sidecar_path(arguments.sidecar, output)
    for path in (arguments.trace, sidecar):
        if path is not None:
            check_output(path, inputs=inputs, suffixes=(".json",))
    _check_apart(output, [arguments.animation, arguments.plot, arguments.trace, sidecar], inputs, arguments.save_every)
    return output


def _check_apart(output: Path, records: list[Path | None], inputs: list[str], save_every: int | None) -> None:
    """Check that no two outputs share a file, and that no snapshot replaces an input."""
    known: set[Path] = set()
    for path in (output, *filter(None, records)):
        if path.resolve() in known:
            raise OptionError(f"{path}: two results would be written there; give each a name of its own")
        known.add(path.resolve())
    snapshot = re.compile(re.escape(output.stem) + r"_\d{5,}" + re.escape(output.suffix))
    if save_every is not None and output.parent.is_dir():
        for there in output.parent.iterdir():
            if snapshot.fullmatch(there.name):
                check_is_no_input(there, inputs, " A snapshot would replace it: give --output another name.")


def _sidecar_path(option: str | bool | None, output: Path) -> Path | None:
    if option is None:
        return None
    return output.with_suffix(".json") if option is True else Path(str(option))


def _write_animation(path: Path, frames: Iterator[Any]) -> None:
    from nst_engine.image import save_animation
    from nst_engine.video import VIDEO_SUFFIXES, write_video

    if path.suffix.lower() in VIDEO_SUFFIXES:
        write_video(path, frames, fps=15)
    else:
        save_animation(path, frames, fps=15)


def _write_sidecar(path: Path | None, result: Any, inputs: Any, init_file: str | None) -> None:
    from nst_engine.files import write_atomically
    from nst_engine.optimization.sidecar import describe_run

    if path is not None:
        text = json.dumps(describe_run(result, inputs, init_file), indent=2, ensure_ascii=False)
        write_atomically(path, (text + "\n").encode())


def _compare(replay: Any, result: Any, say: Any) -> None:
    if replay.was_stopped:
        say("the replayed run had been interrupted: this is the picture it would have become")
    elif result.weights_sha256 != replay.weights_sha256:
        say("[yellow]not the same picture: VGG-19's weights are others (--vgg-weights)[/yellow]")
    elif result.image_sha256 == replay.pixels_sha256:
        say("the same picture, pixel for pixel")
    else:
        say("[yellow]not the same pixels: the machine, the library versions or the weights differ[/yellow]")
