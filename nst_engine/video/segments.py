"""A video is written as closed segments that are muxed at the end, so that a killed run can be gone on with."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OutputError
from nst_engine.files import put_in_place
from nst_engine.video.av.encoder import WRITING_ERRORS, FrameEncoder, is_refused
from nst_engine.video.av.mux import Segment, expected_notes, mux
from nst_engine.video.encodable import EncodableFrames
from nst_engine.video.formats import Plan
from nst_engine.video.frames import Clip, Frame
from nst_engine.video.work_folder import WorkFolder
from nst_engine.wording import label_of_path

#: A segment ends with the first of these, whatever the machine's speed, so that a resumed run cuts in the same places.
SEGMENT_SECONDS, SEGMENT_FRAMES = Fraction(2), 60


class SegmentEncoder:
    """Encodes a stretch of frames into a file of its own, whose times count from the first of them.

    Args:
        path: Where to.
        plan: How.
        first_pts: When the first frame is shown, in the plan's ticks.

    Attributes:
        path: The file.
        first_pts: As given.
        count: Of frames so far.
    """

    def __init__(self, path: Path, plan: Plan, first_pts: int) -> None:
        self.path, self.first_pts, self.count = path, first_pts, 0
        self._plan = plan
        self._encoder: FrameEncoder | None = None

    def is_full(self, pts: int) -> bool:
        """Whether the frame that is shown then begins another segment."""
        is_long = (pts - self.first_pts) * self._plan.time_base >= SEGMENT_SECONDS
        return is_long or self.count >= SEGMENT_FRAMES

    def write(self, pixels: NDArray[np.uint8], pts: int) -> None:
        """Encode the next frame, uint8 H×W×3 or H×W×4.

        Raises:
            OSError: It cannot be written; see `WRITING_ERRORS`.
        """
        if self._encoder is None:
            height, width = pixels.shape[:2]
            self._encoder = FrameEncoder(self.path, self._plan, height, width, container=self._plan.part_container)
        self._encoder.write(pixels, pts - self.first_pts)
        self.count += 1

    def finish(self) -> None:
        """Complete the file."""
        if self._encoder is not None:
            self._encoder.finish()

    def discard(self) -> None:
        """Remove it."""
        if self._encoder is not None:
            self._encoder.discard()


class VideoSink:
    """Encodes frames into segments in the work folder; see `nst_engine.video.frames.Sink`.

    Args:
        target: Where the result goes; links are followed.
        clip: What is painted.
        plan: How it is encoded.
        work: Holds the segments that are finished.

    Attributes:
        plan: As given.
        end_pts: When the last frame that is written ends, in the plan's ticks; None: there is none.
    """

    def __init__(self, target: Path, clip: Clip, plan: Plan, work: WorkFolder) -> None:
        self.notes: list[str] = expected_notes(plan, clip)
        self._expected_notes = tuple(self.notes)
        self._target, self._clip, self.plan, self._work = target, clip, plan, work
        self.done = sum(part.frames for part in work.parts)
        self._segment: SegmentEncoder | None = None
        self.end_pts = work.parts[-1].end_pts if work.parts else None
        self._frames = EncodableFrames(clip, plan, label_of_path(target), self.end_pts)

    def is_done(self, index: int, number: int) -> bool:
        """Whether an earlier run has painted this frame."""
        return index < self.done

    def write(self, frame: Frame) -> None:
        """Encode a frame; a segment that is full is closed first.

        Raises:
            OutputError: The disk is full, or the encoder does not take such frames.
        """
        before = self._frames.end
        pts, _ = self._frames.ticks(frame)
        try:
            if self._segment is not None and self._segment.is_full(pts):
                self._close_segment(before)
            if self._segment is None:
                self._segment = SegmentEncoder(self._work.new_path(".part"), self.plan, pts)
            self._segment.write(self._frames.pixels(frame), pts)
        except WRITING_ERRORS as error:
            raise self._failed(error) from error
        self.notes += self._frames.taken_notes()

    def take(self, content: bytes, *, frames: int, first_pts: int, end_pts: int) -> None:
        """Take a segment that was encoded elsewhere, of the frames that come next.

        Args:
            content: Of a file that `SegmentEncoder` has written by this sink's plan.
            frames: How many it holds.
            first_pts: When its first frame is shown, in the plan's ticks.
            end_pts: When its last one ends.

        Raises:
            OutputError: The disk is full.
        """
        path = self._work.new_path(".part")
        try:
            path.write_bytes(content)
            self._work.add(path, frames=frames, first_pts=first_pts, end_pts=end_pts)
        except OSError as error:
            raise self._failed(error) from error
        self.end_pts = end_pts

    def finish(self) -> int:
        """Mux the segments with the sound, and put the result in its place; the work folder goes.

        Raises:
            OutputError: It cannot be written; the segments are kept.
        """
        whole = self._work.whole_path(self._target.suffix)
        try:
            self._close_segment(self._frames.end)
            parts = self._work.parts
            segments = [Segment(self._work.path_of(part), part.first_pts, part.end_pts) for part in parts]
            notes = mux(segments, self.plan, self._clip, whole)
            self.notes += [note for note in notes if note not in self._expected_notes]
            put_in_place(whole, self._target)
        except WRITING_ERRORS as error:
            raise self._failed(error) from error
        self.notes += self._frames.last_notes()
        self._work.remove()
        return sum(part.frames for part in parts)

    def discard(self) -> None:
        """Drop the running segment; finished ones are kept."""
        if self._segment is not None:
            self._segment.discard()
            self._segment = None
        self._work.close()

    def _close_segment(self, end: int | None) -> None:
        segment = self._segment
        if segment is None or end is None:
            return
        segment.finish()
        self._segment = None
        self._work.add(segment.path, frames=segment.count, first_pts=segment.first_pts, end_pts=end)

    def _failed(self, error: Exception) -> OutputError:
        if isinstance(error, OutputError):
            return error
        if not is_refused(error):
            return self._frames.unwritten(error)
        self._work.give_up()
        return self._frames.refused(error)
