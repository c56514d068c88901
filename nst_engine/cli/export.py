"""`nst export`: a model in another form."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nst_engine.cli.option_flags import add_options, options_of
from nst_engine.models.formats import ExportOptions
from nst_engine.wording import counted


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "export",
        help="write a model in another form, for other programs",
        description="Write MODEL, with all its styles, in another form; the pictures are checked first.",
        epilog="docs/models.md shows how C++, JavaScript and Python without this package run the files. "
        "nst export triton DIR writes a model repository for NVIDIA Triton.",
    )
    parser.add_argument("model", metavar="MODEL", help="bundled:NAME, a model file, or a training's checkpoint")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=".onnx, or .xml for openvino")
    add_options(parser, ExportOptions)
    parser.add_argument("--overwrite", action="store_true", help="existing files may be replaced")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check, convert, report."""
    from nst_engine.cli.progress_bar import result_line
    from nst_engine.errors import OutputError

    options = options_of(arguments, ExportOptions)
    source = source_path(arguments.model)
    if not arguments.output.parent.is_dir():
        raise OutputError(f"{arguments.output}: no such folder; type: mkdir -p {arguments.output.parent}")
    from nst_engine.exporting.conversion import export_model, output_files  # loads torch

    for file in output_files(arguments.output, options.format):
        if file.exists() and not arguments.overwrite:
            raise OutputError(f"{file} is there already; take another name, or --overwrite")
    exported = export_model(source, arguments.output, options)
    megabytes = sum(file.stat().st_size for file in exported.files) / 1e6
    result_line(
        f"{' and '.join(map(str, exported.files))}: {counted(len(exported.styles), 'style')}, {megabytes:.1f} MB, "
        f"{said_difference(exported.difference, options)}"
    )
    return 0


def said_difference(difference: float, options: ExportOptions) -> str:
    """How far the network is from torch's; what fewer bits change comes on top."""
    reduced = "" if options.precision == "float32" else f", before it was reduced to {options.precision}"
    return f"differs from torch by {difference:.1g}{reduced}"


def source_path(model: str) -> Path:
    """The file of a model, or of a training's checkpoint.

    Raises:
        ModelNotFoundError: There is none of that name.
    """
    from nst_engine.models.find import find_model, typed_name

    return Path(model) if Path(model).suffix.lower() == ".safetensors" else find_model(typed_name(model)).path
