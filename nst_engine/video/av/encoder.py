"""RGB frames become packets in a file, in a codec that is there."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from nst_engine.errors import MissingDependencyError, OptionError, OutputError
from nst_engine.video.av.colors import FromRgb
from nst_engine.video.formats import CODECS, DEFAULT_CODECS, Codec, Plan, even_size

#: What PyAV raises when it cannot write.
WRITING_ERRORS = (OSError, ValueError, ArithmeticError, av.FFmpegError)
# Of errors with a number, those that are no fault of the disk: FFmpeg does not write such a thing.
_REFUSALS = (errno.EINVAL, errno.ERANGE, errno.EDOM, errno.EOVERFLOW, errno.ENOSYS)


def is_refused(error: Exception) -> bool:
    """Whether it would come again, however much space there is; FFmpeg's own numbers are not the system's."""
    number = getattr(error, "errno", None)
    return number in _REFUSALS or number not in errno.errorcode


def is_available(codec: Codec) -> bool:
    """Whether this PyAV has an encoder for it."""
    return codec.encoder in av.codecs_available


def codec_for(suffix: str, name: str | None, crf: int | None) -> tuple[str, Codec, int | None]:
    """Name, codec and quality for an output.

    Args:
        suffix: Of the output, a key of `CONTAINERS`.
        name: A key of `CODECS`; None: H.264; in a .webm VP9, in an .avi MPEG-4.
        crf: Quality; None: the codec's default.

    Raises:
        OptionError: The codec is unknown, or does not go into such a file, or has no such quality.
        MissingDependencyError: This PyAV has no encoder for it.
    """
    possible = [each for each, codec in CODECS.items() if suffix in codec.suffixes]
    chosen = name or DEFAULT_CODECS.get(suffix, "h264")
    offered = ", ".join(each for each in possible if is_available(CODECS[each]))
    if chosen not in possible:
        raise OptionError(f"{chosen} came; a {suffix} takes {offered}", option="codec")
    codec = CODECS[chosen]
    if not is_available(codec):
        raise MissingDependencyError(
            f"`codec='{chosen}'`: this PyAV is built without {codec.encoder}; "
            f"take {offered or 'another kind of file'}, or the PyAV of PyPI: pip install --force-reinstall av"
        )
    if crf is None:
        return chosen, codec, codec.crf
    if codec.crf is None:
        raise OptionError(f"{chosen} has no such setting; leave it out", option="crf")
    if not 0 <= crf <= codec.highest_crf:
        raise OptionError(f"{crf} came; {chosen} takes 0 (best) to {codec.highest_crf}", option="crf")
    return chosen, codec, crf


class PictureTrack:
    """A stream of pictures in an output that is being written.

    Args:
        output: Where it is added.
        plan: How they are encoded.
        height: Of the frames, px; see `even_size`.
        width: Likewise.
    """

    def __init__(self, output: OutputContainer, plan: Plan, height: int, width: int) -> None:
        self._plan = plan
        even_height, even_width = even_size(height, width)
        self._padding = ((0, even_height - height), (0, even_width - width), (0, 0))
        self._from_rgb = FromRgb(plan.pixel_format, plan.tags)
        stream = output.add_stream(
            plan.codec.encoder,
            rate=plan.rate,
            options=plan.encoder_options,
            height=even_height,
            width=even_width,
            time_base=plan.time_base,
        )
        self.stream = cast(VideoStream, stream)
        self._describe()

    def _describe(self) -> None:
        plan, context = self._plan, self.stream.codec_context
        context.pix_fmt = plan.pixel_format
        context.thread_type = "AUTO"  # else x264 cuts each frame into slices, at the cost of size
        context.time_base = plan.time_base
        tags = plan.tags
        context.colorspace, context.color_range = tags.matrix, tags.range
        context.color_primaries, context.color_trc = tags.primaries, tags.transfer
        if plan.pixel_aspect is not None:
            context.sample_aspect_ratio = plan.pixel_aspect.limit_denominator(10_000)
        if plan.is_avi:  # what decoding needs stands before each key frame: AVI has no other place for it
            context.flags &= ~int(Flags.global_header)

    def packets(self, pixels: NDArray[np.uint8], pts: int) -> list[Packet[Any]]:
        """What comes of uint8 H×W×3, or H×W×4 where the plan has alpha, shown from `pts` ticks on."""
        if any(after for _, after in self._padding):
            pixels = np.pad(pixels, self._padding, mode="edge")
        frame = self._from_rgb(pixels)
        frame.pts, frame.time_base = pts, self._plan.time_base
        return self.stream.encode(frame)

    def last_packets(self) -> list[Packet[Any]]:
        """What the encoder still holds."""
        return self.stream.encode(None)


@contextlib.contextmanager
def refusals_told(plan: Plan, height: int, width: int) -> Iterator[None]:
    """What an encoder does not take becomes an `OutputError`; a file's fault stays an `OSError`."""
    try:
        yield
    except OSError:
        raise
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"{plan.codec.encoder} does not encode {width}×{height} px here ({reason}); "
            "make the frames smaller with `max_side`, or take another `codec`"
        ) from error


class FrameEncoder:
    """A file with one stream of pictures that is being written.

    Args:
        path: Where to.
        plan: How.
        height: Of the frames, px; see `even_size`.
        width: Likewise.
        container: FFmpeg's name.
        container_options: For FFmpeg.

    Raises:
        OSError: The file cannot be made.
        OutputError: The encoder does not take such frames.
    """

    def __init__(
        self,
        path: Path,
        plan: Plan,
        height: int,
        width: int,
        *,
        container: str,
        container_options: Mapping[str, str] | None = None,
    ) -> None:
        self._path = path
        self._container = av.open(
            os.fspath(path.absolute()), "w", format=container, container_options=dict(container_options or {})
        )
        try:
            with refusals_told(plan, height, width):
                self._track = PictureTrack(self._container, plan, height, width)
                self._container.start_encoding()
        except BaseException:
            self.discard()
            raise

    def write(self, pixels: NDArray[np.uint8], pts: int) -> None:
        """Encode uint8 H×W×3, or H×W×4 where the plan has alpha, shown from `pts` ticks on."""
        self._container.mux(self._track.packets(pixels, pts))

    def finish(self) -> None:
        """Write what the encoder still holds, and close the file."""
        self._container.mux(self._track.last_packets())
        self._container.close()

    def discard(self) -> None:
        """Close the file as it is, and remove it."""
        with contextlib.suppress(Exception):  # FFmpeg may complain of what is not there
            self._container.close()
        self._path.unlink(missing_ok=True)
