"""`nst add-style`: one more style for a network that is there."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from nst_engine.cli.exit_codes import INTERRUPTED
from nst_engine.cli.training_arguments import (
    add_model_output,
    add_training_arguments,
    faces_in,
    named_path,
    training_folder,
    training_options,
)
from nst_engine.cli.training_processes import in_processes
from nst_engine.training.ranks import own_rank

# scales and shifts tolerate larger steps than kernels, and one picture a step tells enough about so few: twice the
# steps in the same time. There is only one style to learn, less of which is reached at the same weight while kernels
# stay; calm in moving pictures is paid for in nearness to the painting, of which minutes leave none to spare. Without a
# frame's weight a style paints one all the same (25 of 255 in a trial); with that of other trainings it comes less near
# to its painting
_DEFAULTS: dict[str, Any] = {
    "minutes": 5.0,
    "batch_size": 1,
    "styles_per_photo": 1,
    "learning_rate": 4e-2,
    "style_weight": 12.0,
    "stability_weight": 0.0,
    "likeness_weight": 0.0,
    "frame_weight": 15.0,
}


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "add-style",
        help="teach a network another painting, in minutes",
        description="Fit only what a style has of its own (scales, shifts, filters) to PAINTING, and write the model "
        "with one style more.",
    )
    parser.add_argument("painting", metavar="PAINTING", help="a file")
    parser.add_argument("--model", default="bundled:live", metavar="FILE|NAME", help="default: bundled:live")
    add_model_output(parser, "the new model, .onnx")
    parser.add_argument("--name", metavar="NAME", help="of the style (default: the file's)")
    parser.add_argument(
        "--photos", type=named_path, metavar="DIR", help="photos to fit on (default: the bundled pictures)"
    )
    add_training_arguments(parser, **_DEFAULTS)
    parser.set_defaults(run=run, typed=())


def run(arguments: argparse.Namespace) -> int:
    """Check what can be checked, fit, export."""
    from nst_engine.catalogue import style_path
    from nst_engine.exporting.model_output import check_model_output
    from nst_engine.models.find import find_model, typed_name
    from nst_engine.stylize.style_mix import check_style_name

    options = training_options(arguments, **_DEFAULTS)  # invalid ones are refused before anything is loaded
    painting = style_path(arguments.painting)
    name = check_style_name(painting.stem if arguments.name is None else arguments.name, "--name")
    model = find_model(typed_name(arguments.model))
    check_model_output(arguments.output, [painting, model.path], overwrite=arguments.overwrite)
    return in_processes(arguments, options.devices, partial(_add, arguments, name, painting, model.path))


def _add(arguments: argparse.Namespace, name: str, painting: Path, model: Path) -> int:
    from nst_engine.catalogue import bundled_contents, bundled_styles
    from nst_engine.cli.progress_bar import say
    from nst_engine.cli.training_run import MEASURED_ADDING, TrainingDisplay, say_finished, say_left_out
    from nst_engine.exporting.model_output import photos_beside
    from nst_engine.training import add_style, find_photos  # torch is imported after all checks

    output = arguments.output
    if arguments.photos is not None:
        photos = photos_beside(output, find_photos(arguments.photos))
    else:
        # a handful of scales and shifts cannot overfit
        photos = [picture.path for picture in (*bundled_contents().values(), *bundled_styles().values())]
    from nst_engine.exporting.finished_model import write_model
    from nst_engine.exporting.stylizer import checkpoint_of

    base = checkpoint_of(model)
    options = training_options(arguments, arch=base.arch, **_DEFAULTS)
    with TrainingDisplay(output.name, options, MEASURED_ADDING) as display:
        grown = add_style(
            name,
            painting,
            base,
            photos,
            options,
            folder=training_folder(arguments),
            faces=faces_in(arguments, photos),
            vgg_weights=arguments.vgg_weights,
            on_step=display,
        )
    if not own_rank().is_first:
        return 0
    if display.was_stopped:
        say("stopped: the model is written as far as it got")
    licence = arguments.licence or str(base.training.get("licence", ""))
    say_finished(write_model(grown, output, licence=licence, shown=grown.styles[-1:]))
    say_left_out(grown.training["added"][-1], training_folder(arguments))
    display.say_if_undertrained("add it again with more {length} and --overwrite")
    return INTERRUPTED if display.was_stopped else 0
