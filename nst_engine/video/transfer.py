"""A moving picture, painted frame by frame."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from nst_engine.color import ColorMode
from nst_engine.errors import OptionError, VideoDecodeError
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits
from nst_engine.motion.frame_stylizer import FrameStylizer
from nst_engine.motion.options import Stability
from nst_engine.stylize.style_choice import Style
from nst_engine.stylize.stylizer import Stylizer
from nst_engine.video.ends import check_video, open_reader, open_sink, suffix_of, tells_pixel_aspect
from nst_engine.video.formats import written_size
from nst_engine.video.frames import Reader, Sink
from nst_engine.video.keyframes import KeyframePainter, StyleKeyframe, StyleTimeline
from nst_engine.video.options import DEFAULT_OPTIONS, VideoOptions, VideoProgress, VideoResult
from nst_engine.video.pipeline import run_pipeline
from nst_engine.video.pipes import PipeReader, PipeWriter, Stream, end_of
from nst_engine.video.stylize_stage import FramePainter, StylizeStage, TimedPainter, WatchingPainter


def stylize_video(
    source: str | os.PathLike[str] | Stream,
    output: str | os.PathLike[str] | Stream,
    stylizer: Stylizer,
    style: Style = None,
    *,
    keyframes: Sequence[StyleKeyframe] = (),
    stability: Stability = "low",
    strength: float = 1.0,
    preserve_color: ColorMode | None = None,
    stroke_size: float = 1.0,
    options: VideoOptions = DEFAULT_OPTIONS,
    limits: ImageLimits = DEFAULT_LIMITS,
    on_progress: Callable[[VideoProgress], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> VideoResult:
    """Paint a moving picture.

    Args:
        source: A video, a GIF, an animated WebP or PNG, or a sequence of pictures such as frames/%05d.png; or an open
            binary file, which is read once, as a pipe is.
        output: A file with one of `OUTPUT_SUFFIXES`, or a sequence likewise; or an open binary file.
        stylizer: The model.
        style: As for `Stylizer.stylize`, like `strength` and `preserve_color`.
        keyframes: Instead of one style, those that it changes between: linearly, in seconds of the source.
        stability: Against flicker: `off`, `low` or `high`; see `FrameStylizer`.
        strength: See there.
        preserve_color: See there.
        stroke_size: See there.
        options: What is painted, and how it is written.
        limits: Of frames: what is refused before it is decoded.
        on_progress: Called after each frame.
        on_note: Called at once with each line that the result's `notes` will hold.

    Raises:
        NSTError: What `paint_video` and `Stylizer.stylize` raise.
    """
    painter = painter_of(
        stylizer,
        style,
        keyframes=keyframes,
        stability=stability,
        strength=strength,
        preserve_color=preserve_color,
        stroke_size=stroke_size,
    )
    result = paint_video(
        source, output, painter, options=options, limits=limits, on_progress=on_progress, on_note=on_note
    )
    return replace(result, paint_seconds=painter.seconds)


def painter_of(
    stylizer: Stylizer,
    style: Style = None,
    *,
    keyframes: Sequence[StyleKeyframe] = (),
    stability: Stability = "low",
    strength: float = 1.0,
    preserve_color: ColorMode | None = None,
    stroke_size: float = 1.0,
) -> FrameStylizer | KeyframePainter:
    """What paints the frames of a clip; all arguments are those of `stylize_video`.

    Raises:
        OptionError: Both a style and keyframes.
        NSTError: What `FrameStylizer` raises.
    """
    if keyframes and style is not None:
        raise OptionError("style and keyframes: both came; give one of them")
    timeline = StyleTimeline(keyframes, stylizer) if keyframes else None
    frames = FrameStylizer(
        stylizer,
        style if timeline is None else timeline.choices[0],
        stability=stability,
        strength=strength,
        preserve_color=preserve_color,
        stroke_size=stroke_size,
        channel_order="rgb",
    )
    return frames if timeline is None else KeyframePainter(frames, timeline)


def paint_video(
    source: str | os.PathLike[str] | Stream,
    output: str | os.PathLike[str] | Stream,
    painter: FramePainter,
    *,
    options: VideoOptions = DEFAULT_OPTIONS,
    limits: ImageLimits = DEFAULT_LIMITS,
    on_progress: Callable[[VideoProgress], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> VideoResult:
    """Bring every frame of a moving picture through a painter.

    Sound, times, colours, title and the like come out as they went in; frames are painted upright, and the result
    needs no turning.

    Args:
        source: As for `stylize_video`, like the others.
        output: See there.
        painter: What paints.
        options: See there.
        limits: See there.
        on_progress: See there.
        on_note: See there.

    Raises:
        OptionError: An option that cannot be used, or unfinished work of another input or other options.
        ImageEncodeError: The output's suffix is not known.
        OutputError: The output cannot be written, or is the source.
        VideoNotFoundError: There is no such source; `ImageNotFoundError` likewise.
        VideoDecodeError: Nothing of it can be decoded; `ImageDecodeError` and `ImageTooLargeError` likewise.
        MissingDependencyError: PyAV is needed and not installed.
        NSTError: What the painter raises.
    """
    begun, stopped = time.perf_counter(), threading.Event()
    source, output = end_of(source, "source", "read"), end_of(output, "output", "write")
    check_video(source, output, options)
    notes: list[str] = []
    tell = partial(_noted, notes, on_note)

    reader = open_reader(
        source if isinstance(source, Path) else PipeReader(source, stopped),
        options,
        has_square_pixels=not tells_pixel_aspect(suffix_of(output, options), options),
        limits=limits,
        passes_on=not (isinstance(source, Path) and isinstance(output, Path)),
    )
    try:
        _tell_all(reader.notes, tell)
        place = output if isinstance(output, Path) else PipeWriter(output, stopped)
        sink = open_sink(place, reader, painter.settings, options, tell)
        _tell_all(sink.notes, tell)
        report = _reporter(sink, reader.clip.frame_count, on_progress, tell)
        stage_seconds, count, frames = _run(reader, sink, painter, report, tell=tell, stopped=stopped)
    finally:
        reader.close()
    _tell_all([*reader.notes, *sink.notes], tell)
    seconds = time.perf_counter() - begun
    file, size = output if isinstance(output, Path) else None, written_size(suffix_of(output, options), reader.clip)
    return VideoResult(file, *size, frames, frames - count, seconds, stage_seconds, notes=tuple(notes))


def _noted(notes: list[str], on_note: Callable[[str], None] | None, note: str) -> None:
    notes.append(note)
    if on_note is not None:
        on_note(note)


def _run(
    reader: Reader,
    sink: Sink,
    painter: FramePainter,
    on_frame: Callable[[int], None],
    *,
    tell: Callable[[str], None],
    stopped: threading.Event,
) -> tuple[dict[str, float], int, int]:
    """Seconds of the stages, how many frames were painted, and how many the result has."""
    memory = int(getattr(painter, "memory_frames", 0))
    again = sink.done - memory  # from there on frames are painted again, and discarded
    first = 0 if memory and isinstance(painter, WatchingPainter) else again

    def is_wanted(index: int, number: int) -> bool:
        return not sink.is_done(index, number)

    def is_decoded(index: int, number: int) -> bool:
        return is_wanted(index, number) or first <= index < sink.done

    def is_watched(index: int, number: int) -> bool:
        return index < again and not is_wanted(index, number)

    with contextlib.ExitStack() as on_failure:
        on_failure.callback(sink.discard)
        painter.reset()
        if isinstance(painter, TimedPainter):
            _tell_all(painter.notes_on(reader.clip), tell)
        stage = StylizeStage(painter, reader.clip, is_wanted, on_frame, is_watched)
        seconds = run_pipeline(reader.frames(is_decoded), stage, sink.write, stopped=stopped)
        if stage.count + sink.done == 0:
            raise VideoDecodeError(f"{reader.clip.label}: has no frame from `start` to `end`")
        begun = time.perf_counter()
        frames = sink.finish()
        on_failure.pop_all()
    return {**asdict(seconds), "join": time.perf_counter() - begun}, stage.count, frames


def _tell_all(notes: list[str], tell: Callable[[str], None]) -> None:
    while notes:  # others may be added meanwhile
        tell(notes.pop(0))


def _reporter(
    sink: Sink, total: int | None, on_progress: Callable[[VideoProgress], None] | None, tell: Callable[[str], None]
) -> Callable[[int], None]:
    begun, done = time.perf_counter(), sink.done

    def report(count: int) -> None:
        _tell_all(sink.notes, tell)
        if on_progress is None:
            return
        seconds = time.perf_counter() - begun
        rate = count / seconds if seconds > 0 else math.inf
        left = None if total is None else max(0, total - done - count) / rate
        on_progress(VideoProgress(done + count, total, seconds, rate, left))

    return report
