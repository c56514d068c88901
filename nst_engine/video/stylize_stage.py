"""What paints the frames of a clip one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nst_engine.video.frames import Frame
from nst_engine.video.pipeline import QUEUE_FRAMES

# A painted frame waits in the queue, or is being written, or is being painted.
_ROOMS = QUEUE_FRAMES + 2


class FramePainter(Protocol):
    """Paints frames in their order, and may look back at those before.

    One that has an attribute `memory_frames` looks back so many frames: where a run is gone on with, so many are
    painted again before the first new one, and thrown away.
    """

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the painting depends on: a resumed run must have the same. JSON can hold it."""
        ...

    def reset(self) -> None:
        """A new clip begins: what was remembered of frames is forgotten."""
        ...

    def stylize_frame(self, frame: NDArray[np.uint8], out: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Paint the next frame.

        Args:
            frame: uint8 H×W×3, RGB; not to be changed.
            out: uint8 H×W×3, to paint into; may be left alone.

        Returns:
            uint8 H×W×3: `out`, or an array that is not written to again.
        """
        ...


class StylizeStage:
    """The painter as a stage of the pipeline: it paints into a few arrays in turn.

    Attributes:
        painted: How many frames it has painted for the result.

    Args:
        painter: Paints.
        is_written: Of index and number: whether the painted frame is wanted, or was painted for what comes after it.
        on_frame: Called after each frame that is wanted.
    """

    def __init__(
        self, painter: FramePainter, is_written: Callable[[int, int], bool], on_frame: Callable[[int], None]
    ) -> None:
        self.count = 0
        self._painter, self._is_written, self._on_frame = painter, is_written, on_frame
        self._rooms: list[NDArray[np.uint8]] = []

    def __call__(self, frame: Frame) -> Frame | None:
        """The frame, painted; None: it was painted for the painter's memory only."""
        if not self._rooms:
            self._rooms = [np.empty_like(frame.pixels) for _ in range(_ROOMS)]
        room = self._rooms.pop(0)
        self._rooms.append(room)
        pixels = self._painter.stylize_frame(frame.pixels, room)
        if not self._is_written(frame.index, frame.number):
            return None
        self.count += 1
        self._on_frame(self.count)
        return replace(frame, pixels=pixels)
