"""Small moving pictures, made with PyAV and nothing of the engine, and what is in others'."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

TICK = Fraction(1, 15360)
SAMPLE_RATE = 48_000
#: Matrix, range, primaries and curve by the numbers of ISO/IEC 23091-2; 2: unspecified.
UNTAGGED = (2, 0, 2, 2)


@dataclass(frozen=True)
class Tone:
    """A sound track.

    Attributes:
        hertz: Pitch.
        seconds: Length.
        start: Seconds at which it begins.
        codec: FFmpeg's name of the encoder.
        layout: Of its channels.
        language: Written to the track.
    """

    hertz: float = 440.0
    seconds: float = 1.0
    start: float = 0.0
    codec: str = "aac"
    layout: str = "stereo"
    language: str = ""


def pictures(count: int, height: int = 48, width: int = 64, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Soft colours that wander, uint8 H×W×3; no two alike."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    speed, slope, phase = rng.uniform(0.1, 0.3, 3), rng.uniform(0.02, 0.06, (3, 2)), rng.uniform(0, 6, 3)
    return [
        np.stack(
            [127 + 110 * np.sin(slope[c, 0] * x + slope[c, 1] * y + phase[c] + speed[c] * i) for c in range(3)], -1
        ).astype(np.uint8)
        for i in range(count)
    ]


def write_clip(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    *,
    pts: Sequence[int] | None = None,
    time_base: Fraction = TICK,
    rate: Fraction = Fraction(30),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    tags: tuple[int, int, int, int] = UNTAGGED,
    aspect: Fraction | None = None,
    rotation: int | None = None,
    metadata: Mapping[str, str] | None = None,
    sounds: Sequence[Tone] = (),
    planes: Sequence[NDArray[np.uint8]] | None = None,
) -> Path:
    """Write a video; `planes` are YUV 4:4:4, uint8 3×H×W each, encoded as they are instead of `frames`."""
    height, width = frames[0].shape[:2] if planes is None else planes[0].shape[1:]
    times = pts or [round(i / (rate * time_base)) for i in range(len(planes or frames))]
    with av.open(str(path), "w", container_options=dict(container_options or {})) as container:
        container.metadata.update(metadata or {})
        encoder_options = {"crf": "14", "preset": "veryfast"} if codec == "libx264" and options is None else options
        stream = cast("VideoStream", container.add_stream(codec, rate=rate, options=dict(encoder_options or {})))
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        context = stream.codec_context
        context.time_base = time_base
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = tags
        if aspect is not None:
            context.sample_aspect_ratio = aspect
        if rotation is not None:
            stream.set_display_rotation(rotation)
        tracks = [_track(container, tone) for tone in sounds]
        for frame, at in zip(_encodable(planes, frames, pixel_format, tags), times, strict=True):
            frame.pts, frame.time_base = at, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for track, tone in zip(tracks, sounds, strict=True):
            _play(container, track, tone)
    return path


def _encodable(
    planes: Sequence[NDArray[np.uint8]] | None,
    frames: Sequence[NDArray[np.uint8]],
    pixel_format: str,
    tags: tuple[int, int, int, int],
) -> Iterable[av.VideoFrame]:
    if planes is not None:
        for each in planes:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(each), format="yuv444p")
            frame.colorspace, frame.color_range = tags[0], tags[1]
            yield frame
        return
    for pixels in frames:
        rgb = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        yield rgb.reformat(format=pixel_format, dst_colorspace=5 if tags[0] != 1 else 1, dst_color_range=tags[1] or 1)


def _track(container: av.container.OutputContainer, tone: Tone) -> AudioStream:
    track = cast("AudioStream", container.add_stream(tone.codec, rate=SAMPLE_RATE))
    track.codec_context.layout = tone.layout
    if tone.language:
        track.metadata["language"] = tone.language
    return track


def _play(container: av.container.OutputContainer, track: AudioStream, tone: Tone) -> None:
    channels = track.codec_context.layout.nb_channels
    time = np.arange(int(tone.seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = (12000 * np.sin(2 * np.pi * (tone.hertz + 100 * time) * time)).astype(np.int16)
    for begin in range(0, len(wave), 4800):
        samples = np.repeat(wave[begin : begin + 4800], channels)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=tone.layout)
        frame.sample_rate, frame.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        frame.pts = begin + round(tone.start * SAMPLE_RATE)
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


def decoded_frames(path: Path) -> tuple[list[Fraction], list[NDArray[np.uint8]]]:
    """When each frame is shown, seconds, and its pixels, uint8 H×W×3."""
    times, frames = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None
            assert frame.time_base is not None
            times.append(frame.pts * frame.time_base)
            frames.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
    return times, frames


def times_of(path: Path) -> list[Fraction]:
    """When each frame is shown, seconds."""
    return decoded_frames(path)[0]


def decoded_sound(path: Path, track: int = 0) -> tuple[float, NDArray[np.float64]]:
    """When a sound begins, seconds, and its samples, channels × samples in -1 to 1."""
    begins, samples = None, []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=track):
            if begins is None:
                begins = float(frame.time or 0)
            decoded: NDArray[Any] = frame.to_ndarray().astype(np.float64)
            whole = decoded.reshape(-1, len(frame.layout.channels)).T if not frame.format.is_planar else decoded
            samples.append(whole / (32768 if "s16" in frame.format.name else 1))
    return begins or 0.0, np.concatenate(samples, axis=1)


def at_times(path: Path, track: int = 0, *, seconds: float) -> NDArray[np.float64]:
    """The first channel from 0 to `seconds`, with silence where there is no sound."""
    begins, samples = decoded_sound(path, track)
    line = np.zeros(round(seconds * SAMPLE_RATE))
    place = round(begins * SAMPLE_RATE)
    played = samples[0, max(0, -place) : max(0, len(line) - place)]
    line[max(0, place) : max(0, place) + len(played)] = played
    return line


def stream_of(path: Path) -> dict[str, Any]:
    """Metadata of a file's video stream and of the file."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        first = next(container.decode(stream))
        return {
            "codec": context.name,
            "size": (context.width, context.height),
            "pixel_format": context.pix_fmt,
            "tags": (int(first.colorspace), int(first.color_range), int(first.color_primaries), int(first.color_trc)),
            "aspect": stream.sample_aspect_ratio or Fraction(1),
            "rotation": first.rotation,
            "tag": context.codec_tag,
            "end": ((stream.start_time or 0) + (stream.duration or 0)) * (stream.time_base or 0),
            "metadata": dict(container.metadata),
            "sounds": [(track.codec_context.name, track.language) for track in container.streams.audio],
        }


class Identity:
    """A painter that paints nothing."""

    def __init__(self) -> None:
        self.resets = 0
        self.frames = 0

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"painter": "identity"}

    def reset(self) -> None:
        self.resets += 1

    def stylize_frame(self, frame: NDArray[np.uint8], out: NDArray[np.uint8]) -> NDArray[np.uint8]:
        self.frames += 1
        out[:] = frame
        return out


def error_of(actual: NDArray[np.uint8], expected: NDArray[np.uint8]) -> float:
    """Mean absolute difference, levels."""
    return float(np.abs(actual.astype(np.int16) - expected).mean())
