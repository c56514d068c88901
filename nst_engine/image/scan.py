"""The edges of a painting's scan: the passe-partout, paper or backing around it, of one colour, that nobody painted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nst_engine.image.picture import Picture
from nst_engine.image.visible import visible_part

# Of a side. What is wider may be meant, as the ground of a poster.
_WIDEST = 0.08
# px of a side: nobody scans a painting so small, and a few lines less would be much of it.
_LEAST_SIDE = 64
# Deviations along a line, in levels of 0-255: most that one colour has, and as a share of the picture's own.
_FLAT, _FLAT_SHARE = 14.0, 0.35
# Levels of 0-255 between an edge and what lies beside it, and along how much of the edge: a sky ends otherwise.
_STEP, _ALONG = 12.0, 0.7
# Lines that are half edge and half painting.
_BLURRED = 2
# Lines that a picture's own deviation is taken from.
_SAMPLES = 64


def painted_part(picture: Picture) -> Picture:
    """What somebody painted: without transparent margins, and without the edges of a scan.

    Raises:
        OptionError: All of it is transparent.
    """
    return without_scan_edges(visible_part(picture))


def without_scan_edges(picture: Picture) -> Picture:
    """The picture without lines of one colour along its sides, each side's at most 8 % of the picture.

    Pictures with a side below 64 px stay whole, and those with transparent parts: see `painted_part`.
    """
    if picture.alpha is not None:
        return picture
    top, bottom = _edges(picture.pixels)
    left, right = _edges(picture.pixels.swapaxes(0, 1))
    area = slice(top, picture.height - bottom), slice(left, picture.width - right)
    return replace(picture, pixels=picture.pixels[area]) if any((top, bottom, left, right)) else picture


def _edges(lines: NDArray[np.uint8]) -> tuple[int, int]:
    """Lines of the edge at the beginning and at the end."""
    if min(lines.shape[:2]) < _LEAST_SIDE:
        return 0, 0
    widest = int(_WIDEST * lines.shape[0])
    ends = int(_WIDEST * lines.shape[1])  # where lines cross the other two edges
    inner = lines[:, ends : lines.shape[1] - ends]
    own = float(np.median(_deviations(inner[:: -(-inner.shape[0] // _SAMPLES)])))
    flat = min(_FLAT, _FLAT_SHARE * own)
    return _edge(inner, flat, widest), _edge(inner[::-1], flat, widest)


def _edge(lines: NDArray[np.uint8], flat: float, widest: int) -> int:
    is_flat = _deviations(lines[: widest + 1]) < flat
    width = int(np.argmin(is_flat))
    if not width:  # no line is flat, or more than an edge has
        return 0
    beside = lines[width + _BLURRED : width + 2 * _BLURRED].mean(0)
    steps = np.abs(lines[:width].mean((0, 1)) - beside).mean(1)
    return width + _BLURRED if (steps > _STEP).mean() > _ALONG else 0


def _deviations(lines: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Along each line, the mean of the three channels'."""
    return np.asarray(lines.std(1, dtype=np.float32).mean(1))
