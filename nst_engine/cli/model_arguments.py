"""The arguments of commands that run a model: which, and on what."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

from nst_engine.cli.messages import with_flags
from nst_engine.cli.option_flags import add_options, explicit_options, options_of
from nst_engine.cli.style_arguments import model_of
from nst_engine.limits import ImageLimits
from nst_engine.runtimes.options import SessionOptions

if TYPE_CHECKING:
    from nst_engine.stylize.stylizer import Stylizer


def add_model_arguments(
    parser: argparse.ArgumentParser,
    *,
    default: str = "bundled:quality",
    any_style: str | None = None,
    leave_out: Collection[str] = (),
) -> argparse._ArgumentGroup:
    """Which model, on which device; the group of these arguments.

    Args:
        parser: Of the command.
        default: Where no model is named.
        any_style: Where none is named but a style image; None: the command takes none.
        leave_out: Options of sessions that the command does not have.
    """
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        default=default,
        metavar="NAME|FILE",
        help=f"bundled:quality, bundled:live, bundled:any, bundled:any-fast, or a file (default: {default})",
    )
    add_options(group, SessionOptions, leave_out=leave_out)
    add_options(group, ImageLimits)
    if any_style is not None:
        parser.set_defaults(model=None, default_models=(default, any_style))
    return group


def open_stylizer(arguments: argparse.Namespace, *, expected_pictures: int | None = None, streams: int = 1) -> Stylizer:
    """Load the model; better devices that `auto` skipped are reported on stderr."""
    from nst_engine.stylize.stylizer import Stylizer

    stylizer = Stylizer(
        model_of(arguments),
        **explicit_options(arguments, SessionOptions),
        expected_pictures=expected_pictures,
        limits=options_of(arguments, ImageLimits),
        streams=streams,
    )
    if "passed over" in stylizer.device_report:
        print(f"nst: device {with_flags(stylizer.device_report)}", file=sys.stderr)
    return stylizer
