"""The demuxer: a video file is opened, and its streams are found."""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.container import InputContainer
from av.format import Flags
from av.stream import Disposition
from av.subtitles.stream import SubtitleStream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from nst_engine.errors import NSTError, VideoDecodeError, VideoNotFoundError
from nst_engine.image.formats import sniff
from nst_engine.limits import ImageLimits
from nst_engine.video.formats import FILE_OPTIONS, IS_STILL
from nst_engine.video.pipes import PipeReader, head_of

_WANTED = "wanted a video such as .mp4, .mov, .mkv, .webm or .avi, or a .gif"
_TEXT = bytes([9, 10, 13, *range(32, 127)])
_DECODES_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"[playlist]", b"v=0", b"#~")


def open_input(source: Path | PipeReader) -> InputContainer:
    """A video file, and nothing that it names; or what comes by a pipe.

    Raises:
        av.FFmpegError: Of FFmpeg's, which are OSErrors or ValueErrors as well: it cannot be opened.
    """
    # an absolute path is no protocol's name
    file = source if isinstance(source, PipeReader) else str(source.absolute())
    return av.open(file, "r", container_options=dict(FILE_OPTIONS), metadata_errors="replace")


def open_video_stream(source: Path | PipeReader, label: str, limits: ImageLimits) -> tuple[InputContainer, VideoStream]:
    """The file, and the stream in it that is painted.

    Args:
        source: The file, or a pipe.
        label: What messages call it.
        limits: Of its frames.

    Raises:
        VideoNotFoundError: There is no such file.
        VideoDecodeError: It is no video.
        ImageTooLargeError: Its frames are too large.
    """
    if isinstance(source, Path) and source.is_dir():
        raise VideoDecodeError(f"{label}: is a folder; {_WANTED}, or its pictures as FOLDER/%05d.png")
    try:
        container = open_input(source)
    except FileNotFoundError as error:
        raise VideoNotFoundError(f"{label}: there is no such file; check the path") from error
    except PermissionError as error:
        raise VideoDecodeError(f"{label}: may not be read (permission denied); check its owner and mode") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoDecodeError(f"{label}: {_why_not(source, error)}") from error
    try:
        return container, _video_stream_of(container, label, limits)
    except BaseException:
        container.close()
        raise


def _why_not(source: Path | PipeReader, error: Exception) -> str:
    begin = head_of(source, 64)
    if not begin:
        return f"is empty, and no video; {_WANTED}"
    if begin.lstrip(b"\xef\xbb\xbf \r\n").startswith(_PLAYLISTS):
        return f"is a list of other files, which are not read from it; {_WANTED}"
    with contextlib.suppress(NSTError):
        sniff(begin, "")
        return IS_STILL
    if begin and all(byte in _TEXT for byte in begin):
        return f"is text, and no video; {_WANTED}"
    reason = getattr(error, "strerror", None) or error
    return f"is no video, or too damaged to open ({reason}); {_WANTED}"


def _video_stream_of(container: InputContainer, label: str, limits: ImageLimits) -> VideoStream:
    """The stream to paint: the first one that is no cover."""
    for stream in container.streams.video:
        if stream.codec_context is None:
            raise VideoDecodeError(f"{label}: its pictures are in a codec that PyAV does not know; convert it to H.264")
        if not stream.disposition & Disposition.attached_pic:
            limits.check_pixels(label, stream.height, stream.width)
            stream.codec_context.options = {"max_pixels": str(limits.max_pixels)}  # of later frames, too
            stream.thread_type = "AUTO"
            return stream
    holds = "sound and no pictures" if container.streams.audio else "no pictures"
    raise VideoDecodeError(f"{label}: holds {holds}; {_WANTED}")


def decoder_of(stream: VideoStream) -> VideoStream | VideoCodecContext:
    """What decodes its packets: of VP8 and VP9, FFmpeg's own decoders pass over what is transparent."""
    name = _DECODES_ALPHA.get(stream.codec_context.name)
    says_so = {key.lower(): value for key, value in stream.metadata.items()}.get("alpha_mode") == "1"
    if name is None or not says_so or name not in av.codecs_available:
        return stream
    decoder = cast(VideoCodecContext, av.CodecContext.create(name, "r"))
    decoder.thread_type = "AUTO"
    return decoder


def tracks_of(container: InputContainer) -> tuple[str, ...]:
    """`sound` and `subtitles`, where there are any."""
    streams = container.streams
    has_words = any(not is_chapter_track(container, each) for each in streams.subtitles)
    return (*(["sound"] if streams.audio else []), *(["subtitles"] if has_words else []))


def is_chapter_track(container: InputContainer, stream: SubtitleStream) -> bool:
    """Whether words are the names of the chapters, as an .mp4 has them, and no subtitles."""
    begins = [round(each["start"] * (each["time_base"] or 0), 2) for each in container.chapters()]
    shown = [round(entry.timestamp * (stream.time_base or 0), 2) for entry in stream.index_entries]
    return bool(begins) and begins == shown


def time_base_of(stream: VideoStream) -> Fraction:
    """Seconds per tick of its times."""
    return stream.time_base or Fraction(1, 1_000_000)


def clock_start_of(container: InputContainer) -> Fraction:
    """Seconds on the file's clock when it begins: those of broadcasts began long before."""
    discontinuous: Any = Flags.ts_discont.value
    has_clock = bool(container.format.flags & discontinuous)
    return Fraction(container.start_time or 0, 1_000_000) if has_clock else Fraction(0)


def is_short_riff(path: Path) -> bool:
    """Whether an AVI, which says in its first bytes how long it is, is shorter."""
    with path.open("rb") as file:
        head = file.read(12)
        claimed = int.from_bytes(head[4:8], "little")
        return head[:4] == b"RIFF" and file.seek(0, os.SEEK_END) < claimed
