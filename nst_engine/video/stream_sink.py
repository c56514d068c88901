"""A video is written as it comes: to a pipe, or from one, which cannot be read a second time for its sound."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from nst_engine.errors import OutputError
from nst_engine.files import part_beside
from nst_engine.video.av.encoder import WRITING_ERRORS, is_refused
from nst_engine.video.av.reader import VideoReader
from nst_engine.video.av.stream_mux import StreamMuxer
from nst_engine.video.encodable import EncodableFrames
from nst_engine.video.formats import Plan
from nst_engine.video.frames import Frame, Reader
from nst_engine.video.pipes import PipeWriter
from nst_engine.wording import label_of_path


class _GivenUpError(Exception):
    """The file that was begun is no result."""


class StreamSink:
    """Encodes frames as they come; see `nst_engine.video.frames.Sink`. Nothing of it can be gone on with.

    Args:
        target: Where to: a stream, or a file, which takes its name when it is whole.
        reader: What is painted; a video's sound passes by.
        plan: How it is encoded.

    Raises:
        OutputError: It cannot be written.
    """

    def __init__(self, target: Path | PipeWriter, reader: Reader, plan: Plan) -> None:
        self.done = 0
        self._target, self._count = target, 0
        self._label = label_of_path(target) if isinstance(target, Path) else target.label
        self._frames = EncodableFrames(reader.clip, plan, self._label)
        self._kept = contextlib.ExitStack()
        try:
            place = target if isinstance(target, PipeWriter) else self._kept.enter_context(part_beside(target))
            video = reader if isinstance(reader, VideoReader) else None
            self._muxer = StreamMuxer(place, plan, reader.clip, None if video is None else video.container)
            self.notes = [*self._muxer.notes]
            if video is not None:
                video.passage.lead_to(self._pass_on)
        except WRITING_ERRORS as error:
            self._give_up()
            raise self._failed(error) from error
        except BaseException:
            self._give_up()
            raise

    def is_done(self, index: int, number: int) -> bool:
        """Whether an earlier run has painted this frame."""
        return False

    def write(self, frame: Frame) -> None:
        """Encode a frame.

        Raises:
            OutputError: The disk is full, or the encoder does not take such frames.
            BrokenPipeError: Whoever read the stream has gone.
        """
        pts, _ = self._frames.ticks(frame)
        try:
            self._muxer.write(self._frames.pixels(frame), pts)
        except WRITING_ERRORS as error:
            raise self._failed(error) from error
        self.notes += self._frames.taken_notes()
        self._count += 1

    def finish(self) -> int:
        """Write the end; a file takes its name."""
        try:
            self.notes += self._muxer.finish() + self._frames.last_notes()
            self._kept.close()
        except WRITING_ERRORS as error:
            raise self._failed(error) from error
        return self._count

    def discard(self) -> None:
        """Close the stream as it is; a file is removed."""
        self._muxer.discard()
        self._give_up()

    def _pass_on(self, packet: Any) -> None:
        try:
            self._muxer.pass_on(packet)
        except WRITING_ERRORS as error:
            raise self._failed(error) from error

    def _give_up(self) -> None:
        with contextlib.suppress(_GivenUpError):
            self._kept.__exit__(_GivenUpError, _GivenUpError(), None)

    def _failed(self, error: Exception) -> BaseException:
        failure = self._target.failure if isinstance(self._target, PipeWriter) else None
        if isinstance(failure, BrokenPipeError | KeyboardInterrupt):
            return failure
        if isinstance(failure, Exception):
            return self._frames.unwritten(failure)
        if isinstance(error, OutputError):
            return error
        return self._frames.refused(error) if is_refused(error) else self._frames.unwritten(error)
