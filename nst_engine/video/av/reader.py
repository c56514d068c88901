"""A video file becomes frames."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard

import av
import numpy as np
from av.packet import Packet
from numpy.typing import NDArray

from nst_engine.errors import VideoDecodeError, VideoEndsBeforeError
from nst_engine.image.visible import as_seen
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits
from nst_engine.video.av.colors import ToRgb, holds_alpha, tags_of
from nst_engine.video.av.demux import (
    clock_start_of,
    decoder_of,
    is_short_riff,
    open_video_stream,
    time_base_of,
    tracks_of,
)
from nst_engine.video.av.extras import extras_of
from nst_engine.video.av.metadata import clip_metadata, stream_metadata
from nst_engine.video.av.orientation import turn_of
from nst_engine.video.av.passage import Passage
from nst_engine.video.frames import WHOLE, Clip, Frame, Span, left_out_note
from nst_engine.video.pipes import PipeReader
from nst_engine.video.timeline import RawFrame, expected_frames, in_order, painted_size, shift_ticks
from nst_engine.wording import label_of_path

_RATE_IF_UNKNOWN, _LOWEST_RATE, _HIGHEST_RATE = Fraction(25), Fraction(1, 1000), 1000
# Hours, minutes, seconds. Anybody may have written it: Fraction would take 1/0, or fill the memory with 1e999999999.
_MATROSKA_DURATION = re.compile(r"(\d{1,6}):(\d{1,2}):(\d{1,2}(?:\.\d{1,12})?)")

_INTERLEAVED_SECONDS = 1  # by which tracks are at most
# What frames say beside their pixels, by FFmpeg's names.
_WITHIN_PICTURES = {"A53_CC": "closed captions", "S12M_TIMECODE": "the timecode of each picture"}


class VideoReader:
    """What PyAV decodes; see `nst_engine.video.frames.Reader`.

    Args:
        source: A file, or a pipe: of that, nothing is read twice.
        span: The part to paint.
        max_side: Frames whose longer side is longer are shrunk to it, px; None: none are.
        has_square_pixels: Whether frames whose pixels are no squares are stretched, since the output cannot tell.
        limits: Of frames: what is refused before it is decoded.
        passes_on: Whether its sound and subtitles are read beside the pictures.

    Attributes:
        container: The open input.
        passage: Of those.

    Raises:
        MissingDependencyError: PyAV is not installed.
        VideoNotFoundError: There is no such file.
        VideoDecodeError: Not a single frame can be decoded; or it is a still picture.
        ImageTooLargeError: Its frames are too large.
    """

    def __init__(
        self,
        source: Path | PipeReader,
        *,
        span: Span = WHOLE,
        max_side: int | None = None,
        has_square_pixels: bool = False,
        limits: ImageLimits = DEFAULT_LIMITS,
        passes_on: bool = False,
    ) -> None:
        self._file = source if isinstance(source, Path) else None
        label = source.label if isinstance(source, PipeReader) else label_of_path(source)
        self.notes: list[str] = []
        self.files: tuple[Path, ...] = () if self._file is None else (self._file,)
        self.passage = Passage(label, is_open=passes_on)
        self._label, self.errors, self._read_to = label, 0, 0
        self._within: set[str] = set()
        self._lag: int | None = None
        self._limits = limits
        self.container, self._stream = open_video_stream(source, label, limits)
        self._decoder = decoder_of(self._stream)
        try:
            if span.start is not None and self._file is not None:
                self._go_to(self._file, span.start)
            self._rest = self._decoded()
            self._first = first = self._first_frame(span)
            self._turn = turn_of(first)
            height, width = self._turn.size(first.height, first.width)
            aspect = self._stream.sample_aspect_ratio or None
            if aspect is not None and self._turn.is_transposed:
                aspect = 1 / aspect
            if aspect is not None and has_square_pixels:
                width, aspect = max(1, round(width * aspect)), None
            height, width = painted_size(height, width, max_side)
            self.clip = self._described(first, (height, width), aspect, span)
            self._to_rgb = ToRgb(*self._turn.size(height, width), self.clip.tags, self._label)
            self._note_what_is_not_kept(first)
        except BaseException:
            self.close()
            raise

    def frames(self, is_wanted: Callable[[int, int], bool]) -> Iterator[Frame]:
        """Decode once; damage is passed over and noted."""
        yield from in_order(self._raw(), self.clip, is_wanted, self.notes)
        end, base = self.clip.span.end, self.clip.time_base
        if end is not None and self.passage.is_open:  # the sound of the last frames may come a little later
            last = end + self.clip.clock_start + _INTERLEAVED_SECONDS
            next((frame for frame in self._rest if frame.pts is None or frame.pts * base > last), None)

    def close(self) -> None:
        """Free the file."""
        self.container.close()

    def _first_frame(self, span: Span) -> av.VideoFrame:
        first = next(self._rest, None)
        if first is not None:
            return first
        if span.start is not None:
            raise VideoEndsBeforeError(f"{self._label}: has no frame at `start={float(span.start):g}` s or after it")
        if self._file is None:
            raise VideoDecodeError(
                f"{self._label}: no frame of it can be decoded; of an .mp4 or .mov that comes by a pipe, the index has "
                "to stand in front: save it to a file and give that, or send it as nut or matroska"
            )
        raise VideoDecodeError(f"{self._label}: holds no frame that can be decoded; export or download it again")

    def _raw(self) -> Iterator[RawFrame]:
        frame: av.VideoFrame | None = self._first
        end = 0
        while frame is not None:
            following = next(self._rest, None)
            duration = self._duration(frame, following)
            end = max(end, (frame.pts or 0) + duration)
            yield RawFrame(frame.pts, duration, None, partial(self._picture, frame))
            frame = following
        self._note_damage(end)

    def _duration(self, frame: av.VideoFrame, following: av.VideoFrame | None) -> int:
        """In ticks; of frames out of order, files say when the next one is decoded, not when it is shown."""
        said, pts = int(frame.duration or 0), frame.pts or 0
        if following is not None:
            return max(0, following.pts - pts) if frame.pts is not None and following.pts is not None else said
        promised = self._promised_end()
        left = 0 if promised is None else round(promised / time_base_of(self._stream)) - pts
        is_whole = self._read_to >= pts + left
        return left if 0 < left < said or (left > said and is_whole) else said

    def _picture(self, frame: av.VideoFrame) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        pixels = self._turn.upright(self._to_rgb(frame))
        if pixels.shape[2] == 3:
            return pixels, None
        return as_seen(np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3]))

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """All frames that can be decoded, in the order in which they are shown."""
        packets = self.container.demux(self._stream, *self.passage.streams(self.container))
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:  # cut off: what the decoder still holds comes out below
                self.errors, packet = self.errors + 1, None
            if packet is not None and packet.stream_index != self._stream.index:
                self.passage.pass_on(packet)
                continue
            try:
                frames = self._decoder.decode(packet)
            except EOFError:
                return
            except av.FFmpegError:
                self.errors, frames = self.errors + 1, []
            if packet is not None and packet.size:
                self._count(packet)
            for frame in frames:
                self.errors += frame.is_corrupt
                self._note_what_is_within(frame)
                yield frame
            if packet is None or packet.size == 0:
                return

    def _count(self, packet: Packet[Any]) -> None:
        """How far the file has been read: when the last packet ends, by the times of showing or of decoding."""
        if packet.dts is not None and packet.pts is not None:
            self._lag = packet.pts - packet.dts if self._lag is None else self._lag
        shown = packet.pts or 0
        decoded = shown if packet.dts is None else packet.dts + (self._lag or 0)
        self._read_to = max(self._read_to, max(shown, decoded) + (packet.duration or 0))

    def _go_to(self, path: Path, start: Fraction) -> None:
        """Begin at the key frame before a time where the format can do that."""
        base = time_base_of(self._stream)
        place = math.floor((clock_start_of(self.container) + start) / base)
        with contextlib.suppress(av.FFmpegError):
            self.container.seek(place, stream=self._stream)
        first = next(self._decoded(), None)
        lands_late = first is None or first.pts is None or first.pts > place
        self.container.close()
        self.container, self._stream = open_video_stream(path, self._label, self._limits)
        self._decoder = decoder_of(self._stream)
        self.errors = 0
        if not lands_late:
            self.container.seek(place, stream=self._stream)

    def _described(self, first: av.VideoFrame, size: tuple[int, int], aspect: Fraction | None, span: Span) -> Clip:
        stream, base = self._stream, time_base_of(self._stream)
        rate = next(filter(_is_rate, (stream.average_rate, stream.guessed_rate)), _RATE_IF_UNKNOWN)
        seconds = self._seconds()
        count = stream.frames or (None if seconds is None else round(seconds * rate))
        tracks = tracks_of(self.container)
        extras = extras_of(self.container, stream)
        clock_start = clock_start_of(self.container)
        return Clip(
            label=self._label,
            height=size[0],
            width=size[1],
            time_base=base,
            rate=rate.limit_denominator(100_000),
            frame_count=expected_frames(count, seconds, span),
            tags=tags_of(first),
            has_alpha=holds_alpha(first),
            pixel_aspect=aspect,
            metadata=clip_metadata(self.container.metadata),
            stream_metadata=stream_metadata(stream.metadata),
            file=self._file if tracks or extras else None,
            tracks=tracks,
            extras=extras,
            shift=shift_ticks(span, base, first.pts or 0, clock_start) * base,
            clock_start=clock_start,
            span=span,
        )

    def _seconds(self) -> Fraction | None:
        """How long the pictures go on, as far as the file says so."""
        if self._stream.duration:
            return self._stream.duration * time_base_of(self._stream)
        if written := _MATROSKA_DURATION.fullmatch(self._stream.metadata.get("DURATION", "")):
            hours, minutes, rest = written.groups()
            return int(hours) * 3600 + int(minutes) * 60 + Fraction(rest)
        if self.container.duration:
            return Fraction(self.container.duration, 1_000_000)
        return None

    def _promised_end(self) -> Fraction | None:
        """When the last frame ends, s, as far as the file says so of its pictures."""
        stream = self._stream
        if stream.duration:
            return (stream.duration + (stream.start_time or 0)) * time_base_of(stream)
        # Matroska's is no duration, but tells when the last frame ends
        return self._seconds() if "DURATION" in stream.metadata else None

    def _note_what_is_not_kept(self, first: av.VideoFrame) -> None:
        if self.clip.tags.hdr:
            self.notes.append(
                f"{self._label}: is HDR ({self.clip.tags.hdr}), and is painted as it is, in 8 bits; "
                "convert it to SDR first for truer colours"
            )
        if first.interlaced_frame:
            self.notes.append(f"{self._label}: is interlaced; deinterlace it first, or its lines are painted")

    def _note_what_is_within(self, frame: av.VideoFrame) -> None:
        """Say once what is written into the pictures themselves: they are painted and encoded anew."""
        kinds: set[str] = set()
        with contextlib.suppress(ValueError):  # of kinds that this PyAV has no name for
            entries: Iterable[Any] = frame.side_data
            kinds = {each.type.name for each in entries}
        for kind in sorted(kinds & _WITHIN_PICTURES.keys() - self._within):
            self._within.add(kind)
            self.notes.append(left_out_note(self._label, _WITHIN_PICTURES[kind], "pictures are painted without"))

    def _note_damage(self, end: int) -> None:
        """Say when less came than the file promised: `end` of the last frame, in ticks."""
        stream, base, rate = self._stream, time_base_of(self._stream), self.clip.rate
        slack = Fraction(3, 2) / rate if stream.frames else max(2 / rate, Fraction(3, 10))
        promised = self._promised_end()
        if promised is not None and end * base < promised - slack:
            self.notes.append(
                f"{self._label}: is cut off: its pictures end at {float(end * base):.2f} s of {float(promised):.2f} s; "
                "painted as far as they go"
            )
        elif self._file is not None and is_short_riff(
            self._file
        ):  # of an AVI without its end FFmpeg makes up the length
            self.notes.append(f"{self._label}: is cut off: its end is missing; painted as far as it goes")
        elif self.errors:
            self.notes.append(f"{self._label}: is damaged in {self.errors} places; painted what could be decoded")


def _is_rate(found: Fraction | None) -> TypeGuard[Fraction]:
    """Whether it can be one: of a single frame, FFmpeg's guess is the length of a tick."""
    return found is not None and _LOWEST_RATE <= found <= _HIGHEST_RATE
