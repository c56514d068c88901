"""The arguments of commands that run a model: which, and on what."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from nst_engine.cli.messages import with_flags
from nst_engine.cli.style_arguments import model_of

if TYPE_CHECKING:
    from nst_engine.stylize.stylizer import Stylizer


def add_model_arguments(parser: argparse.ArgumentParser, *, default: str = "bundled:quality") -> None:
    """Which model, on which device."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        default=default,
        metavar="NAME|FILE",
        help=f"bundled:quality, bundled:live, bundled:any, bundled:any-fast, or a file (default: {default})",
    )
    group.add_argument(
        "--device",
        default="auto",
        metavar="NAME",
        help="auto, cpu, cuda, cuda:N, tensorrt, openvino, coreml or directml; this one or an error (default: auto)",
    )
    group.add_argument(
        "--backend",
        default="auto",
        choices=("auto", "onnxruntime", "openvino"),
        help="auto: for many pictures the fastest installed one whose pixels are right (default: auto)",
    )
    group.add_argument("--threads", type=int, metavar="N", help="of the CPU (default: as many as may be used)")
    group.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "float32", "float16", "bfloat16", "int8"),
        help="int8: the model's quantised file, faster and less exact (default: the device's)",
    )


def open_stylizer(arguments: argparse.Namespace, *, expected_pictures: int | None = None) -> Stylizer:
    """The model loaded, for so many pictures; a better device that was passed over by `auto` is told, on stderr."""
    from nst_engine.stylize.stylizer import Stylizer

    stylizer = Stylizer(
        model_of(arguments),
        device=arguments.device,
        threads=arguments.threads,
        precision=arguments.precision,
        backend=arguments.backend,
        expected_pictures=expected_pictures,
    )
    if "passed over" in stylizer.device_report:
        print(f"nst: device {with_flags(stylizer.device_report)}", file=sys.stderr)
    return stylizer
