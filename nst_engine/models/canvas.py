"""The grain that networks lay under a photo, so that they have something to paint from where it has nothing."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

#: Of its two patterns, what they are among a model's values: tiles are given theirs under these names.
CANVAS = ("canvas.warp", "canvas.weft")
#: How far it raises and lowers pixels, 0-1: a network's weight of this name.
GRAIN = "canvas.grain"
# They are repeated, and their product begins again where both do, after 14,464 px.
_SIDES_PX = (113, 128)


def canvas_patterns() -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """White noise of -1 and 1, each 1×1×P×P: the same wherever and whenever it is made."""
    warp, weft = map(_pattern, CANVAS, _SIDES_PX)
    return warp, weft


def _pattern(name: str, side: int) -> NDArray[np.int8]:
    drawn = np.frombuffer(hashlib.shake_256(name.encode()).digest(-(-(side**2) // 8)), np.uint8)
    bits = np.unpackbits(drawn)[: side**2].reshape(1, 1, side, side)
    return 2 * bits.astype(np.int8) - 1
