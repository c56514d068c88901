"""The sound of the source, for the painted file: copied where that holds such sound, else encoded anew.

Subtitles come along where they can be copied.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.subtitles.stream import SubtitleStream

from nst_engine.video.av.demux import is_chapter_track, open_input
from nst_engine.video.av.layouts import (
    bit_rate_of,
    encoder_of,
    is_held,
    is_placed,
    layout_of_copy,
    layout_to_encode,
    silence,
    unlike,
)
from nst_engine.video.av.metadata import stream_metadata
from nst_engine.video.formats import MUXERS, QUICKTIME_SUFFIXES, Plan
from nst_engine.video.frames import Clip

# The only ones that say of a sound's first samples that they come before its beginning, and are not to be heard.
_HOLDS_PRIMING = QUICKTIME_SUFFIXES
_AUDIBLE_SECONDS = Fraction(1, 100)
_LONGEST_LEAD_SECONDS = 3600
# Past the end of the span no packet is looked for any more: tracks are interleaved by far less than this.
_SLACK_SECONDS = 10


class Sound:
    """The sound tracks of a source, as tracks of an output.

    Attributes:
        notes: What people should know.

    Args:
        output: The output; tracks are added to it.
        plan: Of the output.
        clip: Whose sound.
        copies: Whether tracks may go in as they are.
        source: The open input whose packets are given to `accept`; None: `packets` reads the clip's file anew.
    """

    def __init__(
        self,
        output: OutputContainer,
        plan: Plan,
        clip: Clip,
        *,
        copies: bool = True,
        source: InputContainer | None = None,
    ) -> None:
        self.notes: list[str] = []
        self._copies = copies
        self._label, self._shift, self._span = clip.label, clip.shift, clip.span
        self._suffix = plan.suffix
        self._container, self._is_passed_on = source, source is not None
        self._tracks: dict[int, _StreamCopy | _Transcode] = {}
        if self._container is None and clip.tracks and clip.file is not None:
            self._container = open_input(clip.file)
        if self._container is None:
            return
        for number, stream in enumerate(self._container.streams.audio, 1):
            self._add(output, stream, f"{clip.label}: sound track {number}", clip.file)
        subtitles = [each for each in self._container.streams.subtitles if not is_chapter_track(self._container, each)]
        for number, words in enumerate(subtitles, 1):
            if words.codec_context is not None and is_held(words, MUXERS[plan.suffix]):
                self._tracks[words.index] = _StreamCopy(output, words)
            else:
                self.notes.append(
                    f"{clip.label}: subtitles {number} are left out: a {plan.suffix} does not hold their kind"
                )

    def _add(self, output: OutputContainer, stream: AudioStream, name: str, file: Path | None) -> None:
        """Copied, if that moves no channel to another place; else encoded anew."""
        context = stream.codec_context
        if context is None:
            self.notes.append(f"{name} is in an unknown codec, and is left out")
            return
        came = context.layout.name
        kept = layout_of_copy(file, stream, MUXERS[self._suffix]) if self._allows_stream_copy(stream) else None
        if kept is not None and not unlike(came, kept):
            self._tracks[stream.index] = _StreamCopy(output, stream)
            is_told = is_placed(came) and kept != came
        elif found := layout_to_encode(stream, self._suffix):
            self._tracks[stream.index] = _Transcode(output, stream, self._suffix, found[0])
            came, kept = context.layout.name, found[1]
            is_told = unlike(came, kept)
        else:
            self.notes.append(
                f"{name} is left out: {context.layout.nb_channels} channels of {context.name} cannot be encoded"
            )
            return
        if is_told:
            self.notes.append(f"{name}: its channels stand as {came}, and as {kept} in the result")

    def packets(self) -> Iterator[tuple[float, int, Packet[Any]]]:
        """Seconds, 1 and the packet, for all packets of all tracks, at their new times."""
        if self._container is None or not self._tracks:
            return
        seconds = self._span.seconds
        self._go_to_start()
        packets = self._container.demux(*(track.source for track in self._tracks.values()))
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:  # cut off
                packet = None
            if packet is None:
                break
            at = self._seconds_of(packet)
            if at is not None and seconds is not None and at > seconds + _SLACK_SECONDS:
                break
            yield from self.accept(packet)
        yield from self.last_packets()

    def accept(self, packet: Packet[Any]) -> Iterator[tuple[float, int, Packet[Any]]]:
        """What comes of a packet of the source, as of `packets`."""
        at, seconds, track = self._seconds_of(packet), self._span.seconds, self._tracks.get(packet.stream_index)
        if track is None or at is None or (seconds is not None and at >= seconds):
            return
        if at >= 0 or self._is_kept_early(packet):
            yield from self._timed(track, packet)

    def last_packets(self) -> Iterator[tuple[float, int, Packet[Any]]]:
        """What the encoders still hold."""
        for track in self._tracks.values():
            yield from self._timed(track, None)

    def close(self) -> None:
        """Free the source, unless it is another's."""
        if self._container is not None and not self._is_passed_on:
            self._container.close()

    def _seconds_of(self, packet: Packet[Any]) -> Fraction | None:
        """When it is heard or read in the result; None: it is empty, as the last ones of tracks are."""
        came = packet.pts if packet.pts is not None else packet.dts
        return None if came is None or not packet.size else came * packet.time_base - self._shift

    def _timed(
        self, track: _StreamCopy | _Transcode, packet: Packet[Any] | None
    ) -> Iterator[tuple[float, int, Packet[Any]]]:
        try:
            for each in track.taken(packet, self._shift):
                yield float((each.dts if each.dts is not None else each.pts or 0) * each.time_base), 1, each
        except (av.FFmpegError, ValueError) as error:
            note = f"{self._label}: of its sound something is left out ({error})"
            if note not in self.notes:
                self.notes.append(note)

    def _allows_stream_copy(self, stream: AudioStream) -> bool:
        # MP4 wants to know where channels stand, and says so when all is written
        if not self._copies:
            return False
        is_known = self._suffix not in _HOLDS_PRIMING or is_placed(stream.codec_context.layout.name)
        return is_known and is_held(stream, MUXERS[self._suffix]) and not self._is_lost(stream)

    def _is_lost(self, stream: AudioStream) -> bool:
        """Whether a copy would begin too early: in AVI all tracks begin at 0, so silence has to be put before it."""
        if self._suffix != ".avi" or stream.start_time is None or stream.time_base is None:
            return False
        return stream.start_time * stream.time_base - self._shift > _AUDIBLE_SECONDS

    def _is_kept_early(self, packet: Packet[Any]) -> bool:
        """Whether a packet from before 0 goes in: it primes the decoder. Elsewhere it would move all else later."""
        if self._span.start is not None or self._container is None:
            return False
        if self._suffix in _HOLDS_PRIMING or isinstance(self._tracks[packet.stream_index], _Transcode):
            return True
        # Opus tells its priming in its own header, and Matroska for any codec
        return self._suffix not in (".avi", ".nut") and (
            packet.stream.codec_context.name in ("opus", "libopus") or "matroska" in self._container.format.name
        )

    def _go_to_start(self) -> None:
        if self._container is None or self._span.start is None:
            return
        try:
            self._container.seek(int(self._shift * 1_000_000))
        except av.FFmpegError:  # read from its beginning
            self._container.seek(0)


