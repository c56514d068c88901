"""The muxer: finished segments and the sound of the source become one file, and nothing is encoded twice."""

from __future__ import annotations

import contextlib
import heapq
import io
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from nst_engine.video.av.extras import Extras
from nst_engine.video.av.sound import Sound
from nst_engine.video.formats import MUXERS, QUICKTIME_SUFFIXES, Plan
from nst_engine.video.frames import Clip, left_out_note

_LARGEST_TIMESCALE = 2**31 - 1
# So that the start of a sound of this rate is exact too.
_SOUND_RATE = 48_000
# FFmpeg's words for what it does not do; a full disk and a missing permission are others.
_REFUSALS = (av.ArgumentError, av.InvalidDataError, av.PatchWelcomeError)


@dataclass(frozen=True)
class Segment:
    """A file with a stretch of the pictures.

    Attributes:
        path: The file; its times count from its own first frame.
        first_pts: When that is shown, in ticks of the plan's time base.
        end_pts: When the last one ends.
    """

    path: Path
    first_pts: int
    end_pts: int


@dataclass(frozen=True)
class _PacketTimes:
    """Of one packet, in ticks of the plan's time base."""

    pts: int
    dts: int
    duration: int


def expected_notes(plan: Plan, clip: Clip) -> list[str]:
    """What people should know of the sound and the like, before a frame is painted."""
    with contextlib.suppress(*_REFUSALS), av.open(io.BytesIO(), "w", format=MUXERS[plan.suffix]) as trial:
        sound = Sound(trial, plan, clip)
        with contextlib.closing(sound):
            return [*sound.notes, *Extras(trial, plan, clip).notes]
    return []


def mux(segments: Sequence[Segment], plan: Plan, clip: Clip, path: Path) -> list[str]:
    """Write the output file.

    Args:
        segments: In order.
        plan: What they were encoded by.
        clip: Whose sound and metadata go in.
        path: Where to.

    Returns:
        What people should know of the sound and the like.

    Raises:
        OSError: The file cannot be written; `av.FFmpegError` likewise.
        ValueError: As above, by another name of PyAV's.
    """
    times = _packet_times(segments, plan.time_base)
    # what a file does not hold, some formats say with the last packet only; and nothing beside it is worth a film
    attempts = [(clip, True)]
    if clip.tracks:
        attempts.append((clip, False))
    if clip.extras:
        attempts.append((replace(clip, extras=()), False))
    if clip.tracks:
        attempts.append((replace(clip, extras=(), tracks=()), False))
    for kept, copies_sound in attempts[:-1]:
        with contextlib.suppress(*_REFUSALS):
            notes = _mux(segments, times, plan, kept, path, copies_sound=copies_sound)
            return notes + _left_out_notes(clip, kept, plan)
    kept, copies_sound = attempts[-1]
    return _mux(segments, times, plan, kept, path, copies_sound=copies_sound) + _left_out_notes(clip, kept, plan)


def _left_out_notes(clip: Clip, kept: Clip, plan: Plan) -> list[str]:
    names = [extra.name for extra in clip.extras if extra not in kept.extras]
    names += [] if kept.tracks else clip.tracks
    return [left_out_note(clip.label, name, f"a {plan.suffix} does not take it") for name in names]


def _mux(
    segments: Sequence[Segment],
    times: Sequence[_PacketTimes],
    plan: Plan,
    clip: Clip,
    path: Path,
    *,
    copies_sound: bool = True,
) -> list[str]:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(av.open(os.fspath(segments[0].path)))
        output = stack.enter_context(
            av.open(
                os.fspath(path.absolute()),
                "w",
                format=MUXERS[plan.suffix],
                container_options=container_options(plan, clip),
            )
        )
        output.metadata.update(clip.metadata)
        pictures = _video_stream_like(output, first.streams.video[0], plan, clip)
        sound = Sound(output, plan, clip, copies=copies_sound)
        stack.callback(sound.close)
        extras = Extras(output, plan, clip)
        sources = [_timed_packets(segments, times, pictures, plan.time_base), sound.packets(), extras.packets()]
        for _, _, packet in heapq.merge(*sources, key=lambda each: each[:2]):
            output.mux(packet)
    return [*sound.notes, *extras.notes]


