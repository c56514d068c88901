"""Paints a video by many workers, each a stretch of it."""

from __future__ import annotations

import contextlib
import os
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import ray

from nst_engine.errors import OptionError, VideoDecodeError
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits
from nst_engine.motion.frame_stylizer import FrameStylizer
from nst_engine.motion.options import FrameOptions
from nst_engine.ray.cluster import READING_SHARE, cluster_errors, connected, engine_needs, room_for
from nst_engine.ray.stretch import Job, Stretch, painted_stretch, watched_stretch
from nst_engine.stylize.style_choice import Style
from nst_engine.stylize.stylizer import Stylizer
from nst_engine.video.av.reader import VideoReader
from nst_engine.video.ends import check_video, open_reader, open_sink, tells_pixel_aspect
from nst_engine.video.formats import written_size
from nst_engine.video.frames import Clip, Reader
from nst_engine.video.keyframes import KeyframePainter, StyleKeyframe
from nst_engine.video.options import DEFAULT_OPTIONS, VideoOptions, VideoProgress, VideoResult
from nst_engine.video.segments import VideoSink
from nst_engine.video.stylize_stage import FramePainter
from nst_engine.video.transfer import painter_of
from nst_engine.wording import label_of_path

#: How long a stretch is: short enough that all workers have some, and that little is lost with one of them.
_SHORTEST_S, _LONGEST_S = 2, 10
_STRETCHES_PER_ENGINE = 4
#: Times the frames that the smoothing looks back on: not even a rounding differs, of which encoders would make more.
_LEADS = 2

_LOOKS = FrameOptions()