class _StreamCopy:
    """A track whose packets go as they are."""

    def __init__(self, output: OutputContainer, source: AudioStream | SubtitleStream) -> None:
        self.source = source
        self._stream = output.add_stream_from_template(source, opaque=True)
        _describe(self._stream, source)

    def taken(self, packet: Packet[Any] | None, shift: Fraction) -> Iterator[Packet[Any]]:
        """The packet, `shift` seconds earlier; None: the track has ended."""
        if packet is None:
            return
        ticks = round(shift / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - ticks
        packet.dts = packet.pts if packet.dts is None else packet.dts - ticks
        packet.stream = self._stream
        yield packet


class _Transcode:
    """A track that is decoded and encoded anew."""

    def __init__(self, output: OutputContainer, source: AudioStream, suffix: str, layout: str) -> None:
        self.source = source
        encoder, rate = encoder_of(source, suffix)
        self._stream = cast("AudioStream", output.add_stream(encoder, rate=rate))
        self._stream.codec_context.layout = layout
        self._stream.codec_context.bit_rate = bit_rate_of(layout)
        self._is_avi = self._needs_lead = suffix == ".avi"
        self._later: int | None = None
        _describe(self._stream, source)

    def taken(self, packet: Packet[Any] | None, shift: Fraction) -> Iterator[Packet[Any]]:
        """What comes of the packet, `shift` seconds earlier; None: the track has ended."""
        for frame in self.source.decode(packet):
            if frame.pts is not None and frame.time_base is not None:
                frame.pts -= round(shift / frame.time_base)
                if self._needs_lead and frame.pts > 0:
                    for lead in _silence_before(frame):
                        yield from map(self._placed, self._stream.encode(lead))
            self._needs_lead = False
            yield from map(self._placed, self._stream.encode(frame))
        if packet is None:
            yield from map(self._placed, self._stream.encode(None))

    def _placed(self, packet: Packet[Any]) -> Packet[Any]:
        """Of AVI no packet comes before 0, or FFmpeg would move the pictures later as well."""
        if self._is_avi and packet.pts is not None:
            self._later = max(0, -packet.pts) if self._later is None else self._later
            packet.pts = packet.dts = packet.pts + self._later
        return packet


def _silence_before(frame: AudioFrame) -> Iterator[AudioFrame]:
    """From 0 to where the frame begins, in pieces: a small file can ask for days of it."""
    rate = frame.sample_rate
    samples = round((frame.pts or 0) * (frame.time_base or 0) * rate)
    if samples > _LONGEST_LEAD_SECONDS * rate:
        raise ValueError(f"it begins after {samples // rate:,} s, where an .avi would hold silence before it")
    for begin in range(0, samples, rate):
        lead = silence(frame.format.name, frame.layout.name, rate, min(rate, samples - begin))
        # the encoder counts in the ticks of what comes first
        lead.time_base = frame.time_base
        lead.pts = math.floor(Fraction(begin, rate) / (frame.time_base or 1))
        yield lead


def _describe(stream: AudioStream | SubtitleStream, source: AudioStream | SubtitleStream) -> None:
    stream.metadata.update(stream_metadata(source.metadata))
    stream.disposition = source.disposition
