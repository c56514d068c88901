"""`nst webcam`: a camera, painted live."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst_engine.cli.messages import as_json
from nst_engine.cli.model_arguments import add_model_arguments, open_stylizer
from nst_engine.cli.option_flags import add_options, options_of
from nst_engine.cli.style_arguments import (
    ANY_STYLE_FAST,
    add_style_arguments,
    check_style_arguments,
    chosen_style,
    encoded_styles,
    weighted_files,
)
from nst_engine.errors import OptionError
from nst_engine.files import check_is_no_input
from nst_engine.motion.options import FrameOptions
from nst_engine.webcam.options import WebcamOptions

if TYPE_CHECKING:
    from nst_engine.stylize.stylizer import Stylizer
    from nst_engine.webcam.adaptive_size import AdaptiveSize
    from nst_engine.webcam.look import Look
    from nst_engine.webcam.outputs import Screen, VirtualCamera
    from nst_engine.webcam.style_folder import StyleFolder


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "webcam",
        help="paint what a camera sees, live",
        description="Paint what a camera sees, live, in a window. Keys: h shows them, i takes the next picture of the "
        "folder of the last --style-image as the style (a folder may be given there, too).",
        epilog="Without a screen: nst webcam --camera clip.mp4 --no-window --frames 300 --json",
    )
    parser.add_argument("--camera", default="0", metavar="N|DEVICE|URL|FILE", help="to look through (default: 0)")
    add_style_arguments(parser, default_text="; to begin with (default: the model's first)")
    add_options(parser, FrameOptions)
    add_options(parser, WebcamOptions)
    parser.add_argument("--mirror", action="store_true", help="exchange left and right")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write what is shown to a video, such as out.mp4")
    parser.add_argument("--virtual-camera", action="store_true", help="be a camera for other programs (pyvirtualcam)")
    parser.add_argument("--no-window", action="store_true", help="for machines without a screen")
    parser.add_argument("--json", action="store_true", help="a line of JSON on stdout at the end")
    add_model_arguments(parser, default="bundled:live", any_style=ANY_STYLE_FAST)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Open everything, show, report."""
    looks, options = options_of(arguments, FrameOptions), options_of(arguments, WebcamOptions)
    folder = _open_style_folder(arguments)
    _check(arguments)
    from nst_engine.motion.frame_stylizer import FrameStylizer
    from nst_engine.webcam.camera import Camera
    from nst_engine.webcam.live import LiveStylizer
    from nst_engine.webcam.outputs import NoScreen, Window
    from nst_engine.webcam.show import Show
    from nst_engine.webcam.source import OpenCvSource

    source = OpenCvSource(arguments.camera)
    source.open()  # check for missing devices before the model is loaded
    source.check_moves()
    stylizer = open_stylizer(arguments)
    look, style_folder = _look(arguments, stylizer, looks), _style_folder(arguments, stylizer, folder)
    frame_stylizer = FrameStylizer(stylizer, look.mix, stability=looks.stability, stroke_size=looks.stroke_size)
    screen: Screen = NoScreen() if arguments.no_window else Window()
    with Camera(source) as camera:
        adaptive_size = _adaptive_size(options, camera, source)
        _say("warming up")
        frame_stylizer.warmup(*adaptive_size.sizes)
        virtual_camera = _virtual_camera(arguments, adaptive_size, source.fps)
        live = LiveStylizer(camera, frame_stylizer, adaptive_size, look, mirror=arguments.mirror)
        show = Show(
            camera,
            live,
            adaptive_size,
            screen,
            provider=stylizer.provider,
            say=_say,
            recording=arguments.record,
            virtual_camera=virtual_camera,
            style_folder=style_folder,
        )
        with live:
            try:
                show.run(options.frames)
            except KeyboardInterrupt:
                pass  # the usual way to stop without a window
            finally:
                screen.close()
                if virtual_camera is not None:
                    virtual_camera.close()
        summary = {
            "camera": source.label,
            **show.statistics.overall(),
            "dropped": show.dropped,
            "reconnected": camera.reconnected,
            "width": adaptive_size.size[1],
            "height": adaptive_size.size[0],
            "styles": {str(style): share for style, share in live.look.mix.items()},
            "stability": looks.stability,
            "model": stylizer.model,
            "provider": stylizer.provider,
        }
    _report(arguments, summary)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    check_style_arguments(arguments)
    if arguments.record is not None:
        check_is_no_input(
            arguments.record, [arguments.camera, *(file for file, _ in weighted_files(arguments.style_image or []))]
        )


