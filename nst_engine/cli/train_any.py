"""`nst train-any`: a network of one's own that paints in the style of any picture."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst_engine.cli.option_flags import add_options
from nst_engine.cli.training_arguments import (
    add_output_and_photos,
    add_training_arguments,
    check_length,
    faces_in,
    named_path,
    training_folder,
    training_options,
)
from nst_engine.cli.training_processes import in_processes
from nst_engine.training.options import TrainOptions
from nst_engine.training.ranks import own_rank

if TYPE_CHECKING:
    from nst_engine.training import AnyStyleCheckpoint, Checkpoint

# a step has as many styles as photos: fewer would be too noisy
_DEFAULTS: dict[str, Any] = {"batch_size": 8, "learning_rate": 1e-3, "small_until": 0.5, "likeness_weight": 0.0}
_GOES_ON = {"learning_rate": 3e-4, "small_until": 0.0}
_PAINTER = "bundled:quality"
_SHOWN = 4
# of crops, over many styles: the bundled networks are at an eighth
_LEARNT_STYLE_DISTANCE = 0.25


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "train-any",
        help="train a network that paints in the style of any picture",
        description="Train a network that takes any picture as its style, and what reads style images for it, and "
        "write both as ONNX: OUTPUT and OUTPUT-encoder.onnx beside it.",
        epilog="Ctrl-C keeps a checkpoint; go on with --resume.",
    )
    add_output_and_photos(parser)
    parser.add_argument(
        "--styles",
        type=named_path,
        action="append",
        metavar="DIR",
        help="a folder with paintings, the more the better; may be given again (default: the bundled ones)",
    )
    add_options(parser, TrainOptions, ("arch",))
    parser.add_argument(
        "--start-from",
        metavar="FILE|NAME",
        help="what to begin with: bundled:any, bundled:any-fast, a model or checkpoint of this command, or a model of "
        "fixed styles (default: bundled:live or bundled:quality, whichever has the size)",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in the training's folder")
    add_training_arguments(parser, any_vgg=False, **_DEFAULTS)
    parser.set_defaults(run=run, typed=())


def run(arguments: argparse.Namespace) -> int:
    """Check what can be checked, train, export."""
    from nst_engine.exporting.model_output import check_model_output, encoder_path
    from nst_engine.models.find import find_model, typed_name

    check_length(arguments)
    options = training_options(arguments, **_DEFAULTS)  # invalid ones are refused before anything is loaded
    begun_from = typed_name(arguments.start_from) if arguments.start_from else f"bundled:{options.arch}"
    start_path = _checkpoint_path(begun_from) or find_model(begun_from).path
    companions = [encoder_path(arguments.output)]
    check_model_output(arguments.output, [start_path], companions=companions, overwrite=arguments.overwrite)
    return in_processes(arguments, options.devices, partial(_train, arguments, begun_from))


def _train(arguments: argparse.Namespace, begun_from: str) -> int:
    from nst_engine.catalogue import bundled_styles
    from nst_engine.cli.training_run import (
        MEASURED_ANY,
        TrainingDisplay,
        say_finished,
        say_left_out,
        say_stopped,
    )
    from nst_engine.exporting.finished_model import write_any_model
    from nst_engine.exporting.model_output import photos_beside
    from nst_engine.training import AnyStyleCheckpoint, find_photos, train_any  # torch is imported after all checks

    output = arguments.output
    photos = photos_beside(output, find_photos(arguments.photos))
    folders = arguments.styles or []
    paintings = photos_beside(output, [path for folder in folders for path in find_photos(folder, "styles")])
    paintings = paintings or [painting.path for painting in bundled_styles().values()]
    start, painter = _network(begun_from), _network(_PAINTER)
    own = {**_DEFAULTS, **(_GOES_ON if isinstance(start, AnyStyleCheckpoint) else {})}
    options = training_options(arguments, **own)
    with TrainingDisplay(output.name, options, MEASURED_ANY, _LEARNT_STYLE_DISTANCE) as display:
        checkpoint = train_any(
            photos,
            paintings,
            options,
            folder=training_folder(arguments),
            faces=faces_in(arguments, photos),
            resume=arguments.resume,
            start=start,
            painter=None if isinstance(painter, AnyStyleCheckpoint) else painter,
            on_step=display,
        )
    if not own_rank().is_first:
        return 0
    if display.was_stopped:
        return say_stopped(checkpoint)
    say_finished(write_any_model(checkpoint, output, licence=arguments.licence, shown=paintings[:_SHOWN]))
    say_left_out(checkpoint.training, training_folder(arguments))
    display.say_if_over(checkpoint)
    display.say_if_undertrained()
    return 0


def _checkpoint_path(name: str) -> Path | None:
    return Path(name) if name.endswith(".safetensors") else None


def _network(name: str) -> AnyStyleCheckpoint | Checkpoint:
    from nst_engine.exporting.any_style import network_of_model
    from nst_engine.models.find import find_model
    from nst_engine.training import load_any_style

    path = _checkpoint_path(name)
    return network_of_model(find_model(name)) if path is None else load_any_style(path)
