"""How a player turns the frames of a video before it shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Turn:
    """One of the eight ways to lay down a picture.

    Attributes:
        is_transposed: Rows become columns; first.
        is_mirrored: Left becomes right; then.
        is_upended: Top becomes bottom; last.
    """

    is_transposed: bool = False
    is_mirrored: bool = False
    is_upended: bool = False

    def upright(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn uint8 H×W×C as it is meant to be seen; not copied where nothing is to be done."""
        turned = pixels.swapaxes(0, 1) if self.is_transposed else pixels
        turned = turned[:, ::-1] if self.is_mirrored else turned
        turned = turned[::-1] if self.is_upended else turned
        return np.ascontiguousarray(turned)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of a picture of this size after the turn, and the other way round."""
        return (width, height) if self.is_transposed else (height, width)


def turn_of(frame: av.VideoFrame) -> Turn:
    """What the display matrix says, to the nearest quarter."""
    entries: Iterable[Any] = frame.side_data
    for entry in entries:
        if getattr(getattr(entry, "type", None), "name", "") == "DISPLAYMATRIX":
            matrix = np.frombuffer(bytes(entry), np.int32)
            # x' = a x + c y, y' = b x + d y, with y downwards
            a, b, c, d = (int(matrix[place]) for place in (0, 1, 3, 4))
            if abs(a) + abs(d) >= abs(b) + abs(c):
                return Turn(False, a < 0, d < 0)
            return Turn(True, c < 0, b < 0)
    return Turn()
