"""The two ends of a run: how a source is opened, and where the result goes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nst_engine.environment import package_version
from nst_engine.errors import NSTError, OptionError, VideoDecodeError, VideoNotFoundError
from nst_engine.files import check_output
from nst_engine.image import ANIMATION_SUFFIXES
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits
from nst_engine.reading import why_no_file
from nst_engine.version import __version__
from nst_engine.video.animations import AnimationReader, AnimationSink
from nst_engine.video.av import require_av
from nst_engine.video.formats import CONTAINERS, MUXERS, STREAM_FORMATS, Plan
from nst_engine.video.frames import Clip, Reader, Sink, left_out_note
from nst_engine.video.options import VideoOptions
from nst_engine.video.pipes import PipeReader, PipeWriter, Stream
from nst_engine.video.sequences import DEFAULT_FPS, Pattern, SequenceReader, SequenceSink, is_pattern
from nst_engine.video.work_folder import WorkFolder
from nst_engine.wording import label_of_path

#: Of files that can be written; beside them sequences of pictures, such as frames/%05d.png.
OUTPUT_SUFFIXES = (*CONTAINERS, *ANIMATION_SUFFIXES)

_HEAD_BYTES = 1 << 20
_ANIMATION_HEADS = (b"GIF8", b"\x89PNG", b"\xff\xd8\xff")


def check_video(source: Path | Stream, output: Path | Stream, options: VideoOptions) -> None:
    """Refuse what cannot work, before anything is loaded.

    Raises:
        NSTError: As `paint_video`.
    """
    span = options.span
    if options.resume and not (isinstance(source, Path) and isinstance(output, Path)):
        raise OptionError("goes on with files only: what came or went by a pipe is gone; leave it out", option="resume")
    if options.format is not None and isinstance(output, Path):
        raise OptionError(f"{options.format} came; it is for stdout, a file's suffix tells its own", option="format")
    if span.start is not None and span.end is not None and span.end <= span.start:
        raise OptionError(f"{options.end:g} s came, which is not after `start={options.start:g}` s", option="end")
    if options.fps is not None and not (isinstance(source, Path) and is_pattern(source)):
        raise OptionError("is for sequences such as frames/%05d.png; the times of this input are known", option="fps")
    if isinstance(source, Path) and not is_pattern(source) and not source.exists():
        raise VideoNotFoundError(f"{label_of_path(source)}: there is no such file; check the path")
    suffix = suffix_of(output, options)
    if isinstance(output, Path):
        if is_pattern(output):
            Pattern(output)
        else:
            check_output(output, inputs=[source], overwrite=options.overwrite, suffixes=OUTPUT_SUFFIXES)
    if suffix in MUXERS:
        require_av(label_of_path(output) if isinstance(output, Path) else "a video", ", or take .gif or .webp")
        from nst_engine.video.av.encoder import codec_for

        codec_for(suffix, options.codec, options.crf)
    elif options.codec is not None or options.crf is not None:
        raise OptionError(
            f"`codec` and `crf`: are for videos; a {suffix or 'file without suffix'} has no codec to choose"
        )


def suffix_of(output: Path | Stream, options: VideoOptions) -> str:
    """Of the output, in lower case; of a stream that of a file of its container."""
    return output.suffix.lower() if isinstance(output, Path) else STREAM_FORMATS[options.format or "matroska"]


def open_reader(
    source: Path | PipeReader,
    options: VideoOptions,
    *,
    has_square_pixels: bool = False,
    limits: ImageLimits = DEFAULT_LIMITS,
    passes_on: bool = False,
) -> Reader:
    """The source, opened as what its first bytes say it is.

    Args:
        source: As for `paint_video`, like the next.
        options: See there.
        has_square_pixels: Whether frames whose pixels are no squares are stretched, since the output cannot tell.
        limits: As for `paint_video`.
        passes_on: Whether sound and subtitles of a video are read beside the pictures.

    Raises:
        NSTError: As `paint_video`.
    """
    part: dict[str, Any] = {"span": options.span, "max_side": options.max_side, "limits": limits}
    if isinstance(source, PipeReader):
        return _open_pipe(source, has_square_pixels=has_square_pixels, passes_on=passes_on, **part)
    why = why_no_file(source)
    if why is not None and source.exists() and not source.is_dir():
        raise VideoDecodeError(f"{label_of_path(source)}: {why}; save it to a file, or give - and send it to stdin")
    if is_pattern(source):
        return SequenceReader(source, fps=DEFAULT_FPS if options.fps is None else options.fps, **part)
    head = _head(source, 16)
    if head[4:].startswith(b"ftypavis"):
        label = label_of_path(source)
        raise VideoDecodeError(f"{label}: is an animated AVIF, which is not read; convert it to WebP or MP4")
    if _is_animation(head):
        return AnimationReader(source, **part)
    require_av(label_of_path(source))
    from nst_engine.video.av.reader import VideoReader

    return VideoReader(source, has_square_pixels=has_square_pixels, passes_on=passes_on, **part)


def _open_pipe(source: PipeReader, **settings: Any) -> Reader:
    if _is_animation(source.head(16)):
        raise VideoDecodeError(f"{source.label}: is a picture or an animation, which is read from files: save it first")
    require_av(source.label)
    from nst_engine.video.av.reader import VideoReader

    try:
        reader = VideoReader(source, **settings)
    except NSTError:
        source.check()  # Ctrl-C, most likely
        raise
    return reader


def _is_animation(head: bytes) -> bool:
    return head.startswith(_ANIMATION_HEADS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def tells_pixel_aspect(suffix: str, options: VideoOptions) -> bool:
    """Whether a player of the output learns that pixels are no squares; of VP9 and AV1 only from an .mp4."""
    if suffix not in MUXERS:
        return False
    from nst_engine.video.av.encoder import codec_for

    _, codec, _ = codec_for(suffix, options.codec, options.crf)
    return suffix not in (".webm", ".mkv") or codec.holds_pixel_aspect


def open_sink(
    output: Path | PipeWriter,
    reader: Reader,
    settings: Mapping[str, Any],
    options: VideoOptions,
    tell: Callable[[str], None],
) -> Sink:
    """Where the painted frames go.

    Args:
        output: As for `paint_video`.
        reader: What is painted.
        settings: Of the painter.
        options: As for `paint_video`.
        tell: Called with what people should know.

    Raises:
        NSTError: As `paint_video`.
    """
    clip = reader.clip
    if not isinstance(output, Path):
        return _stream_sink(output, STREAM_FORMATS[options.format or "matroska"], reader, options)
    suffix = output.suffix.lower()
    if suffix not in CONTAINERS:
        for name in (*clip.tracks, *(extra.name for extra in clip.extras)):
            tell(left_out_note(clip.label, name, f"a {suffix} holds pictures only"))
    if is_pattern(output):
        sources = () if options.overwrite else reader.files
        return SequenceSink(output, clip, sources=sources, resume=options.resume)
    target = output.resolve()
    written: dict[str, Any] = {
        "max-side": options.max_side,
        "start": options.start,
        "end": options.end,
        "fps": options.fps,
    }
    plan = None
    if suffix in CONTAINERS and not reader.files:
        return _stream_sink(target, suffix, reader, options)
    if suffix in CONTAINERS:
        plan, versions = _plan(suffix, clip, options)
        written |= versions
    identity = {"input": _fingerprint(reader), "options": {**written, **settings, "nst-engine": __version__}}
    work = WorkFolder(target, identity, resume=options.resume, on_note=tell)
    if plan is None:
        return AnimationSink(target, clip, work)
    from nst_engine.video.segments import VideoSink

    return VideoSink(target, clip, plan, work)


def _stream_sink(target: Path | PipeWriter, suffix: str, reader: Reader, options: VideoOptions) -> Sink:
    from nst_engine.video.stream_sink import StreamSink

    plan, _ = _plan(suffix, reader.clip, options)
    return StreamSink(target, reader, replace(plan, is_stream=isinstance(target, PipeWriter)))


def _plan(suffix: str, clip: Clip, options: VideoOptions) -> tuple[Plan, dict[str, Any]]:
    """How a video is encoded, and what of that a resumed run must have the same."""
    from nst_engine.video.av.encoder import codec_for

    name, codec, crf = codec_for(suffix, options.codec, options.crf)
    rate, base = clip.rate, clip.time_base
    if suffix == ".avi":
        rate = rate.limit_denominator(1001)  # MPEG-4 counts to 65,535 within a second
        base = 1 / rate
    plan = Plan(suffix, codec, crf, base, rate, clip.tags, not clip.has_alpha, clip.pixel_aspect)
    return plan, {"codec": name, "crf": crf, "PyAV": package_version("av")}


def _fingerprint(reader: Reader) -> dict[str, Any]:
    """By which an input is known again; a pipe is not."""
    if not reader.files:
        return {}
    states = [file.stat() for file in reader.files]
    head = _head(reader.files[0], _HEAD_BYTES)
    return {
        "files": len(states),
        "bytes": sum(state.st_size for state in states),
        "mtime_ns": max(state.st_mtime_ns for state in states),
        "head_sha256": hashlib.sha256(head).hexdigest(),
    }


def _head(path: Path, length: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(length)
    except (OSError, ValueError):  # the reader says what is wrong
        return b""
