"""`nst encode-style`: read a style image once, for models that take any."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nst_engine.cli.model_arguments import add_model_arguments, open_stylizer
from nst_engine.cli.style_arguments import ANY_STYLE


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "encode-style",
        help="read a painting into a small file, to be given as --style-image",
        description="Read PAINTING and write what a model for any style needs of it: half a kilobyte.",
        epilog="Then: nst stylize photo.jpg --style-image painting.safetensors",
    )
    parser.add_argument("painting", metavar="PAINTING", help="a picture, or a bundled painting's name")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: PAINTING.safetensors, here")
    parser.add_argument("--name", metavar="NAME", help="what people call the style (default: the file's)")
    add_model_arguments(parser, default=ANY_STYLE, any_style=ANY_STYLE)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, write, report."""
    from nst_engine.catalogue import style_path
    from nst_engine.cli.progress_bar import result_line
    from nst_engine.files import check_output
    from nst_engine.stylize.style_embedding import SUFFIX

    painting = style_path(arguments.painting)
    output = arguments.output or Path(painting.stem + SUFFIX)
    check_output(output, (SUFFIX,), inputs=[painting])
    stylizer = open_stylizer(arguments, expected_pictures=1)
    embedding = stylizer.encode_style(painting, label=arguments.name)
    embedding.save(output)
    result_line(f"{output}: {embedding.label}, {embedding.code.size} numbers for {stylizer.model}")
    return 0
