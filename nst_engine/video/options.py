"""Options, progress and result of `stylize_video`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from nst_engine.options import check_options, option
from nst_engine.video.frames import Span

StreamFormat = Literal["matroska", "nut", "webm", "mp4"]

#: Three years: no file is longer, and derived values fit 64 bits.
LONGEST_SECONDS = 1e8


@dataclass(frozen=True)
class VideoOptions:
    """Options for the part of a video that is stylized, and how it is written.

    Attributes:
        max_side: Larger frames are first shrunk to this longer side, px; None: no limit.
        start: Seconds at which the stylized part begins; its times count from there. None: the beginning.
        end: Seconds at which it ends; None: the end.
        fps: Pictures per second of a sequence of pictures; None: 25. Of other inputs the times are known.
        codec: `h264`, `hevc`, `vp9`, `av1`, `prores` or `mpeg4`; None: H.264; in a .webm VP9, in an .avi MPEG-4.
        crf: Quality: 0 is best; None: the codec's default.
        format: Container of what goes to an open file, such as stdout: `matroska`, `nut`, `webm` or `mp4` (in pieces);
            None: Matroska. Of other outputs the suffix tells.
        resume: Resume from the unfinished work of an earlier run.
        overwrite: The result may replace the source.
    """

    max_side: int | None = option(
        None, "shrink larger frames to this longer side first", metavar="PX", limits=(1, math.inf)
    )
    start: float | None = option(
        None, "paint from here on; times count from here", metavar="SECONDS", limits=(0, LONGEST_SECONDS)
    )
    end: float | None = option(None, "paint up to here", metavar="SECONDS", limits=(0, LONGEST_SECONDS))
    fps: float | None = option(None, "of a sequence of pictures (default: 25)", metavar="N")
    codec: str | None = option(None, "h264, hevc, vp9, av1, prores, mpeg4 (default: by the file)", metavar="NAME")
    crf: int | None = option(None, "quality, 0 is best (default: the codec's)", metavar="N")
    format: StreamFormat | None = option(None, "of what goes to stdout (default: matroska)")
    resume: bool = option(False, "go on from where an interrupted run has come")
    overwrite: bool = option(False, "the result may replace the input")

    def __post_init__(self) -> None:
        check_options(self)

    @property
    def span(self) -> Span:
        """The part that is stylized."""
        return Span(_seconds(self.start), _seconds(self.end))


#: The whole video, unchanged in size, in the default codec.
DEFAULT_OPTIONS = VideoOptions()


@dataclass(frozen=True)
class VideoProgress:
    """Progress of a run.

    Attributes:
        frames: Done, those of an earlier run included.
        total: About how many there will be; None: unknown.
        seconds: Since the first frame of this run.
        frames_per_second: Of this run.
        eta_seconds: Until the last frame, about; None: unknown.
    """

    frames: int
    total: int | None
    seconds: float
    frames_per_second: float
    eta_seconds: float | None


@dataclass(frozen=True)
class VideoResult:
    """Result of a run.

    Attributes:
        output: The file, or the sequence's pattern; None: an open file.
        height: Of the frames in the result, px; videos have even sides.
        width: Likewise.
        frames: In the result.
        resumed_frames: Of these, stylized by an earlier run.
        seconds: Of this run.
        stage_seconds: How long each stage has worked: `decode`, `paint` and `encode` at the same time, then `join`.
        paint_seconds: Breakdown of `paint`, if the painter provides it.
        notes: Notes for the user: damage of the source, what could not be kept.
    """

    output: Path | None
    height: int
    width: int
    frames: int
    resumed_frames: int
    seconds: float
    stage_seconds: Mapping[str, float]
    paint_seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def frames_per_second(self) -> float:
        """Painted by this run, over all its time."""
        return (self.frames - self.resumed_frames) / self.seconds if self.seconds > 0 else 0.0


def _seconds(value: float | None) -> Fraction | None:
    return None if value is None else Fraction(value).limit_denominator(1_000_000)
