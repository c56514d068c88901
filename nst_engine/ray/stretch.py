"""What workers do of a film: one reads, paints and encodes a stretch of it; another watches where it leads.

Frames depend on those before: on how the last few were painted, which a worker paints anew and throws away; and on
where the scene has moved since it began, however long ago. That is found out without painting, stretch by stretch, by
workers ahead of those that paint.
"""

from __future__ import annotations

import contextlib
import pickle
import socket
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from nst_engine.errors import VideoEndsBeforeError, VideoNotFoundError
from nst_engine.limits import ImageLimits
from nst_engine.motion.frame_stylizer import FrameStylizer
from nst_engine.motion.smoothing import Scene
from nst_engine.process import keep_freed_memory, let_idle_threads_sleep
from nst_engine.video.av.reader import VideoReader
from nst_engine.video.encodable import EncodableFrames
from nst_engine.video.ends import open_reader
from nst_engine.video.formats import Plan
from nst_engine.video.frames import Frame, Reader
from nst_engine.video.keyframes import KeyframePainter
from nst_engine.video.options import VideoOptions
from nst_engine.video.pipeline import run_pipeline
from nst_engine.video.segments import SegmentEncoder
from nst_engine.video.stylize_stage import StylizeStage

#: Frames read before those that are wanted: seeking is not exact.
_MARGIN_FRAMES = 2


@dataclass(frozen=True)
class Job:
    """A film, as its workers have to know it.

    Attributes:
        source: The file; every node has to see it there.
        size: Its size in bytes, by which another file of that name is told.
        label: What messages call the output.
        painter: What paints its frames, pickled.
        lead_frames: Frames before a stretch that are painted, too, since those in it are smoothed with them; 0: frames
            are painted one by one.
        plan: How the result is encoded.
        shift: Of the whole clip: see `Clip.shift`.
        options: What of the file is painted.
        has_square_pixels: See `open_reader`.
        limits: Of frames.
    """

    source: Path
    size: int
    label: str
    painter: bytes = field(repr=False)
    lead_frames: int
    plan: Plan
    shift: Fraction
    options: VideoOptions
    has_square_pixels: bool
    limits: ImageLimits


@dataclass(frozen=True, eq=False)
class Lead:
    """Where a painter begins before a stretch, for its frames to be smoothed as if it had painted all before.

    Attributes:
        seconds: Of the source, when the first frame is shown that it paints.
        scene: Before that frame; None: there are none before.
    """

    seconds: Fraction
    scene: Scene | None = field(repr=False)


@dataclass(frozen=True)
class Stretch:
    """A painted stretch.

    Attributes:
        content: A file that `SegmentEncoder` has written; empty where there is no frame.
        frames: How many.
        first_pts: When the first is shown, in the plan's ticks.
        end_pts: When the last one ends.
        is_last: Whether the film ends in it.
        notes: Notes for the user.
        seconds: That it took.
    """

    content: bytes = field(repr=False)
    frames: int
    first_pts: int
    end_pts: int
    is_last: bool
    notes: tuple[str, ...]
    seconds: float


def watched_stretch(job: Job, lead: Lead | None, end: Fraction) -> Lead | None:
    """Where to begin before the stretch that begins at `end`; None: with its own first frame.

    Args:
        job: The film.
        lead: Where to begin before the stretch that ends there; None: with the film.
        end: Seconds of the source.

    Raises:
        NSTError: What reading raises.
    """
    start = None if lead is None else lead.seconds
    reader = _opened(job, start)
    if reader is None:
        return lead
    painter = _painter(job.painter)
    painter.go_on_from(None if lead is None else lead.scene)
    before: deque[Lead] = deque(maxlen=job.lead_frames)
    with contextlib.closing(reader):
        for frame, seconds in _timed(reader, start):
            if seconds >= end:
                break
            before.append(Lead(seconds, painter.scene))
            painter.watch_frame(frame.pixels)
    return before[0] if before else lead


def painted_stretch(job: Job, begin: Fraction | None, end: Fraction, lead: Lead | None) -> Stretch:
    """Paint the frames from `begin` (None: the first) to before `end`, in seconds of the source.

    Args:
        job: The film.
        begin: Where the stretch begins.
        end: Where it ends.
        lead: Where to begin, as `watched_stretch` has found it; None: with the stretch itself.

    Raises:
        VideoNotFoundError: This node does not see the film.
        NSTError: What reading, painting and encoding raise.
    """
    begun = time.perf_counter()
    let_idle_threads_sleep()
    keep_freed_memory()
    reader = _opened(job, begin if lead is None else lead.seconds)
    if reader is None:
        return Stretch(b"", 0, 0, 0, True, (), time.perf_counter() - begun)
    with contextlib.closing(reader), tempfile.TemporaryDirectory(prefix="nst-film-") as folder:
        painted = _Run(job, reader, begin, end, Path(folder) / "stretch.part").painted(lead)
    return replace(painted, seconds=time.perf_counter() - begun)


