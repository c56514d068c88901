"""Sheets of labelled pictures: a grid with styles across and contents down, or line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nst_engine.errors import OptionError
from nst_engine.image.picture import Pixels, require_pixels

_WHITE, _INK, _RULE, _EMPTY = (255, 255, 255), (32, 32, 36), (205, 205, 210), (244, 244, 246)


@dataclass(frozen=True)
class _Layout:
    """Sizes in pixels, all derived from the cell."""

    cell: int
    gap: int
    margin: int
    label: int
    left: int
    top: int
    label_y: float

    def x(self, column: int) -> int:
        return self.margin + self.left + column * (self.cell + self.gap)

    def y(self, row: int) -> int:
        return self.margin + self.top + row * (self.cell + self.gap)


def contact_sheet(
    cells: Sequence[Sequence[Pixels | None]],
    *,
    column_labels: Sequence[str],
    row_labels: Sequence[str],
    cell_px: int = 256,
    column_images: Sequence[Pixels | None] | None = None,
    row_images: Sequence[Pixels | None] | None = None,
) -> Pixels:
    """Draw a grid of pictures on white, each fitted into a square cell with its aspect kept.

    Args:
        cells: Rows of pictures, uint8 H×W×3; None leaves a cell pale.
        column_labels: One per column, above it; "" for none. Labels too long are shortened with "…".
        row_labels: One per row, left of it.
        cell_px: Side of a cell in pixels, at least 32.
        column_images: One per column, shown above it (the styles).
        row_images: One per row, shown left of it (the contents).

    Returns:
        uint8 H×W×3, a new picture.

    Raises:
        OptionError: No cells, lengths that do not fit together, or a cell below 32 pixels.
        ImageEncodeError: A picture of another dtype or shape.
    """
    _check_lengths(cells, column_labels, row_labels, column_images, row_images)
    if cell_px < 32:
        raise OptionError(f"cell_px: came {cell_px}, wanted at least 32.")
    font = _font(cell_px)
    layout = _layout(cell_px, font, column_labels, row_labels, (column_images is not None, row_images is not None))
    columns, rows = len(column_labels), len(row_labels)
    sheet = Image.new(
        "RGB",
        (layout.x(columns) - layout.gap + layout.margin, layout.y(rows) - layout.gap + layout.margin),
        _WHITE,
    )
    draw = ImageDraw.Draw(sheet)
    for row, pictures in enumerate(cells):
        for column, pixels in enumerate(pictures):
            _paste(sheet, pixels, (layout.x(column), layout.y(row)), cell_px)
    for column, text in enumerate(column_labels):
        if column_images is not None:
            _paste(sheet, column_images[column], (layout.x(column), layout.margin), cell_px, align=1.0)
        middle = (layout.x(column) + cell_px / 2, layout.label_y)
        draw.text(middle, _shortened(text, font, cell_px), _INK, font, anchor="mm")
    for row, text in enumerate(row_labels):
        if row_images is None:
            place = (float(layout.margin + layout.left - layout.gap), layout.y(row) + cell_px / 2)
            draw.text(place, _shortened(text, font, cell_px), _INK, font, anchor="rm")
            continue
        size = cell_px - layout.label
        bottom = _paste(sheet, row_images[row], (layout.margin + layout.label // 2, layout.y(row)), size)
        place = (layout.margin + cell_px / 2, bottom + layout.label / 2)
        draw.text(place, _shortened(text, font, cell_px), _INK, font, anchor="mm")
    _rules(draw, layout, sheet.size, column_images is not None, row_images is not None)
    return np.array(sheet, dtype=np.uint8)


def labelled_sheet(pictures: Sequence[tuple[str, Pixels]], *, columns: int, cell_px: int = 256) -> Pixels:
    """Draw labelled pictures line by line on white.

    Args:
        pictures: Label and uint8 H×W×3 each; fitted to the cell's width, so pictures of one shape fill their cells.
        columns: Pictures in a line, at least 1.
        cell_px: Width of a picture, and the most it may be high, at least 32.

    Returns:
        uint8 H×W×3, a new picture.

    Raises:
        OptionError: No pictures, no column, or a cell below 32 pixels.
        ImageEncodeError: A picture of another dtype or shape.
    """
    if not pictures or columns < 1 or cell_px < 32:
        raise OptionError(
            f"came {len(pictures)} pictures, {columns} columns and cells of {cell_px} px; "
            "wanted at least 1, 1 and 32 px."
        )
    font = _font(cell_px)
    gap, label_px = max(6, cell_px // 24), max(16, cell_px // 9)
    fitted = [_fitted(pixels, cell_px, "picture") for _, pixels in pictures]
    columns = min(columns, len(fitted))
    rows = -(-len(fitted) // columns)
    line_px = max(image.height for image in fitted)
    step_x, step_y = cell_px + gap, line_px + label_px + gap
    sheet = Image.new("RGB", (gap + columns * step_x, gap + rows * step_y), _WHITE)
    draw = ImageDraw.Draw(sheet)
    for index, (image, (label, _)) in enumerate(zip(fitted, pictures, strict=True)):
        left, top = gap + index % columns * step_x, gap + index // columns * step_y
        sheet.paste(image, (left + (cell_px - image.width) // 2, top + (line_px - image.height) // 2))
        middle = (left + cell_px / 2, top + line_px + label_px / 2)
        draw.text(middle, _shortened(label, font, cell_px), _INK, font, anchor="mm")
    return np.array(sheet, dtype=np.uint8)


def _check_lengths(
    cells: Sequence[Sequence[Pixels | None]],
    column_labels: Sequence[str],
    row_labels: Sequence[str],
    column_images: Sequence[Pixels | None] | None,
    row_images: Sequence[Pixels | None] | None,
) -> None:
    if not cells or not column_labels:
        raise OptionError("cells: came an empty grid, wanted at least one row and one column.")
    expected = [("row_labels", len(row_labels), len(cells))]
    expected += [(f"row {index}", len(row), len(column_labels)) for index, row in enumerate(cells)]
    if column_images is not None:
        expected.append(("column_images", len(column_images), len(column_labels)))
    if row_images is not None:
        expected.append(("row_images", len(row_images), len(cells)))
    for what, came, needed in expected:
        if came != needed:
            raise OptionError(f"{what}: came {came} entries, wanted {needed} to fit the grid.")


def _layout(
    cell_px: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    column_labels: Sequence[str],
    row_labels: Sequence[str],
    has_images: tuple[bool, bool],
) -> _Layout:
    has_column_images, has_row_images = has_images
    gap, label = max(6, cell_px // 16), max(16, cell_px // 8)
    margin, widest = 2 * gap, max((font.getbbox(text)[2] for text in row_labels), default=0)
    text_px = min(cell_px, int(np.ceil(widest))) + gap if widest else 0
    left = cell_px + 2 * gap if has_row_images else text_px
    labels_top = cell_px if has_column_images else 0
    labels_bottom = labels_top + (label if any(column_labels) else 0)
    top = labels_bottom + (2 * gap if has_column_images else 0)
    return _Layout(cell_px, gap, margin, label, left, top, margin + (labels_top + labels_bottom) / 2)


def _paste(sheet: Image.Image, pixels: Pixels | None, corner: tuple[int, int], side: int, *, align: float = 0.5) -> int:
    """Fit a picture into a square, at its top (`align` 0), middle or bottom (1); return where it ends."""
    left, top = corner
    if pixels is None:
        sheet.paste(_EMPTY, (left, top, left + side, top + side))
        return top + side
    fitted = _fitted(pixels, side, "cell")
    top += round((side - fitted.height) * align)
    sheet.paste(fitted, (left + (side - fitted.width) // 2, top))
    return top + fitted.height


def _fitted(pixels: Pixels, side: int, what: str) -> Image.Image:
    image = Image.fromarray(require_pixels(pixels, what))
    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _font(cell_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The labels' font, for cells of this size."""
    return ImageFont.load_default(max(11, cell_px // 14))


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_px: int) -> str:
    """The text, or as much of it as fits, with an ellipsis."""
    text = " ".join(text.split())
    if font.getlength(text) <= width_px:
        return text
    while text and font.getlength(f"{text}…") > width_px:
        text = text[:-1].rstrip()
    return f"{text}…"


def _rules(
    draw: ImageDraw.ImageDraw,
    layout: _Layout,
    size: tuple[int, int],
    has_column_images: bool,
    has_row_images: bool,
) -> None:
    """Draw hairlines between the headers that show pictures and the grid."""
    width, height = size
    if has_column_images:
        y = layout.y(0) - layout.gap
        draw.line((layout.margin, y, width - layout.margin, y), fill=_RULE)
    if has_row_images:
        x = layout.x(0) - layout.gap
        draw.line((x, layout.margin, x, height - layout.margin), fill=_RULE)
