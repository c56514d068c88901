"""Pictures in reading order, each with its name below it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from nst_engine.errors import OptionError
from nst_engine.image.picture import Pixels, require_pixels
from nst_engine.image.sheet import INK, WHITE, sheet_font, shortened


def labelled_sheet(pictures: Sequence[tuple[str, Pixels]], *, columns: int, cell_px: int = 256) -> Pixels:
    """Draw labelled pictures line by line on white.

    Args:
        pictures: label and uint8 H×W×3 each; fitted to the cell's width, so pictures of one shape fill their cells.
        columns: pictures in a line, at least 1.
        cell_px: width of a picture, and the most it may be high, at least 32.

    Returns:
        uint8 H×W×3, a new picture.

    Raises:
        OptionError: no pictures, no column, or a cell below 32 pixels.
        ImageEncodeError: a picture of another dtype or shape.
    """
    if not pictures or columns < 1 or cell_px < 32:
        raise OptionError(
            f"came {len(pictures)} pictures, {columns} columns and cells of {cell_px} px; "
            "wanted at least 1, 1 and 32 px."
        )
    font = sheet_font(cell_px)
    gap, label_px = max(6, cell_px // 24), max(16, cell_px // 9)
    fitted = [_fitted(pixels, cell_px) for _, pixels in pictures]
    columns = min(columns, len(fitted))
    rows = -(-len(fitted) // columns)
    line_px = max(image.height for image in fitted)
    step_x, step_y = cell_px + gap, line_px + label_px + gap
    sheet = Image.new("RGB", (gap + columns * step_x, gap + rows * step_y), WHITE)
    draw = ImageDraw.Draw(sheet)
    for index, (image, (label, _)) in enumerate(zip(fitted, pictures, strict=True)):
        left, top = gap + index % columns * step_x, gap + index // columns * step_y
        sheet.paste(image, (left + (cell_px - image.width) // 2, top + (line_px - image.height) // 2))
        middle = (left + cell_px / 2, top + line_px + label_px / 2)
        draw.text(middle, shortened(label, font, cell_px), INK, font, anchor="mm")
    return np.array(sheet, dtype=np.uint8)


def _fitted(pixels: Pixels, side: int) -> Image.Image:
    image = Image.fromarray(require_pixels(pixels, "picture"))
    scale = side / max(image.size)
    return image.resize(
        (max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.LANCZOS
    )
