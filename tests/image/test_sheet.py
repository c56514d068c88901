from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nst_engine.errors import ImageEncodeError, OptionError
from nst_engine.image import contact_sheet

from .samples import noise


def _plain(height: int, width: int, colour: tuple[int, int, int]) -> Any:
    return np.full((height, width, 3), colour, dtype=np.uint8)


def _area(sheet: Any, colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Count of pixels of this colour, and height and width of the box around them."""
    rows, columns = np.nonzero((sheet == np.array(colour)).all(axis=2))
    return len(rows), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def test_cells_are_fitted_whole_with_their_aspect() -> None:
    wide, tall, small = (200, 0, 0), (0, 150, 0), (0, 0, 200)
    cells = [[_plain(50, 100, wide), _plain(300, 150, tall)], [_plain(2, 2, small), None]]
    sheet = contact_sheet(cells, column_labels=["a", "b"], row_labels=["c", "d"], cell_px=96)
    assert sheet.dtype == np.uint8
    assert _area(sheet, wide) == (48 * 96, 48, 96)
    assert _area(sheet, tall) == (96 * 48, 96, 48)
    assert _area(sheet, small) == (96 * 96, 96, 96)
    border = np.concatenate([sheet[0], sheet[-1], sheet[:, 0], sheet[:, -1]])
    assert (border == 255).all()


def test_header_pictures_and_long_labels() -> None:
    style, content = (255, 0, 255), (0, 255, 255)
    sheet = contact_sheet(
        [[noise(31, 17), noise(9, 40)]],
        column_labels=[
            "A very long name of a painting that cannot fit above its column" * 2,
            "Øresund, 风景",
        ],
        row_labels=["content.jpg"],
        cell_px=128,
        column_images=[_plain(64, 64, style), None],
        row_images=[_plain(30, 30, content)],
    )
    assert _area(sheet, style) == (128 * 128, 128, 128)
    _, height, width = _area(sheet, content)
    assert height == width < 128
    assert (sheet[:, -10:] == 255).all()


def test_without_labels() -> None:
    sheet = contact_sheet([[noise(5, 5)]], column_labels=[""], row_labels=[""], cell_px=64)
    assert sheet.shape[0] == sheet.shape[1] < 64 + 40


def test_refused() -> None:
    cell = noise(4, 4)
    with pytest.raises(OptionError, match="row_labels: came 2 entries, wanted 1"):
        contact_sheet([[cell]], column_labels=["a"], row_labels=["b", "c"])
    with pytest.raises(OptionError, match="row 1: came 1 entries, wanted 2"):
        contact_sheet([[cell, cell], [cell]], column_labels=["a", "b"], row_labels=["c", "d"])
    with pytest.raises(OptionError, match="column_images"):
        contact_sheet([[cell]], column_labels=["a"], row_labels=["b"], column_images=[])
    with pytest.raises(OptionError, match="row_images"):
        contact_sheet([[cell]], column_labels=["a"], row_labels=["b"], row_images=[])
    with pytest.raises(OptionError, match="empty grid"):
        contact_sheet([], column_labels=["a"], row_labels=[])
    with pytest.raises(OptionError, match="cell_px"):
        contact_sheet([[cell]], column_labels=["a"], row_labels=["b"], cell_px=8)
    with pytest.raises(ImageEncodeError, match="cell"):
        contact_sheet([[noise(4, 4, 1)]], column_labels=["a"], row_labels=["b"])
