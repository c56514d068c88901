"""Turns a file's frames into a clip's: in order, cut to the span, numbered, with new timestamps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from nst_engine.geometry import fit_longer_side
from nst_engine.video.frames import Clip, Frame, Span

# A frame that is earlier than the previous one by less is out of order; by more, the clock was reset.
_JUMP_SECONDS = 1


@dataclass(frozen=True, eq=False)
class RawFrame:
    """A frame that a file holds.

    Attributes:
        pts: When it is shown, in ticks of the file's time base; None: the file does not say.
        duration: For how long, in ticks; 0: unknown.
        number: Of a sequence's picture; None: none.
        picture: Makes its pixels (uint8 H×W×3) and alpha (uint8 H×W, or None): called only if the frame is wanted.
    """

    pts: int | None
    duration: int
    number: int | None
    picture: Callable[[], tuple[NDArray[np.uint8], NDArray[np.uint8] | None]]


def shift_ticks(span: Span, time_base: Fraction, first: int, origin: Fraction) -> int:
    """The shift of all timestamps to earlier, in ticks.

    Args:
        span: The part that is stylized.
        time_base: Seconds per tick.
        first: The first frame's time, in ticks; one below 0 becomes 0, since few formats hold such.
        origin: Where the file's clock stands when it begins, seconds: not 0 for broadcasts.
    """
    if span.start is not None or origin:
        return math.floor((origin + (span.start or 0)) / time_base)
    return min(0, first)


def in_order(
    raw: Iterable[RawFrame], clip: Clip, is_wanted: Callable[[int, int], bool], notes: list[str]
) -> Iterator[Frame]:
    """Yield the wanted frames of the clip's span.

    Args:
        raw: As the file holds them.
        clip: What they belong to.
        is_wanted: By index and number.
        notes: Receives a note when timestamps had to be repaired.
    """
    base, seconds = clip.time_base, clip.span.seconds
    shift = int(clip.shift / base)
    step = max(1, round(1 / (clip.rate * base)))
    last: int | None = None
    moved_by = jumps = index = 0
    for each in raw:
        guessed = 0 if last is None else last + step
        pts = guessed if each.pts is None else each.pts + moved_by
        if last is not None and pts <= last:  # it would never be shown
            if (last - pts) * base < _JUMP_SECONDS:
                pts = last + 1
            else:
                jumps, moved_by, pts = jumps + 1, moved_by + guessed - pts, guessed
        last = pts
        if pts < shift:
            continue
        if seconds is not None and (pts - shift) * base >= seconds:
            break
        number = index + 1 if each.number is None else each.number
        if is_wanted(index, number):
            pixels, alpha = each.picture()
            duration = each.duration
            if seconds is not None:
                duration = min(duration, math.ceil(seconds / base) - (pts - shift))
            yield Frame(pixels, alpha, pts - shift, duration, index, number)
        index += 1
    if jumps:
        notes.append(f"{clip.label}: its times jump back {jumps} times; the frames from there on are shown later")


def painted_size(height: int, width: int, max_side: int | None) -> tuple[int, int]:
    """Height and width of frames that are shrunk to a longer side of at most `max_side` px."""
    if max_side is None or max(height, width) <= max_side:
        return height, width
    return fit_longer_side(height, width, max_side)


def expected_frames(count: int | None, seconds: Fraction | None, span: Span) -> int | None:
    """Estimated number of frames in a span."""
    if count is None or (span.start is None and span.end is None) or not seconds:
        return count
    start = min(span.start or Fraction(0), seconds)
    end = seconds if span.end is None else min(span.end, seconds)
    return max(0, round(count * (end - start) / seconds))
