"""`nst export triton`: a model repository."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nst_engine.cli.option_flags import add_options, options_of
from nst_engine.models.formats import ExportOptions
from nst_engine.models.triton import TritonOptions
from nst_engine.wording import counted

#: Beside `nst export MODEL`, whose MODEL may be any file.
WORDS = ("export", "triton")


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand, of two words: see `cli.main`."""
    parser = commands.add_parser(
        " ".join(WORDS),
        help="write a model repository for NVIDIA Triton",
        description="Write a model into DIR as NVIDIA Triton loads it: bytes in, bytes out, in all its styles.",
        epilog="docs/triton.md shows how Triton is started with DIR, and how it is asked.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the model repository; other models in it stay")
    parser.add_argument(
        "--model",
        default="bundled:quality",
        metavar="NAME|FILE",
        help="bundled:NAME, a model file, or a training's checkpoint (default: bundled:quality)",
    )
    add_options(parser, TritonOptions)
    add_options(parser, ExportOptions, leave_out=("format",))
    parser.add_argument("--overwrite", action="store_true", help="models of the same name may be replaced")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check, convert, report."""
    from nst_engine.cli.export import said_difference, source_path
    from nst_engine.cli.progress_bar import result_line

    options, export = options_of(arguments, TritonOptions), options_of(arguments, ExportOptions)
    source = source_path(arguments.model)
    from nst_engine.exporting.triton.repository import export_triton  # loads torch

    written = export_triton(source, arguments.folder, options, export, overwrite=arguments.overwrite)
    result_line(
        f"{', '.join(str(written.folder / model) for model in written.models)}: "
        f"{counted(len(written.styles), 'style')}, {said_difference(written.difference, export)}"
    )
    return 0
