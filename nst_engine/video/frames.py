"""Frames, and the metadata of their clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# Code points of ISO/IEC 23091-2, which are FFmpeg's too.
UNKNOWN = 2
BT709, BT470BG, SMPTE170M = 1, 5, 6
_LIMITED_RANGE, FULL_RANGE = 1, 2
_SRGB_CURVE = 13
_HDR_CURVES = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True)
class ColorTags:
    """Colour metadata of a video, by the code points of ISO/IEC 23091-2 (and of FFmpeg); 2: not said.

    Attributes:
        matrix: From RGB to YUV; said or guessed, always one that can be computed with.
        is_full_range: Whether luma goes from 0 to 255, not from 16 to 235.
        primaries: The colours of red, green and blue.
        transfer: The curve between light and number.
    """

    matrix: int = BT709
    is_full_range: bool = False
    primaries: int = BT709
    transfer: int = _SRGB_CURVE

    @property
    def range(self) -> int:
        """FFmpeg's number of the range."""
        return FULL_RANGE if self.is_full_range else _LIMITED_RANGE

    @property
    def hdr(self) -> str | None:
        """Name of the transfer curve if it is one of high dynamic range."""
        return _HDR_CURVES.get(self.transfer)


#: Of RGB sources, such as GIFs, pictures and screen recordings.
SRGB_TAGS = ColorTags()
#: What players assume for a video without colour metadata.
BT601_TAGS = ColorTags(SMPTE170M, False, UNKNOWN, UNKNOWN)


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame, upright.

    Attributes:
        pixels: uint8 H×W×3, RGB.
        alpha: uint8 H×W; None: opaque.
        pts: When it is shown, in ticks of the clip's time base.
        duration: For how long, in ticks, as far as the file says so; 0: it does not.
        index: How many frames of the clip come before it.
        number: What a sequence of pictures calls it.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    pts: int
    duration: int
    index: int
    number: int


@dataclass(frozen=True)
class Span:
    """The part of a video that is stylized; the sound is cut alike.

    Attributes:
        start: Seconds of the source; times of the result count from here. None: all from its first frame, at the
            source's times.
        end: Seconds of the source; None: to its end.
    """

    start: Fraction | None = None
    end: Fraction | None = None

    @property
    def seconds(self) -> Fraction | None:
        """How long the part is; None: as long as there is something."""
        return None if self.end is None else self.end - (self.start or 0)


#: The whole video.
WHOLE = Span()


@dataclass(frozen=True)
class Extra:
    """Content of a file other than its pictures, sound and subtitles.

    Attributes:
        kind: `chapters`, `attachment`, `cover`, `timecode` or `track`.
        name: Name in messages.
        index: Of its track; None: it has none.
    """

    kind: str
    name: str
    index: int | None = None


@dataclass(frozen=True)
class Clip:
    """Metadata of a video.

    Attributes:
        label: Name in messages.
        height: Of its frames as they are stylized, upright, px.
        width: Likewise.
        time_base: Seconds per tick.
        rate: Frames per second, about; 25 where nothing is known.
        frame_count: About; None: unknown.
        tags: What its colours mean.
        has_alpha: Whether its frames may be transparent.
        pixel_aspect: Width of a pixel over its height, upright; None: square.
        metadata: Of the file: title, creation time, ...
        stream_metadata: Of its pictures: language, ...
        file: That tracks and extras are read from; None: there are none.
        tracks: `sound` and `subtitles`, where there are any.
        extras: What else there is.
        shift: Seconds that its times are moved earlier by; the sound's are moved likewise.
        clock_start: Seconds on the source's clock when it begins: those of broadcasts began long before.
        span: The part that is stylized.
        loop: How often an animation is played again; 0: for ever; None: once.
    """

    label: str
    height: int
    width: int
    time_base: Fraction
    rate: Fraction
    frame_count: int | None = None
    tags: ColorTags = SRGB_TAGS
    has_alpha: bool = False
    pixel_aspect: Fraction | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    stream_metadata: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    tracks: tuple[str, ...] = ()
    extras: tuple[Extra, ...] = ()
    shift: Fraction = Fraction(0)
    clock_start: Fraction = Fraction(0)
    span: Span = WHOLE
    loop: int | None = 0

    @property
    def end_seconds(self) -> Fraction | None:
        """Seconds of the source at which the part ends, about; None: unknown."""
        return self.frame_count / self.rate + (self.span.start or 0) if self.frame_count else None

    def source_seconds(self, pts: int) -> Fraction:
        """When the source shows what the result shows at `pts` ticks: the same whatever part is stylized."""
        return pts * self.time_base + self.shift - self.clock_start


def left_out_note(label: str, name: str, why: str) -> str:
    """A note on something that the output lacks."""
    return f"{label}: left out of the result: {name}; {why}"


def flattened_note(label: str, suffix: str) -> str:
    """A note that a transparent clip becomes opaque."""
    return (
        f"{label}: is transparent in places, which are white in the result: a {suffix} is not written with "
        "transparency; .webp, .gif, .webm, and .mov in ProRes are"
    )


class Reader(Protocol):
    """An open video.

    Attributes:
        clip: Its metadata.
        files: What it is read from.
        notes: Notes for the user, mostly on damage; grows while frames are read.
    """

    clip: Clip
    files: tuple[Path, ...]
    notes: list[str]

    def frames(self, is_wanted: Callable[[int, int], bool]) -> Iterator[Frame]:
        """Decode once, in order.

        Args:
            is_wanted: By index and number: whether to yield the frame; others are only counted.
        """
        ...

    def close(self) -> None:
        """Free the file."""
        ...


class Sink(Protocol):
    """Where stylized frames go.

    Attributes:
        done: Number of leading frames that exist already, from an earlier run.
        notes: Notes for the user; grows while frames are written.
    """

    done: int
    notes: list[str]

    def is_done(self, index: int, number: int) -> bool:
        """Whether this frame exists already."""
        ...

    def write(self, frame: Frame) -> None:
        """Take the next frame."""
        ...

    def finish(self) -> int:
        """Put the result in its place after the last frame; returns its number of frames."""
        ...

    def discard(self) -> None:
        """Free everything after a failure; what an interrupted run can resume from is kept."""
        ...
