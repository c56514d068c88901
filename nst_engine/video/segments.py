"""A video is written as closed segments that are muxed at the end, so that a killed run can be gone on with."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OutputError
from nst_engine.image import flatten, with_alpha
from nst_engine.video.av.encoder import WRITING_ERRORS, FrameEncoder, is_refused
from nst_engine.video.av.mux import Segment, expected_notes, mux
from nst_engine.video.formats import Plan
from nst_engine.video.frames import Clip, Frame, flattened_note
from nst_engine.video.work_folder import WorkFolder
from nst_engine.wording import label_of_path

#: A segment ends with the first of these, whatever the machine's speed, so that a resumed run cuts in the same places.
SEGMENT_SECONDS, SEGMENT_FRAMES = Fraction(2), 60


class VideoSink:
    """Encodes frames into segments in the work folder; see `nst_engine.video.frames.Sink`.

    Args:
        target: Where the result goes; links are followed.
        clip: What is painted.
        plan: How it is encoded.
        work: Holds the segments that are finished.
    """

    def __init__(self, target: Path, clip: Clip, plan: Plan, work: WorkFolder) -> None:
        self.notes: list[str] = expected_notes(plan, clip)
        self._expected_notes = tuple(self.notes)
        self._target, self._clip, self._plan, self._work = target, clip, plan, work
        self.done = sum(part.frames for part in work.parts)
        self._encoder: FrameEncoder | None = None
        self._path = target
        self._first = self._count = 0
        self._end = work.parts[-1].end_pts if work.parts else None
        self._largest_move, self._is_flattened = Fraction(0), False

    def is_done(self, index: int, number: int) -> bool:
        """Whether an earlier run has painted this frame."""
        return index < self.done

    def write(self, frame: Frame) -> None:
        """Encode a frame; a segment that is full is closed first.

        Raises:
            OutputError: The disk is full, or the encoder does not take such frames.
        """
        pts, end = self._ticks(frame)
        try:
            if self._is_full(pts):
                self._close_segment()
            if self._encoder is None:
                self._path = self._work.new_path(".part")
                height, width = frame.pixels.shape[:2]
                self._encoder = FrameEncoder(self._path, self._plan, height, width, container=self._plan.part_container)
                self._first, self._count = pts, 0
            self._encoder.write(self._encodable(frame), pts - self._first)
        except WRITING_ERRORS as error:
            raise self._failed(error) from error
        self._count, self._end = self._count + 1, end

    def _encodable(self, frame: Frame) -> NDArray[np.uint8]:
        """Where the video cannot be transparent, it is white."""
        if self._plan.has_alpha:
            return with_alpha(frame.pixels, frame.alpha)
        if frame.alpha is not None and not self._is_flattened:
            self._is_flattened = True
            self.notes.append(flattened_note(self._clip.label, self._plan.suffix))
        return flatten(frame.pixels, frame.alpha)

    def finish(self) -> int:
        """Mux the segments with the sound, and put the result in its place; the work folder goes.

        Raises:
            OutputError: It cannot be written; the segments are kept.
        """
        whole = self._work.whole_path(self._target.suffix)
        try:
            if self._encoder is not None:
                self._close_segment()
            parts = self._work.parts
            segments = [Segment(self._work.path_of(part), part.first_pts, part.end_pts) for part in parts]
            notes = mux(segments, self._plan, self._clip, whole)
            self.notes += [note for note in notes if note not in self._expected_notes]
            whole.replace(self._target.resolve())
        except WRITING_ERRORS as error:
            raise self._failed(error) from error
        if self._largest_move > Fraction(1, 1000):
            self.notes.append(
                f"{label_of_path(self._target)}: frames are shown up to {float(self._largest_move) * 1000:.0f} ms off: "
                "an .avi knows one frame rate only; .mkv or .mp4 keep all times"
            )
        self._work.remove()
        return sum(part.frames for part in parts)

    def discard(self) -> None:
        """Drop the running segment; finished ones are kept."""
        if self._encoder is not None:
            self._encoder.discard()
            self._encoder = None
        self._work.close()

    def _ticks(self, frame: Frame) -> tuple[int, int]:
        """When a frame is shown and when it ends, in the plan's ticks."""
        base = self._plan.time_base
        if not self._plan.is_avi:
            step = frame.duration or round(1 / (self._clip.rate * base))
            return frame.pts, frame.pts + max(1, step)
        shown = frame.pts * self._clip.time_base
        pts = max(round(shown / base), 0 if self._end is None else self._end)
        self._largest_move = max(self._largest_move, abs(pts * base - shown))
        return pts, pts + 1

    def _is_full(self, pts: int) -> bool:
        is_long = (pts - self._first) * self._plan.time_base >= SEGMENT_SECONDS
        return self._encoder is not None and (is_long or self._count >= SEGMENT_FRAMES)

    def _close_segment(self) -> None:
        if self._encoder is None or self._end is None:
            return
        self._encoder.finish()
        self._encoder = None
        self._work.add(self._path, frames=self._count, first_pts=self._first, end_pts=self._end)

    def _failed(self, error: Exception) -> OutputError:
        if isinstance(error, OutputError):
            return error
        reason = getattr(error, "strerror", None) or error
        label, suffix = label_of_path(self._target), self._plan.suffix
        if not is_refused(error):
            return OutputError(f"{label}: cannot be written ({reason}); check the space on the disk")
        self._work.give_up()
        other = ".mp4" if suffix == ".mkv" else ".mkv"
        return OutputError(
            f"{label}: FFmpeg does not write these frames into a {suffix} ({reason}): most likely it does not hold "
            f"their times; type `output='OUT{other}'`, or paint a part with `start` and `end`"
        )
