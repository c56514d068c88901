"""Holds a frame rate by adapting the size of the pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

Size = tuple[int, int]

#: Longer sides, px.
SIDES_PX = (192, 256, 320, 416, 512, 640, 800, 960, 1280, 1600, 1920)

_MOST_SIZES = 6
# frames before a decision: down soon, up only after a while, so that the size does not oscillate
_SOON, _LATER = 8, 45
_TOO_SLOW, _ROOM = 1.05, 0.8  # relative to the target time of a frame
_SMOOTHING = 0.8


def sizes_for(height: int, width: int, max_side: int | None) -> list[Size]:
    """Candidate sizes for frames of one aspect, in multiples of 8 px, smallest first; `max_side` None: no limit."""
    longer = max(height, width)
    largest = min(longer, max_side or longer)
    smaller = [side for side in SIDES_PX if side < largest]
    sides = [*smaller[1 - _MOST_SIZES :], largest]
    scaled = [(height * side / longer, width * side / longer) for side in sides]
    return list(dict.fromkeys((max(16, round(h / 8) * 8), max(16, round(w / 8) * 8)) for h, w in scaled))


class AdaptiveSize:
    """Chooses among sizes by the time that a frame takes.

    Args:
        sizes: (height, width), smallest first.
        target_fps: Frame rate to hold; None: always the largest size.

    Attributes:
        sizes: As given.
        size: Of the next frame.
        note: The last change and its reason, for display.
    """

    def __init__(self, sizes: Sequence[Size], target_fps: float | None) -> None:
        self.sizes, self._target_s = list(sizes), None if target_fps is None else 1 / target_fps
        self._place = len(self.sizes) - 1
        self._mean_s: float | None = None
        self._count = 0
        self.note = ""

    @property
    def size(self) -> Size:
        """See above."""
        return self.sizes[self._place]

    def observe(self, seconds: float) -> None:
        """Record how long the last frame took."""
        if self._target_s is None:
            return
        self._mean_s = seconds if self._mean_s is None else _SMOOTHING * self._mean_s + (1 - _SMOOTHING) * seconds
        self._count += 1
        if self._count >= _SOON and self._mean_s > _TOO_SLOW * self._target_s and self._place > 0:
            self._step(-1)
        elif self._count >= _LATER and self._mean_s * self._growth() < _ROOM * self._target_s:
            self._step(1)

    def _growth(self) -> float:
        """Ratio of pixels of the next larger size; infinite where there is none."""
        if self._place + 1 == len(self.sizes):
            return math.inf
        (height, width), (taller, wider) = self.sizes[self._place : self._place + 2]
        return taller * wider / (height * width)

    def _step(self, by: int) -> None:
        assert self._mean_s is not None
        assert self._target_s is not None
        before = self.size
        self._place += by
        self.note = (
            f"{before[1]}x{before[0]} took {1e3 * self._mean_s:.0f} ms, {1e3 * self._target_s:.0f} wanted: now "
            f"{self.size[1]}x{self.size[0]}"
        )
        self._mean_s, self._count = None, 0
