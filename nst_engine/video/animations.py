"""GIFs and animated WebPs, in and out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OutputError, VideoDecodeError
from nst_engine.files import write_through
from nst_engine.image import Animation, AnimationFrame, TimedPart, animation_writer, encode_frame, resize_image
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits
from nst_engine.video.formats import IS_STILL
from nst_engine.video.frames import WHOLE, Clip, Frame, Span
from nst_engine.video.timeline import RawFrame, expected_frames, in_order, painted_size, shift_ticks
from nst_engine.video.work_folder import Part, WorkFolder
from nst_engine.wording import label_of_path

_MS = Fraction(1, 1000)
# Nearer together, viewers show each for 100 ms: such frames are left out.
_SHORTEST_MS = {".gif": 20, ".webp": 11}
# Times in a GIF are multiples of this.
_STEP_MS = {".gif": 10, ".webp": 1}


class AnimationReader:
    """An animated picture; see `nst_engine.video.frames.Reader`.

    Args:
        path: A GIF, WebP or PNG.
        span: The part to paint.
        max_side: Frames whose longer side is longer are shrunk to it, px; None: none are.
        limits: What is refused before it is decoded.

    Raises:
        ImageNotFoundError: There is no such file.
        VideoDecodeError: Not a single frame can be decoded, or it is a still picture.
        ImageDecodeError: It is damaged from its beginning on.
        ImageTooLargeError: Its frames are too large.
    """

    def __init__(
        self,
        path: Path,
        *,
        span: Span = WHOLE,
        max_side: int | None = None,
        limits: ImageLimits = DEFAULT_LIMITS,
    ) -> None:
        self._label = label_of_path(path)
        self._animation = Animation(path, limits=limits)
        self.files: tuple[Path, ...] = (path,)
        self.notes: list[str] = []
        count = self._animation.frame_count
        if count == 1:
            raise VideoDecodeError(f"{self._label}: {IS_STILL}")
        self._frames = iter(self._animation)
        first = next(self._frames, None)
        if first is None:
            raise VideoDecodeError(f"{self._label}: {self._animation.damage}, and none before it")
        self._first = first
        height, width = painted_size(first.pixels.shape[0], first.pixels.shape[1], max_side)
        self.clip = Clip(
            label=self._label,
            height=height,
            width=width,
            time_base=_MS,
            rate=Fraction(1000, first.duration_ms),
            frame_count=expected_frames(count, (count or 0) * first.duration_ms * _MS, span),
            shift=shift_ticks(span, _MS, 0, Fraction(0)) * _MS,
            span=span,
            loop=self._animation.loop,
            has_alpha=first.alpha is not None,
        )

    def frames(self, is_wanted: Callable[[int, int], bool]) -> Iterator[Frame]:
        """Decode once, up to the first damaged frame."""
        yield from in_order(self._raw(), self.clip, is_wanted, self.notes)
        if self._animation.damage is not None:
            self.notes.append(f"{self._label}: {self._animation.damage}; painted those before it")

    def close(self) -> None:
        """Nothing is left open."""

    def _raw(self) -> Iterator[RawFrame]:
        pts, frame = 0, self._first
        while True:
            yield RawFrame(pts, frame.duration_ms, None, partial(self._picture, frame))
            pts += frame.duration_ms
            following = next(self._frames, None)
            if following is None:
                return
            frame = following

    def _picture(self, frame: AnimationFrame) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        return fitted(frame.pixels, frame.alpha, self.clip.height, self.clip.width)


def fitted(
    pixels: NDArray[np.uint8], alpha: NDArray[np.uint8] | None, height: int, width: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Pixels (uint8 H×W×3) and alpha (uint8 H×W) resized, unless they have that size."""
    if pixels.shape[:2] == (height, width):
        return pixels, alpha
    return resize_image(pixels, height, width), None if alpha is None else resize_image(alpha, height, width)


class AnimationSink:
    """Writes each frame to a file in the work folder, and strings them together at the end.

    Args:
        target: Where to; .gif or .webp.
        clip: What is painted.
        work: Holds the frames that are finished.
    """

    def __init__(self, target: Path, clip: Clip, work: WorkFolder) -> None:
        self.notes: list[str] = []
        self._target, self._suffix, self._clip, self._work = target, target.suffix.lower(), clip, work
        self.done = sum(part.frames for part in work.parts)

    def is_done(self, index: int, number: int) -> bool:
        """Whether an earlier run has painted this frame."""
        return index < self.done

    def write(self, frame: Frame) -> None:
        """Encode a frame; it counts as finished at once.

        Raises:
            ImageEncodeError: It is larger than the format can hold.
            OutputError: The disk is full.
        """
        end = frame.pts + (frame.duration or round(1 / (self._clip.rate * self._clip.time_base)))
        path = self._work.new_path(self._suffix)
        content = encode_frame(frame.pixels, frame.alpha, self._suffix)
        try:
            path.write_bytes(content)
            self._work.add(path, frames=1, first_pts=frame.pts, end_pts=end)
        except OSError as error:
            raise OutputError(
                f"{label_of_path(self._target)}: cannot be written ({error.strerror}); check the space on the disk"
            ) from error

    def finish(self) -> int:
        """String the frames together in the target's place; the work folder goes."""
        shown = shown_parts(self._work.parts, self._clip.time_base, self._suffix)
        left_out = len(self._work.parts) - len(shown)
        if left_out:
            self.notes.append(
                f"{label_of_path(self._target)}: {left_out} frames are left out: a {self._suffix} cannot show them for "
                f"less than {_SHORTEST_MS[self._suffix]} ms each"
            )

        def contents() -> Iterator[TimedPart]:
            for part, duration_ms in shown:
                yield self._work.path_of(part).read_bytes(), duration_ms

        size = {"width": self._clip.width, "height": self._clip.height}
        write_through(self._target, animation_writer(contents(), self._suffix, loop=self._clip.loop, **size))
        self._work.remove()
        return len(shown)

    def discard(self) -> None:
        """Finished frames are kept."""
        self._work.close()


def shown_parts(parts: list[Part], time_base: Fraction, suffix: str) -> list[tuple[Part, int]]:
    """Which frames are shown, and for how long, ms: their starts are rounded, so that no error adds up.

    Args:
        parts: One for each frame, in order.
        time_base: Seconds per tick of their times.
        suffix: ".gif" or ".webp".
    """
    step = _STEP_MS[suffix]

    def rounded_ms(pts: int) -> int:
        return round(pts * time_base * 1000 / step) * step

    shown: list[Part] = []
    starts: list[int] = []
    for part in parts:
        start = rounded_ms(part.first_pts)
        if not starts or start - starts[-1] >= _SHORTEST_MS[suffix]:
            shown.append(part)
            starts.append(start)
    ends = [*starts[1:], max(rounded_ms(parts[-1].end_pts), starts[-1] + _SHORTEST_MS[suffix])]
    return [(part, end - start) for part, start, end in zip(shown, starts, ends, strict=True)]