class _Run:
    """One stretch: which frames are shown, and what they are written to."""

    def __init__(self, job: Job, reader: Reader, begin: Fraction | None, end: Fraction, path: Path) -> None:
        self._job, self._reader, self._begin, self._end = job, reader, begin, end
        self._path = path
        self._encodable = EncodableFrames(reader.clip, job.plan, job.label)
        # its times count from another frame than those of the whole clip
        self._later = int((reader.clip.shift - job.shift) / reader.clip.time_base)
        self._segment: SegmentEncoder | None = None
        self._first_index: int | None = None
        self._is_last = True

    def painted(self, lead: Lead | None) -> Stretch:
        painter = _painter(self._job.painter)
        painter.go_on_from(None if lead is None else lead.scene)
        stage = StylizeStage(painter, self._reader.clip, self._is_shown, lambda count: None)
        run_pipeline(self._frames(self._begin if lead is None else lead.seconds), stage, self._write)
        notes = tuple(dict.fromkeys([*self._reader.notes, *self._damage(), *self._encodable.taken_notes()]))
        if self._segment is None:
            return Stretch(b"", 0, 0, 0, self._is_last, notes, 0.0)
        self._segment.finish()
        content = self._path.read_bytes()
        end = self._encodable.end or 0
        return Stretch(content, self._segment.count, self._segment.first_pts, end, self._is_last, notes, 0.0)

    def _damage(self) -> list[str]:
        """Of what lies before the end, where alone the reader itself tells of it."""
        if self._is_last or not isinstance(self._reader, VideoReader) or not self._reader.errors:
            return []
        return [f"{self._reader.clip.label}: is damaged; painted what could be decoded"]

    def _frames(self, start: Fraction | None) -> Iterator[Frame]:
        for frame, seconds in _timed(self._reader, start):
            if seconds >= self._end:
                self._is_last = False
                return
            if self._first_index is None and (self._begin is None or seconds >= self._begin):
                self._first_index = frame.index
            yield frame

    def _is_shown(self, index: int, number: int) -> bool:
        return self._first_index is not None and index >= self._first_index

    def _write(self, frame: Frame) -> None:
        frame = replace(frame, pts=frame.pts + self._later)
        pts, _ = self._encodable.ticks(frame)
        if self._segment is None:
            self._segment = SegmentEncoder(self._path, self._job.plan, pts)
        self._segment.write(self._encodable.pixels(frame), pts)


def _opened(job: Job, start: Fraction | None) -> Reader | None:
    """The film, from a little before `start` seconds; None: it ends before."""
    _check_source(job)
    options, first = replace(job.options, resume=False), job.options.start or 0.0
    earlier = first if start is None else float(start - _MARGIN_FRAMES / job.plan.rate)
    if earlier > first:
        options = replace(options, start=earlier)
    try:
        return open_reader(job.source, options, has_square_pixels=job.has_square_pixels, limits=job.limits)
    except VideoEndsBeforeError:  # of what else is wrong with it, the film would end here without a word
        if start is None:
            raise
        return None


def _timed(reader: Reader, start: Fraction | None) -> Iterator[tuple[Frame, Fraction]]:
    """Frames from `start` on (None: all), with their seconds."""
    for frame in reader.frames(lambda index, number: True):
        seconds = reader.clip.source_seconds(frame.pts)
        if start is None or seconds >= start:
            yield frame, seconds


@lru_cache(maxsize=1)  # Ray keeps a worker's process for further stretches
def _painter(pickled: bytes) -> FrameStylizer | KeyframePainter:
    painter: FrameStylizer | KeyframePainter = pickle.loads(pickled)  # by our own driver
    return painter


def _check_source(job: Job) -> None:
    try:
        size = job.source.stat().st_size
    except OSError as error:
        size, reason = -1, error.strerror
    else:
        reason = f"it has {size:,} bytes, and {job.size:,} were wanted"
    if size != job.size:
        raise VideoNotFoundError(
            f"{job.source}: is not the film on node {socket.gethostname()} ({reason}); put it where all nodes see it"
        )
