"""How pictures are fitted to a size and cut into tiles; sizes only."""

from __future__ import annotations

from dataclasses import dataclass


def fit_longer_side(height: int, width: int, longer_side: int) -> tuple[int, int]:
    """Height and width with the longer one exactly `longer_side` px, the other in proportion and at least 1."""
    longest = max(height, width)
    return max(1, round(height * longer_side / longest)), max(1, round(width * longer_side / longest))


@dataclass(frozen=True)
class Span:
    """One side of a tile.

    Attributes:
        start: First pixel, of the picture's.
        stop: The one after the last.
        core_start: First pixel that is kept of this tile, of the picture's.
        core_stop: The one after the last of those.
        is_first: Whether the picture begins where the tile does.
        is_last: Whether both end together.
    """

    start: int
    stop: int
    core_start: int
    core_stop: int
    is_first: bool
    is_last: bool

    @property
    def core(self) -> slice:
        """The core, in the picture."""
        return slice(self.core_start, self.core_stop)

    @property
    def core_inside(self) -> slice:
        """The core, counted from the tile's first pixel."""
        return slice(self.core_start - self.start, self.core_stop - self.start)


def tile_spans(length: int, *, tile: int, halo: int, multiple: int) -> list[Span]:
    """Cover a side with tiles as even as can be.

    Args:
        length: The side, px.
        tile: Longest side of a tile, px, give or take `multiple`.
        halo: What a tile reaches beyond its core where another tile is, px, give or take `multiple`.
        multiple: All starts and cores begin at multiples of this, px.

    Returns:
        Spans from 0 to `length` whose cores lie side by side; all but the last are equally long.
    """
    if length < tile + multiple:
        return [Span(0, length, 0, length, is_first=True, is_last=True)]
    count = -(-(length - 2 * halo) // max(tile - 2 * halo, multiple))
    side = -(-(length + 2 * halo * (count - 1)) // (count * multiple)) * multiple
    starts = [(length - side) * place // (count - 1) // multiple * multiple for place in range(count)]
    stops = [*(start + side for start in starts[:-1]), length]
    # in the middle of the overlap
    cuts = [(start + stop) // 2 // multiple * multiple for start, stop in zip(starts[1:], stops, strict=False)]
    return [
        Span(start, stop, core_start, core_stop, is_first=start == 0, is_last=stop == length)
        for start, stop, core_start, core_stop in zip(starts, stops, [0, *cuts], [*cuts, length], strict=True)
    ]
