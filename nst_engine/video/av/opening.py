"""A video file is opened, and its pictures found in it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.format import Flags
from av.stream import Disposition
from av.video.stream import VideoStream

from nst_engine.errors import VideoDecodeError, VideoNotFoundError
from nst_engine.image import DEFAULT_LIMITS

_WANTED = "wanted a video such as .mp4, .mov, .mkv, .webm or .avi, a .gif, or pictures as FOLDER/%05d.png"
# Of plain text FFmpeg makes a picture of a terminal.
_NO_VIDEO = ("tty",)


def open_pictures(path: Path, label: str) -> tuple[InputContainer, VideoStream]:
    """The file, and the stream in it that is painted.

    Args:
        path: The file.
        label: What messages call it.

    Raises:
        VideoNotFoundError: There is no such file.
        VideoDecodeError: It is no video.
        ImageTooLargeError: Its frames are too large.
    """
    if path.is_dir():
        raise VideoDecodeError(f"{label}: is a folder; {_WANTED}")
    try:
        # files only: a playlist in disguise shall not reach into the net; an absolute path is no protocol's name
        container = av.open(
            str(path.absolute()), "r", container_options={"protocol_whitelist": "file"}, metadata_errors="replace"
        )
    except FileNotFoundError as error:
        raise VideoNotFoundError(f"{label}: there is no such file; check the path") from error
    except PermissionError as error:
        raise VideoDecodeError(f"{label}: may not be read (permission denied); check its owner and mode") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VideoDecodeError(f"{label}: is no video, or too damaged to open ({reason}); {_WANTED}") from error
    try:
        return container, _pictures_of(container, label)
    except BaseException:
        container.close()
        raise


def _pictures_of(container: InputContainer, label: str) -> VideoStream:
    """The stream to paint: the first one that is no cover."""
    if container.format.name.endswith("_pipe") or container.format.name == "image2":
        raise VideoDecodeError(f"{label}: is a still picture; type: nst stylize {label}")
    if container.format.name in _NO_VIDEO:
        raise VideoDecodeError(f"{label}: is text, and no video; {_WANTED}")
    for stream in container.streams.video:
        if stream.codec_context is None:
            raise VideoDecodeError(f"{label}: its pictures are in a codec that PyAV does not know; convert it to H.264")
        if not stream.disposition & Disposition.attached_pic:
            DEFAULT_LIMITS.check_pixels(label, stream.height, stream.width)
            stream.thread_type = "AUTO"
            return stream
    holds = "sound and no pictures" if container.streams.audio else "no pictures"
    raise VideoDecodeError(f"{label}: holds {holds}; {_WANTED}")


def base_of(stream: VideoStream) -> Fraction:
    """Seconds per tick of its times."""
    return stream.time_base or Fraction(1, 1_000_000)


def origin_of(container: InputContainer) -> Fraction:
    """Seconds on the file's clock when it begins: those of broadcasts began long before."""
    discontinuous: Any = Flags.ts_discont.value
    has_clock = bool(container.format.flags & discontinuous)
    return Fraction(container.start_time or 0, 1_000_000) if has_clock else Fraction(0)
