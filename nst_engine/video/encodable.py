"""Frames, as an encoder takes them, and what to say where it does not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OutputError
from nst_engine.image import flatten, with_alpha
from nst_engine.video.formats import Plan
from nst_engine.video.frames import Clip, Frame, flattened_note


class EncodableFrames:
    """Pixels and times of a clip's frames, in order.

    Args:
        clip: What they belong to.
        plan: How they are encoded.
        label: What messages call the output.
        end: When the last frame before them ends, in the plan's ticks; None: they are the first.

    Attributes:
        end: When the last one that was asked for ends.
    """

    def __init__(self, clip: Clip, plan: Plan, label: str, end: int | None = None) -> None:
        self.end = end
        self._clip, self._plan, self._label = clip, plan, label
        self._largest_move, self._is_flattened = Fraction(0), False
        self._notes: list[str] = []

    def pixels(self, frame: Frame) -> NDArray[np.uint8]:
        """uint8 H×W×3, or H×W×4 where the plan has alpha; where the video cannot be transparent, it is white."""
        if self._plan.has_alpha:
            return with_alpha(frame.pixels, frame.alpha)
        if frame.alpha is not None and not self._is_flattened:
            self._is_flattened = True
            self._notes.append(flattened_note(self._clip.label, self._plan.suffix))
        return flatten(frame.pixels, frame.alpha)

    def ticks(self, frame: Frame) -> tuple[int, int]:
        """When the next frame is shown and when it ends, in the plan's ticks."""
        base = self._plan.time_base
        if not self._plan.is_avi:
            step = frame.duration or round(1 / (self._clip.rate * base))
            pts, self.end = frame.pts, frame.pts + max(1, step)
            return pts, self.end
        shown = frame.pts * self._clip.time_base
        pts = max(round(shown / base), 0 if self.end is None else self.end)
        self._largest_move = max(self._largest_move, abs(pts * base - shown))
        self.end = pts + 1
        return pts, self.end

    def taken_notes(self) -> list[str]:
        """Notes for the user since the last call."""
        notes, self._notes = self._notes, []
        return notes

    def last_notes(self) -> list[str]:
        """Notes for the user, after the last frame."""
        if self._largest_move <= Fraction(1, 1000):
            return self.taken_notes()
        return [
            *self.taken_notes(),
            f"{self._label}: frames are shown up to {float(self._largest_move) * 1000:.0f} ms off: "
            "an .avi knows one frame rate only; .mkv or .mp4 keep all times",
        ]

    def refused(self, error: Exception) -> OutputError:
        """What to say of what comes again, however much space there is."""
        suffix = self._plan.suffix
        other = ".mp4" if suffix == ".mkv" else ".mkv"
        return OutputError(
            f"{self._label}: FFmpeg does not write these frames into a {suffix} ({_reason(error)}): most likely it "
            f"does not hold their times; type `output='OUT{other}'`, or paint a part with `start` and `end`"
        )

    def unwritten(self, error: Exception) -> OutputError:
        """What to say of a place that takes no more; with its `errno`."""
        problem = OutputError(f"{self._label}: cannot be written ({_reason(error)}); check the space on the disk")
        problem.errno = getattr(error, "errno", None)
        return problem


def _reason(error: Exception) -> object:
    return getattr(error, "strerror", None) or error
