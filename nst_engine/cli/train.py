"""`nst train`: a network of one's own."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from nst_engine.cli.option_flags import add_options
from nst_engine.cli.training_arguments import (
    add_output_and_photos,
    add_training_arguments,
    check_length,
    faces_in,
    training_folder,
    training_options,
)
from nst_engine.cli.training_processes import in_processes
from nst_engine.errors import OptionError
from nst_engine.training.options import TrainOptions
from nst_engine.training.ranks import own_rank


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "train",
        help="train a network that paints in the styles of paintings",
        description="Train a network that paints in the style of each PAINTING in one pass, and write it as ONNX.",
        epilog="Ctrl-C keeps a checkpoint; go on with --resume.",
    )
    parser.add_argument(
        "paintings", nargs="+", metavar="PAINTING", help="files, or bundled names; FILE:NAME to name it"
    )
    add_output_and_photos(parser)
    add_options(parser, TrainOptions, ("arch",))
    parser.add_argument(
        "--start-from", metavar="FILE|NAME", help="a model of the same styles to begin with, such as bundled:live"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in the training's folder")
    add_training_arguments(parser)
    parser.set_defaults(run=run, typed=())


def run(arguments: argparse.Namespace) -> int:
    """Check what can be checked, train, export."""
    from nst_engine.exporting.model_output import check_model_output

    check_length(arguments)
    options = training_options(arguments)
    paintings = named_paintings(arguments.paintings)
    check_model_output(arguments.output, list(paintings.values()), overwrite=arguments.overwrite)
    return in_processes(arguments, options.devices, partial(_train, arguments, options, paintings))


def _train(arguments: argparse.Namespace, options: TrainOptions, paintings: Mapping[str, Path]) -> int:
    from nst_engine.cli.training_run import (
        MEASURED_TRAINING,
        TrainingDisplay,
        say_finished,
        say_left_out,
        say_stopped,
    )
    from nst_engine.exporting.finished_model import write_model
    from nst_engine.exporting.model_output import photos_beside
    from nst_engine.training import find_photos, train  # torch is imported after all checks

    output = arguments.output
    photos = photos_beside(output, find_photos(arguments.photos))
    start = None
    if arguments.start_from is not None:
        from nst_engine.exporting.stylizer import checkpoint_of
        from nst_engine.models.find import find_model, typed_name

        start = checkpoint_of(find_model(typed_name(arguments.start_from)).path)
    with TrainingDisplay(output.name, options, MEASURED_TRAINING) as display:
        checkpoint = train(
            paintings,
            photos,
            options,
            folder=training_folder(arguments),
            faces=faces_in(arguments, photos),
            resume=arguments.resume,
            start=start,
            vgg_weights=arguments.vgg_weights,
            on_step=display,
        )
    if not own_rank().is_first:
        return 0
    if display.was_stopped:
        return say_stopped(checkpoint)
    say_finished(write_model(checkpoint, output, licence=arguments.licence, shown=checkpoint.styles))
    say_left_out(checkpoint.training, training_folder(arguments))
    display.say_if_over(checkpoint)
    display.say_if_undertrained()
    return 0


def named_paintings(paintings: list[str]) -> dict[str, Path]:
    """Style name to file: a bundled name, FILE (named after itself) or FILE:NAME.

    Raises:
        OptionError: Two styles of one name, or a name that cannot be asked for.
        StyleNotFoundError: No such file or bundled painting.
    """
    from nst_engine.catalogue import style_path
    from nst_engine.stylize.style_mix import check_style_name

    named: dict[str, Path] = {}
    for painting in paintings:
        file, _, suffix = painting.rpartition(":") if not Path(painting).exists() else (painting, "", "")
        path = style_path(file or painting)
        name = check_style_name(suffix if file and suffix else path.stem, "FILE:NAME")
        if name in named:
            raise OptionError(f"two styles would be called {name!r}; name one with FILE:NAME")
        named[name] = path
    return named