def _packet_times(segments: Sequence[Segment], time_base: Fraction) -> list[_PacketTimes]:
    """When each packet is shown and decoded, over all segments, in the order in which they are stored.

    Each segment tells when its packets are shown. When they are decoded is worked out anew for all together: one
    after the other, each no later than it is shown.
    """
    shown = [pts for segment in segments for pts in _shown(segment, time_base)]
    in_order, end = sorted(shown), segments[-1].end_pts
    rank = {pts: place for place, pts in enumerate(in_order)}
    delay = max(place - rank[pts] for place, pts in enumerate(shown))
    following = [*in_order[1:], end]
    # by the shortest step: after uneven ones there would be no room for the last packet
    step = min(later - earlier for earlier, later in zip(in_order, following, strict=True))
    ahead = [in_order[0] - step * (delay - place) for place in range(delay)]
    times = [
        _PacketTimes(pts, dts, following[rank[pts]] - pts) for pts, dts in zip(shown, [*ahead, *in_order], strict=False)
    ]
    # An .mp4 says when all ends by what is shown last, and again by the sum of the times between decodings, with the
    # duration of the packet that is stored last, which need not be the one that is shown last: so that both agree,
    # that packet is decoded when it has to be.
    last, decoded_by = times[-1], end - step * delay
    earliest = times[-2].dts + 1 if len(times) > 1 else last.dts
    dts = min(last.pts, max(earliest, decoded_by - last.duration))
    return [*times[:-1], _PacketTimes(last.pts, dts, decoded_by - dts)]


def _shown(segment: Segment, time_base: Fraction) -> list[int]:
    with _packets_of(segment) as packets:
        ticks = [round(Fraction(packet.pts or 0) * packet.time_base / time_base) for packet in packets]
    return [segment.first_pts + each - min(ticks) for each in ticks]


@contextlib.contextmanager
def _packets_of(segment: Segment) -> Iterator[Iterator[Packet[Any]]]:
    with av.open(os.fspath(segment.path)) as container:
        yield (packet for packet in container.demux(container.streams.video[0]) if packet.size)


def _timed_packets(
    segments: Sequence[Segment], times: Sequence[_PacketTimes], stream: VideoStream, time_base: Fraction
) -> Iterator[tuple[float, int, Packet[Any]]]:
    """Seconds, 0 and the packet, for all packets."""
    left = iter(times)
    for segment in segments:
        with _packets_of(segment) as packets:
            for packet, at in zip(packets, left, strict=False):
                packet.stream = stream
                packet.time_base = time_base
                packet.pts, packet.dts, packet.duration = at.pts, at.dts, at.duration
                yield float(at.dts * time_base), 0, packet


def _video_stream_like(output: OutputContainer, template: VideoStream, plan: Plan, clip: Clip) -> VideoStream:
    stream = output.add_stream_from_template(template, opaque=True)
    stream.time_base = plan.time_base
    context, tags = stream.codec_context, plan.tags
    context.framerate = plan.rate
    context.colorspace, context.color_range = tags.matrix, tags.range
    context.color_primaries, context.color_trc = tags.primaries, tags.transfer
    if plan.has_alpha:  # of VP9 the part's head does not say so
        context.pix_fmt = plan.pixel_format
    if plan.pixel_aspect is not None:
        context.sample_aspect_ratio = plan.pixel_aspect.limit_denominator(10_000)
    if plan.codec.tag is not None and plan.suffix in QUICKTIME_SUFFIXES:
        context.codec_tag = plan.codec.tag
    stream.metadata.update(clip.stream_metadata)
    return stream


def container_options(plan: Plan, clip: Clip) -> dict[str, str]:
    """Of the muxer of a file, for FFmpeg."""
    if plan.suffix not in QUICKTIME_SUFFIXES:
        return {}
    flags = "+faststart"
    if any(name.startswith("com.") for name in clip.metadata):  # what phones write; the usual place does not hold it
        flags += "+use_metadata_tags"
    # the start times of tracks are in these units, 1 ms by default
    scale = math.lcm(plan.time_base.denominator, _SOUND_RATE)
    if scale > _LARGEST_TIMESCALE:
        scale = min(plan.time_base.denominator, _LARGEST_TIMESCALE)
    return {"movflags": flags, "movie_timescale": str(scale)}
