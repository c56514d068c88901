"""`nst gallery`: every content in every style, on one labelled sheet."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nst_engine.cli.main import EXIT_INTERRUPTED
from nst_engine.cli.transfer_arguments import add_transfer_arguments, options_from


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "gallery",
        help="a labelled grid of contents by styles",
        description="Paint every CONTENT in every style and lay the pictures out on one labelled sheet.",
    )
    parser.add_argument("contents", nargs="+", metavar="CONTENT", help="pictures, or bundled photos' names")
    parser.add_argument("--styles", nargs="+", required=True, metavar="FILE|NAME", help="paintings")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the sheet")
    parser.add_argument("--cell-size", type=int, default=256, metavar="PX", help="side of a cell (default: 256)")
    parser.add_argument("--save-cells", type=Path, metavar="DIR", help="also write every picture there, as PNG")
    parser.add_argument("--overwrite", action="store_true", help="the sheet may replace an input")
    add_transfer_arguments(parser, leave_out=("style_blend_weights",))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Paint row by row; an interrupted sheet keeps what is done."""
    from nst_engine.catalogue import content_path, style_path
    from nst_engine.cli.progress_bar import RunDisplay, result_line
    from nst_engine.errors import OptionError, OutputError
    from nst_engine.image import check_output, contact_sheet, load_image, save_image
    from nst_engine.optimization import optimize

    options = options_from(arguments)
    contents = [content_path(content) for content in arguments.contents]
    styles = [style_path(style) for style in arguments.styles]
    if not 32 <= arguments.cell_size <= 2048:
        raise OptionError(f"--cell-size: {arguments.cell_size} came, 32 to 2048 px was wanted")
    check_output(arguments.output, inputs=[*contents, *styles], overwrite=arguments.overwrite)
    if arguments.save_cells is not None and not arguments.save_cells.is_dir():
        raise OutputError(f"{arguments.save_cells}: no such folder; type: mkdir -p {arguments.save_cells}")
    content_images = [load_image(content).pixels for content in contents]
    style_images = [load_image(style).pixels for style in styles]
    cells: list[list[Any]] = [[None] * len(styles) for _ in contents]
    pairs = [(row, column) for row in range(len(contents)) for column in range(len(styles))]
    interrupted = False
    for number, (row, column) in enumerate(pairs, 1):
        label = f"{contents[row].stem} × {styles[column].stem} ({number}/{len(pairs)})"
        with RunDisplay(label) as display:
            result = optimize(content_images[row], style_images[column], on_progress=display, options=options)
        cells[row][column] = result.image
        if arguments.save_cells is not None:
            result.save(arguments.save_cells / f"{contents[row].stem}_{styles[column].stem}.png")
        interrupted = display.was_interrupted
        if interrupted:
            break
    sheet = contact_sheet(
        cells,
        column_labels=[style.stem for style in styles],
        row_labels=[content.stem for content in contents],
        cell_px=arguments.cell_size,
        column_images=style_images,
        row_images=content_images,
    )
    save_image(arguments.output, sheet, inputs=[*contents, *styles], overwrite=arguments.overwrite)
    done = sum(cell is not None for line in cells for cell in line)
    result_line(f"{arguments.output}: {done} of {len(pairs)} pictures")
    return EXIT_INTERRUPTED if interrupted else 0
