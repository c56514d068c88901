"""The stage of the pipeline that stylizes frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nst_engine.video.frames import Clip, Frame
from nst_engine.video.pipeline import QUEUE_FRAMES

# Frames waiting in the queue, being written, and being stylized.
_ROOMS = QUEUE_FRAMES + 2


class FramePainter(Protocol):
    """Stylizes consecutive frames, and may keep state between them.

    One that has an attribute `memory_frames` looks back so many frames: a resumed run stylizes
    so many again before the first new one, and discards them.
    """

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings that the output depends on, for JSON: a resumed run must have the same."""
        ...

    def reset(self) -> None:
        """Begin a new clip: forget all frames."""
        ...

    def stylize_frame(self, frame: NDArray[np.uint8], out: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Stylize the next frame.

        Args:
            frame: uint8 H×W×3, RGB; not to be changed.
            out: uint8 H×W×3, an output array; may be ignored.

        Returns:
            uint8 H×W×3: `out`, or an array that is not written to again.
        """
        ...


@runtime_checkable
class TimedPainter(Protocol):
    """What a `FramePainter` has beside that if frames look different at other times."""

    def notes_on(self, clip: Clip) -> list[str]:
        """Notes for the user, before the first frame of a clip."""
        ...

    def go_to(self, seconds: Fraction) -> None:
        """The next frame is shown at that time of the source."""
        ...


@runtime_checkable
class WatchingPainter(Protocol):
    """What a `FramePainter` has beside that if frames look different by where the scene has moved since it began.

    A resumed run shows it all frames that an earlier one has painted.
    """

    #: As of any `FramePainter` that looks back; 0: nothing of earlier frames matters.
    memory_frames: int

    def watch_frame(self, frame: NDArray[np.uint8]) -> None:
        """Take the next frame, uint8 H×W×3, without painting it."""
        ...


class StylizeStage:
    """Runs a `FramePainter` in the pipeline, with a few output arrays in turn.

    Args:
        painter: Stylizes the frames.
        clip: What they belong to.
        is_written: By index and number: whether the frame is written, or only updates the painter's state.
        on_frame: Called after each frame that is written.
        is_watched: Likewise: whether a frame that is not written need not be painted either; only with a
            `WatchingPainter`.

    Attributes:
        count: Number of frames to write so far.
    """

    def __init__(
        self,
        painter: FramePainter,
        clip: Clip,
        is_written: Callable[[int, int], bool],
        on_frame: Callable[[int], None],
        is_watched: Callable[[int, int], bool] = lambda index, number: False,
    ) -> None:
        self.count = 0
        self._clip = clip
        self._painter, self._is_written, self._on_frame = painter, is_written, on_frame
        self._is_watched = is_watched
        self._rooms: list[NDArray[np.uint8]] = []

    def __call__(self, frame: Frame) -> Frame | None:
        """The stylized frame; None: it only updated the painter's state."""
        if isinstance(self._painter, WatchingPainter) and self._is_watched(frame.index, frame.number):
            self._painter.watch_frame(frame.pixels)
            return None
        if not self._rooms:
            self._rooms = [np.empty_like(frame.pixels) for _ in range(_ROOMS)]
        room = self._rooms.pop(0)
        self._rooms.append(room)
        if isinstance(self._painter, TimedPainter):
            self._painter.go_to(self._clip.source_seconds(frame.pts))
        pixels = self._painter.stylize_frame(frame.pixels, room)
        if not self._is_written(frame.index, frame.number):
            return None
        self.count += 1
        self._on_frame(self.count)
        return replace(frame, pixels=pixels)