def _open_style_folder(arguments: argparse.Namespace) -> Path | None:
    """The style image's folder, or the folder given; then the first picture in it is the style."""
    from nst_engine.catalogue import style_path
    from nst_engine.webcam.style_folder import style_images_in

    if not arguments.style_image:
        return None
    last = arguments.style_image[-1]
    if not Path(last).is_dir():
        return style_path(weighted_files([last])[0][0]).parent
    files = style_images_in(Path(last))
    if not files:
        raise OptionError(f"--style-image {last}: no pictures in this folder; give one with paintings")
    arguments.style_image = [*arguments.style_image[:-1], str(files[0])]
    return Path(last)


def _style_folder(arguments: argparse.Namespace, stylizer: Stylizer, folder: Path | None) -> StyleFolder | None:
    from nst_engine.webcam.style_folder import StyleFolder, style_images_in

    if folder is None or stylizer.spec.style is None:
        return None
    (begun_with, _) = weighted_files(arguments.style_image)[-1]
    return StyleFolder(style_images_in(folder), Path(begun_with), stylizer.encode_style)


def _look(arguments: argparse.Namespace, stylizer: Stylizer, looks: FrameOptions) -> Look:
    from nst_engine.stylize.style_choice import weighted
    from nst_engine.webcam.look import Look

    styles: tuple[Any, ...] = stylizer.styles
    if arguments.style_image:
        # keys step through the style images first
        encoded = weighted(encoded_styles(arguments, stylizer))
        styles, mix = (*(style for style, _ in encoded), *styles), dict[Any, float](encoded)
    elif arguments.style is None:
        mix = {styles[0]: 1.0}
    else:
        mix = dict(chosen_style(arguments, stylizer).shares)
    return Look(styles, mix, strength=looks.strength, preserve_color=looks.preserve_color)


def _adaptive_size(options: WebcamOptions, camera: Any, source: Any) -> AdaptiveSize:
    from nst_engine.webcam.adaptive_size import AdaptiveSize, sizes_for
    from nst_engine.webcam.camera import STALL_S

    first = camera.frames.look(2 * STALL_S)
    if first is None:
        raise OptionError(f"--camera {source.label}: gives no pictures; is it in use, or an empty file?")
    height, width = first.pixels.shape[:2]
    sizes = sizes_for(height, width, options.max_side)
    return AdaptiveSize(sizes, options.target_fps or source.fps)


def _virtual_camera(arguments: argparse.Namespace, adaptive_size: AdaptiveSize, fps: float) -> VirtualCamera | None:
    if not arguments.virtual_camera:
        return None
    from nst_engine.webcam.outputs import VirtualCamera

    camera = VirtualCamera(*adaptive_size.size, fps)
    _say(f"other programs see it as {camera.name}")
    return camera


def _say(message: str) -> None:
    print(f"nst: {message}", file=sys.stderr, flush=True)


def _report(arguments: argparse.Namespace, summary: dict[str, Any]) -> None:
    if arguments.json:
        print(as_json(summary), flush=True)
        return
    print(
        f"{summary['frames']} frames, {summary['frames_per_second']:.1f} a second, "
        f"{summary['latency_p50_ms']:.0f} ms from camera to screen (p95 {summary['latency_p95_ms']:.0f}), "
        f"{summary['dropped']} dropped, by {summary['model']} on {summary['provider']}",
        flush=True,
    )