def stylize_film(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    stylizer: Stylizer,
    style: Style = None,
    *,
    keyframes: Sequence[StyleKeyframe] = (),
    looks: FrameOptions = _LOOKS,
    options: VideoOptions = DEFAULT_OPTIONS,
    engines: int | None = None,
    limits: ImageLimits = DEFAULT_LIMITS,
    address: str | None = None,
    on_progress: Callable[[VideoProgress], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> VideoResult:
    """Paint a video as `nst_engine.stylize_video` does, stretches of it side by side on a cluster of Ray.

    What comes out is what one worker alone would have made, on nodes that compute alike: others watch ahead where
    scenes move, and each begins a few frames before its stretch, as many as the smoothing looks back on. A worker that
    is lost costs its stretch, which another one paints. Finished ones are kept as `stylize_video` keeps them: either
    goes on with `resume` where the other was cut off.

    Args:
        source: A video file; every node has to see it there.
        output: A video file, on the machine that drives.
        stylizer: The model; each engine loads it anew, on as many threads.
        style: As for `stylize_video`, like the next.
        keyframes: See there.
        looks: How frames are painted.
        options: As for `stylize_video`.
        engines: Most engines at once; None: as many as the cluster has room for.
        limits: As for `stylize_video`.
        address: Of the cluster, see `nst_engine.ray.connected`.
        on_progress: Called after each stretch.
        on_note: As for `stylize_video`.

    Raises:
        OptionError: An input or output that is no video file, an .avi among them; or no cluster, or no room in it.
        NSTError: What `stylize_video` raises.
    """
    begun, notes = time.perf_counter(), _Notes(on_note)
    source, output = Path(source).absolute(), Path(output)
    check_video(source, output, options)
    painter = painter_of(stylizer, style, keyframes=keyframes, **asdict(looks))
    is_square = not tells_pixel_aspect(output.suffix.lower(), options)
    with contextlib.closing(open_reader(source, options, has_square_pixels=is_square, limits=limits)) as reader:
        sink = _opened_sink(output, reader, painter, options, notes)
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(sink.discard)
            job = _job(source, painter, sink, reader.clip, options=options, is_square=is_square, limits=limits)
            done, needs = sink.done, engine_needs(stylizer.provider, stylizer.threads, is_alone=False)
            with connected(address) as can_grow, cluster_errors():
                film = _Film(job, reader.clip, sink, needs, room_for(needs, engines, can_grow=can_grow))
                spent = film.paint(notes, on_progress)
            joined, frames = time.perf_counter(), sink.finish()
            on_failure.pop_all()
    notes.tell(sink.notes)
    now, size = time.perf_counter(), written_size(output.suffix.lower(), reader.clip)
    stages = {"stretches": spent, "join": now - joined}
    return VideoResult(output, *size, frames, done, now - begun, stages, notes=tuple(notes.told))


def _job(
    source: Path,
    painter: FrameStylizer | KeyframePainter,
    sink: VideoSink,
    clip: Clip,
    *,
    options: VideoOptions,
    is_square: bool,
    limits: ImageLimits,
) -> Job:
    return Job(
        source=source,
        size=source.stat().st_size,
        label=clip.label,
        painter=pickle.dumps(painter),
        lead_frames=_LEADS * painter.memory_frames,
        plan=sink.plan,
        shift=clip.shift,
        options=options,
        has_square_pixels=is_square,
        limits=limits,
    )


class _Notes:
    """Notes for the user, each told once."""

    def __init__(self, on_note: Callable[[str], None] | None) -> None:
        self.told: list[str] = []
        self._on_note = on_note

    def tell(self, notes: Sequence[str]) -> None:
        for note in notes:
            if note not in self.told:
                self.told.append(note)
                if self._on_note is not None:
                    self._on_note(note)


def _opened_sink(
    output: Path, reader: Reader, painter: FramePainter, options: VideoOptions, notes: _Notes
) -> VideoSink:
    sink = open_sink(output, reader, painter.settings, options, lambda note: notes.tell([note]))
    notes.tell(sink.notes)
    if isinstance(sink, VideoSink) and not sink.plan.is_avi and isinstance(reader, VideoReader):
        return sink
    sink.discard()
    raise OptionError(
        f"{reader.clip.label} to {label_of_path(output)}: a cluster paints video files to .mp4, .mov, .mkv or .webm; "
        "take one of those, or leave the cluster out"
    )


class _Film:
    """The stretches of a film, begun ahead and taken in order."""

    def __init__(self, job: Job, clip: Clip, sink: VideoSink, needs: dict[str, float], room: int) -> None:
        self._ahead = 2 * room
        self._job, self._clip, self._sink = ray.put(job), clip, sink
        ray_options: Any = {"max_retries": -1, **needs}  # a node that dies is no fault of the stretch
        remote: Any = ray.remote
        self._painted = remote(**ray_options)(painted_stretch)
        self._watched = remote(max_retries=-1, num_cpus=READING_SHARE)(watched_stretch) if job.lead_frames else None
        self._begin = None if sink.end_pts is None else clip.source_seconds(sink.end_pts)
        self._length = _stretch_seconds(clip, room)

    def paint(self, notes: _Notes, on_progress: Callable[[VideoProgress], None] | None) -> float:
        """All stretches, into the sink; returns the seconds that workers were at it."""
        begun, before, spent = time.perf_counter(), self._sink.done, 0.0
        painted, total = 0, self._clip.frame_count
        for stretch in self._stretches():
            notes.tell(stretch.notes)
            spent += stretch.seconds
            if not stretch.frames:
                continue
            self._sink.take(
                stretch.content, frames=stretch.frames, first_pts=stretch.first_pts, end_pts=stretch.end_pts
            )
            painted += stretch.frames
            if on_progress is not None:
                seconds = time.perf_counter() - begun
                left = None if total is None else max(0, total - before - painted) * seconds / painted
                on_progress(VideoProgress(before + painted, total, seconds, painted / seconds, left))
        if before + painted == 0:
            raise VideoDecodeError(f"{self._clip.label}: has no frame from `start` to `end`")
        return spent

    def _stretches(self) -> Iterator[Stretch]:
        """In order, up to the last one."""
        begun: deque[Any] = deque()
        count, lead = 0, self._lead_before()
        try:
            while True:
                while len(begun) < self._ahead and not (begun and self._is_after(count)):
                    begin, end = self._span(count)
                    begun.append(self._painted.remote(self._job, begin, end, lead))
                    if self._watched is not None:
                        lead = self._watched.remote(self._job, lead, end)
                    count += 1
                stretch: Stretch = ray.get(begun.popleft())
                yield stretch
                if stretch.is_last:
                    return
        finally:
            for left in begun:
                ray.cancel(left, force=True)

    def _lead_before(self) -> Any:
        """Before the first stretch; None where it begins the film, or frames are painted one by one."""
        if self._begin is None or self._watched is None:
            return None
        return self._watched.remote(self._job, None, self._begin)

    def _span(self, place: int) -> tuple[Fraction | None, Fraction]:
        """From when to when a stretch goes, in seconds of the source."""
        first = self._begin if self._begin is not None else self._clip.source_seconds(0)
        begin = first + place * self._length
        return (self._begin if place == 0 else begin), begin + self._length

    def _is_after(self, place: int) -> bool:
        """Whether a stretch begins after the film ends, as far as that is known."""
        end = self._clip.end_seconds
        begin, _ = self._span(place)
        return end is not None and begin is not None and begin > end


def _stretch_seconds(clip: Clip, engines: int) -> Fraction:
    end = clip.end_seconds
    if end is None:
        return Fraction(_LONGEST_S)
    whole = max(Fraction(0), end - (clip.span.start or 0))
    return min(Fraction(_LONGEST_S), max(Fraction(_SHORTEST_S), whole / (engines * _STRETCHES_PER_ENGINE)))
