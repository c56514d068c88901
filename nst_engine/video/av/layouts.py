"""Where the channels of a sound stand, and which of that containers and encoders keep: found out in memory."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.subtitles.stream import SubtitleStream
from av.video.stream import VideoStream

from nst_engine.video.av.demux import open_input
from nst_engine.video.formats import MUXERS

# Encoder and its rates of samples, where a sound cannot be copied; (): any rate.
_ENCODERS: dict[str, tuple[str, tuple[int, ...]]] = {
    ".webm": ("libopus", (48_000,)),
    ".avi": ("libmp3lame", (32_000, 44_100, 48_000)),
}
_ENCODER_ELSEWHERE: tuple[str, tuple[int, ...]] = ("aac", (32_000, 44_100, 48_000, 96_000))
_BITS_PER_CHANNEL = 96_000
_USUAL_LAYOUTS = {
    1: ("mono",),
    2: ("stereo",),
    3: ("2.1",),
    4: ("4.0", "quad"),
    5: ("5.0",),
    6: ("5.1",),
    7: ("6.1",),
    8: ("7.1",),
}
# In as many samples every encoder has a packet.
_TRIAL_SAMPLES = 8192


def encoder_of(source: AudioStream, suffix: str) -> tuple[str, int]:
    """The encoder for a container, and the rate of samples at which it gets the sound."""
    encoder, rates = _ENCODERS.get(suffix, _ENCODER_ELSEWHERE)
    came = source.codec_context.sample_rate
    return encoder, came if came in rates else 48_000


def bit_rate_of(layout: str) -> int:
    """Of what is encoded, bits a second."""
    return _BITS_PER_CHANNEL * min(AudioLayout(layout).nb_channels, 8)


def is_placed(layout: str) -> bool:
    """Whether it is known where the channels stand: else FFmpeg names a layout "2 channels"."""
    return not layout.endswith("channels")


def unlike(one: str, other: str) -> bool:
    """Whether channels stand elsewhere; 5.1 at the sides is played by the loudspeakers of 5.1 at the back."""
    return is_placed(one) and one.removesuffix("(side)") != other.removesuffix("(side)")


def layout_of_copy(file: Path | None, source: AudioStream, container: str) -> str | None:
    """Where a copy's channels stand for who plays it: FLAC in an .mp4 does not say it; None: it cannot be copied.

    Args:
        file: Which holds it; None: it comes by a pipe, and no packet of it is at hand.
        source: The sound.
        container: FFmpeg's name of the output's.
    """

    def copied(trial: OutputContainer) -> Iterable[Packet[Any]]:
        copy = trial.add_stream_from_template(source, opaque=True)
        if file is None:
            return
        with open_input(file) as opened:
            stream = opened.streams[source.index]
            packet = next((each for each in opened.demux(stream) if each.size), None)
            if packet is not None:
                packet.stream, packet.pts, packet.dts = copy, 0, 0
                yield packet

    if not is_held(source, container):
        return None
    return _read_back(container, copied) or source.codec_context.layout.name


def layout_to_encode(source: AudioStream, suffix: str) -> tuple[str, str] | None:
    """Where the channels stand in what is encoded, and for who plays it: as they came, or as near to it as can be.

    Many files say how many channels there are and not their layout; decoders then get the usual one. None: there are
    too many.
    """
    context = source.codec_context
    usual = _USUAL_LAYOUTS.get(context.layout.nb_channels, ())
    if not is_placed(context.layout.name):
        if not usual:
            return None
        context.layout = usual[0]
    came = context.layout.name
    as_many = dict.fromkeys([came, *usual])
    found = {layout: kept for layout in as_many if (kept := _layout_when_encoded(source, suffix, layout))}
    for layout, kept in found.items():
        if not unlike(came, kept):
            return layout, kept
    return next(iter(found.items()), None) or next(
        ((layout, kept) for layout in ("stereo", "mono") if (kept := _layout_when_encoded(source, suffix, layout))),
        None,
    )


def silence(sample_format: str, layout: str, rate: int, samples: int) -> AudioFrame:
    """A piece of sound that is not heard, from 0 on.

    Args:
        sample_format: FFmpeg's name.
        layout: Likewise.
        rate: Samples a second.
        samples: How many.
    """
    frame = AudioFrame(format=sample_format, layout=layout, samples=samples)
    # of eight channels PyAV has a ninth plane, which is somebody else's memory
    for plane in frame.planes[: frame.layout.nb_channels]:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
    return frame


def _layout_when_encoded(source: AudioStream, suffix: str, layout: str) -> str | None:
    """None: the encoder does not take it."""
    encoder, rate = encoder_of(source, suffix)

    def silent(trial: OutputContainer) -> Iterable[Packet[Any]]:
        stream = cast("AudioStream", trial.add_stream(encoder, rate=rate))
        context = stream.codec_context
        context.layout, context.bit_rate = layout, bit_rate_of(layout)
        yield from stream.encode(silence(context.format.name, layout, rate, _TRIAL_SAMPLES))
        yield from stream.encode(None)

    return _read_back(MUXERS[suffix], silent)


def _read_back(container: str, packets: Callable[[OutputContainer], Iterable[Packet[Any]]]) -> str | None:
    """The layout that a small file has which is written to memory; None: it cannot be written."""
    content = io.BytesIO()
    try:
        with av.open(content, "w", format=container) as trial:
            for packet in packets(trial):
                trial.mux(packet)
        content.seek(0)
        with av.open(content) as written:
            return written.streams.audio[0].codec_context.layout.name
    except (av.FFmpegError, ValueError, OSError, IndexError):
        return None


def is_held(source: AudioStream | SubtitleStream | VideoStream, container: str) -> bool:
    """Whether a container takes such packets: found out by writing the beginning of a file to memory."""
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            trial.add_stream_from_template(source, opaque=True)
            trial.start_encoding()
    except (av.FFmpegError, ValueError, OSError):
        return False
    return True
