"""`nst styles`: what a model can paint."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nst_engine.cli.messages import as_json
from nst_engine.cli.model_arguments import add_model_arguments, open_stylizer
from nst_engine.cli.style_arguments import files_read
from nst_engine.wording import counted

_CELL_PX = 320


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "styles",
        help="list a model's styles, or paint one photo in all of them",
        description="List the styles of a model; with --sheet, paint one photo in each of them, labelled.",
    )
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="paint a photo in every style on one sheet")
    parser.add_argument("--photo", default="chelsea", metavar="PHOTO", help="for the sheet (default: chelsea)")
    parser.add_argument("--columns", type=int, default=4, metavar="N", help="of the sheet (default: 4)")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the table, or paint the sheet."""
    from nst_engine.catalogue import bundled_styles, content_path
    from nst_engine.cli.progress_bar import result_line
    from nst_engine.errors import OptionError

    if not 1 <= arguments.columns <= 64:
        raise OptionError(f"--columns: {arguments.columns} came, 1 to 64 was wanted")
    photo = content_path(arguments.photo)
    if arguments.sheet is not None:
        from nst_engine.image import check_image_output

        check_image_output(arguments.sheet, inputs=[photo, *files_read(arguments)])
    stylizer = open_stylizer(arguments)
    works = bundled_styles()
    if arguments.json:
        known = [
            {"name": name, "title": works[name].title, "painter": works[name].painter, "year": works[name].year}
            if name in works
            else {"name": name}
            for name in stylizer.styles
        ]
        print(as_json({"model": stylizer.model, "styles": known}, indent=2))
    elif arguments.sheet is None:
        width = max(map(len, stylizer.styles))
        for name in stylizer.styles:
            work = works.get(name)
            description = f"{work.painter}, {work.title}, {work.year}" if work is not None else ""
            print(f"{name:{width}}  {description}".rstrip())
        if stylizer.spec.style is not None:
            print("and any other picture: nst stylize photo.jpg --style-image painting.jpg")
    if arguments.sheet is not None:
        _write_sheet(stylizer, photo, arguments.sheet, arguments.columns)
        result_line(f"{arguments.sheet}: {arguments.photo} in {counted(len(stylizer.styles), 'style')}")
    return 0


def _write_sheet(stylizer: Any, photo: Path, path: Path, columns: int) -> None:
    from nst_engine.image import labelled_sheet, load_image, save_image

    picture = load_image(photo).pixels
    stylized = [(name, stylizer.stylize(picture, name, max_side=2 * _CELL_PX).pixels) for name in stylizer.styles]
    save_image(path, labelled_sheet([("photo", picture), *stylized], columns=columns, cell_px=_CELL_PX), inputs=[photo])
