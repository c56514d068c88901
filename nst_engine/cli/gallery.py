"""`nst gallery`: every content in every style, on one labelled sheet."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from nst_engine.cli.exit_codes import INTERRUPTED
from nst_engine.cli.option_flags import options_of
from nst_engine.cli.transfer_arguments import add_transfer_arguments, read_checked
from nst_engine.limits import ImageLimits
from nst_engine.optimization.options import OptimizeOptions

if TYPE_CHECKING:
    from nst_engine.optimization import OptimizeOptions

# content, style and label to a result, and whether the user has interrupted
_MakeCell: TypeAlias = Callable[[Path, Path, str], tuple[Any, bool]]


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
    parser.add_argument(
        "--model",
        metavar="NAME|FILE",
        help="paint in one pass instead: any and any-fast take any picture as the style (of the options below, "
        "--image-size, --preserve-color, --device and --threads count then)",
    )
    add_transfer_arguments(parser, leave_out=("style_blend_weights",))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Paint row by row; an interrupted sheet keeps what is done."""
    from nst_engine.catalogue import content_path, style_path
    from nst_engine.cli.progress_bar import result_line
    from nst_engine.errors import OptionError, OutputError
    from nst_engine.image import check_image_output, contact_sheet, load_image, save_image

    options, limits = options_of(arguments, OptimizeOptions), options_of(arguments, ImageLimits)
    contents = [content_path(content) for content in arguments.contents]
    styles = [style_path(style) for style in arguments.styles]
    if not 32 <= arguments.cell_size <= 2048:
        raise OptionError(f"--cell-size: {arguments.cell_size} came, 32 to 2048 px was wanted")
    check_image_output(arguments.output, inputs=[*contents, *styles], overwrite=arguments.overwrite)
    if arguments.save_cells is not None and not arguments.save_cells.is_dir():
        raise OutputError(f"{arguments.save_cells}: no such folder; type: mkdir -p {arguments.save_cells}")
    cell_paths = _cell_paths(arguments.save_cells, contents, styles)
    style_images = [load_image(style, limits=limits).pixels for style in styles]
    if arguments.model:
        make_cell = _in_one_pass(arguments, styles, options, limits)
    else:
        make_cell = _by_optimisation(contents, styles, options, limits)
    cells: list[list[Any]] = [[None] * len(styles) for _ in contents]
    pairs = [(row, column) for row in range(len(contents)) for column in range(len(styles))]
    interrupted = False
    for number, (row, column) in enumerate(pairs, 1):
        label = f"{contents[row].stem} × {styles[column].stem} ({number}/{len(pairs)})"
        try:
            result, interrupted = make_cell(contents[row], styles[column], label)
        except KeyboardInterrupt:
            if number == 1:
                raise
            interrupted = True
            break
        cells[row][column] = result.image
        if cell_paths:
            result.save(cell_paths[number - 1])
        if interrupted:
            break
    sheet = contact_sheet(
        cells,
        column_labels=[style.stem for style in styles],
        row_labels=[content.stem for content in contents],
        cell_px=arguments.cell_size,
        column_images=style_images,
        row_images=[load_image(content, limits=limits).pixels for content in contents],
    )
    save_image(arguments.output, sheet, inputs=[*contents, *styles], overwrite=arguments.overwrite)
    done = sum(cell is not None for line in cells for cell in line)
    result_line(f"{arguments.output}: {done} of {len(pairs)} pictures")
    return INTERRUPTED if interrupted else 0


def _by_optimisation(
    contents: list[Path], styles: list[Path], options: OptimizeOptions, limits: ImageLimits
) -> _MakeCell:
    """Cells by optimisation."""
    # all inputs are checked before the first cell
    inputs = {
        pair: read_checked(str(pair[0]), [str(pair[1])], options, limits=limits) for pair in product(contents, styles)
    }
    from nst_engine.cli.progress_bar import RunDisplay
    from nst_engine.optimization import optimize  # torch is imported after all checks

    def make_cell(content: Path, style: Path, label: str) -> tuple[Any, bool]:
        with RunDisplay(label) as display:
            result = optimize(inputs[content, style], options=options, on_progress=display)
        return result, display.was_interrupted

    return make_cell


def _in_one_pass(
    arguments: argparse.Namespace, styles: list[Path], options: OptimizeOptions, limits: ImageLimits
) -> _MakeCell:
    """Cells by a model; any picture may be the style where the model takes any."""
    from nst_engine.cli.progress_bar import say
    from nst_engine.cli.style_arguments import model_of
    from nst_engine.image import load_image
    from nst_engine.stylize.stylizer import Stylizer

    model = model_of(arguments)
    stylizer = Stylizer(model, device=options.device, threads=options.threads, limits=limits)
    if stylizer.spec.style is None:
        _check_held(model, stylizer.styles, styles)

    def make_cell(content: Path, style: Path, label: str) -> tuple[Any, bool]:
        style_name = str(style) if stylizer.spec.style is not None else style.stem
        pixels = load_image(content, limits=limits).pixels
        side, color = options.image_size, options.preserve_color
        result = stylizer.stylize(pixels, style_name, max_side=side, preserve_color=color)
        say(f"{label}: {result.timings_ms['total']:.0f} ms")
        return result, False

    return make_cell


def _check_held(model: str, held: Sequence[str], styles: list[Path]) -> None:
    """Refuse paintings that a model does not hold; of a bundled one also others of the same name."""
    from nst_engine.catalogue import bundled_styles
    from nst_engine.errors import OptionError
    from nst_engine.models.find import BUNDLED_PREFIX

    paintings = bundled_styles()
    for style in styles:
        is_another = model.startswith(BUNDLED_PREFIX) and style != getattr(paintings.get(style.stem), "path", None)
        if style.stem not in held or is_another:
            raise OptionError(
                f"--styles: {style}: {model} holds its styles ({', '.join(held)}) and reads no files; name some of "
                "them, or take --model any or any-fast"
            )


def _cell_paths(folder: Path | None, contents: list[Path], styles: list[Path]) -> list[Path]:
    """Output paths of the cells, row by row; empty if they are not saved."""
    from nst_engine.errors import OptionError
    from nst_engine.image import check_image_output

    if folder is None:
        return []
    paths = [folder / f"{content.stem}_{style.stem}.png" for content in contents for style in styles]
    for path in paths:
        if paths.count(path) > 1:
            raise OptionError(f"{path}: two cells would be written there; rename one of the pictures")
        check_image_output(path, inputs=[*contents, *styles])
    return paths
