"""A video is written as closed segments that are muxed at the end, so that a killed run can be gone on with."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from nst_engine.errors import OutputError
from nst_engine.video.av.encoder import WRITING_ERRORS, FrameEncoder, is_refused
from nst_engine.video.av.mux import Segment, expected_notes, mux
from nst_engine.video.encodable import EncodableFrames
from nst_engine.video.formats import Plan
from nst_engine.video.frames import Clip, Frame
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
        end = work.parts[-1].end_pts if work.parts else None
        self._frames = EncodableFrames(clip, plan, label_of_path(target), end)

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
            if self._is_full(pts):
                self._close_segment(before)
            if self._encoder is None:
                self._path = self._work.new_path(".part")
                height, width = frame.pixels.shape[:2]
                self._encoder = FrameEncoder(self._path, self._plan, height, width, container=self._plan.part_container)
                self._first, self._count = pts, 0
            self._encoder.write(self._frames.pixels(frame), pts - self._first)
        except WRITING_ERRORS as error:
            raise self._failed(error) from error
        self.notes += self._frames.taken_notes()
        self._count += 1

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
            notes = mux(segments, self._plan, self._clip, whole)
            self.notes += [note for note in notes if note not in self._expected_notes]
            whole.replace(self._target.resolve())
        except WRITING_ERRORS as error:
            raise self._failed(error) from error
        self.notes += self._frames.last_notes()
        self._work.remove()
        return sum(part.frames for part in parts)

    def discard(self) -> None:
        """Drop the running segment; finished ones are kept."""
        if self._encoder is not None:
            self._encoder.discard()
            self._encoder = None
        self._work.close()

    def _is_full(self, pts: int) -> bool:
        is_long = (pts - self._first) * self._plan.time_base >= SEGMENT_SECONDS
        return self._encoder is not None and (is_long or self._count >= SEGMENT_FRAMES)

    def _close_segment(self, end: int | None) -> None:
        if self._encoder is None or end is None:
            return
        self._encoder.finish()
        self._encoder = None
        self._work.add(self._path, frames=self._count, first_pts=self._first, end_pts=end)

    def _failed(self, error: Exception) -> OutputError:
        if isinstance(error, OutputError):
            return error
        if not is_refused(error):
            return self._frames.unwritten(error)
        self._work.give_up()
        return self._frames.refused(error)
