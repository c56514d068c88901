"""Sequences of pictures such as frames/%05d.png, in and out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OptionError, OutputError, VideoDecodeError, VideoNotFoundError
from nst_engine.files import file_id, make_folder
from nst_engine.image import ALPHA_SUFFIXES, IMAGE_SUFFIXES, check_image_output, flatten, load_image, save_image
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits
from nst_engine.video.animations import fitted
from nst_engine.video.formats import CONTAINERS
from nst_engine.video.frames import WHOLE, Clip, Frame, Span, flattened_note
from nst_engine.video.timeline import RawFrame, expected_frames, in_order, painted_size, shift_ticks
from nst_engine.wording import label_of_path

DEFAULT_FPS = 25.0
_LOWEST_FPS, _HIGHEST_FPS = 0.001, 1000.0
_MOST_DIGITS = 12
_NUMBER = re.compile(r"%(0?)(\d*)d")


class Pattern:
    """A path with a place for a number, as printf writes it: frames/%05d.png.

    Args:
        path: With one `%d`, `%5d` or `%05d` in its last part.

    Raises:
        OptionError: There is another number of such places, or the suffix is no picture's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.label = label_of_path(path)
        name = path.name
        matches = list(_NUMBER.finditer(name))
        if len(matches) != 1 or "%" in _NUMBER.sub("", name):
            raise OptionError(f"{self.label}: wanted one number in the file's name, such as {path.parent}/%05d.png")
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            raise OptionError(
                f"{self.label}: came the suffix {path.suffix!r} for pictures, wanted one of {', '.join(IMAGE_SUFFIXES)}"
            )
        (place,) = matches
        self._before, self._after = name[: place.start()], name[place.end() :]
        if len(place[2]) > 2 or int(place[2] or 0) > _MOST_DIGITS:
            raise OptionError(f"{self.label}: came {place[0][:20]}, numbers have at most {_MOST_DIGITS} digits")
        self._pads_with_zeros, self._digits = bool(place[1]), int(place[2] or 0)

    def path_of(self, number: int) -> Path:
        """The picture of that number."""
        text = str(number).rjust(self._digits, "0" if self._pads_with_zeros else " ")
        return self.path.parent / f"{self._before}{text}{self._after}"

    def numbers(self) -> list[int]:
        """Of the pictures that are there, in order.

        Raises:
            OptionError: One is too large to be a frame's.
        """
        name = re.compile(re.escape(self._before) + r" *(\d+)" + re.escape(self._after))
        try:
            names = {entry.name for entry in os.scandir(self.path.parent)}
        except OSError:
            return []
        matches = filter(None, map(name.fullmatch, names))
        numbers = sorted({int(match[1]) for match in matches})
        if numbers and len(str(numbers[-1])) > _MOST_DIGITS:
            came = f"number {float(numbers[-1]):.3g} came, those of frames have at most {_MOST_DIGITS} digits"
            raise OptionError(f"{self.label}: {came}")
        return [number for number in numbers if self.path_of(number).name in names]


def is_pattern(path: Path) -> bool:
    """Whether a path has a place for a number; a file of that very name is a file, and 100%done.mp4 a video."""
    is_one_file = path.suffix.lower() in (*CONTAINERS, ".gif")
    return _NUMBER.search(path.name) is not None and not is_one_file and not path.exists()


class SequenceReader:
    """Pictures in the order of their numbers; see `nst_engine.video.frames.Reader`.

    A number that is missing leaves the picture before it standing for its time.

    Args:
        path: The pattern.
        fps: Pictures per second.
        span: The part to paint, by that.
        max_side: Pictures whose longer side is longer are shrunk to it, px; None: none are.
        limits: Of each picture: what is refused before it is decoded.

    Raises:
        OptionError: `fps` is no number above 0, or the pattern no pattern.
        VideoNotFoundError: There is no such picture.
        ImageDecodeError: The first picture cannot be decoded.
    """

    def __init__(
        self,
        path: Path,
        *,
        fps: float,
        span: Span = WHOLE,
        max_side: int | None = None,
        limits: ImageLimits = DEFAULT_LIMITS,
    ) -> None:
        if not _LOWEST_FPS <= fps <= _HIGHEST_FPS:
            raise OptionError(f"{fps:g} came; wanted a number from {_LOWEST_FPS:g} to {_HIGHEST_FPS:g}", option="fps")
        self._pattern = Pattern(path)
        self._numbers = self._pattern.numbers()
        if not self._numbers:
            raise VideoNotFoundError(f"{self._pattern.label}: there is no such picture, as {self._pattern.path_of(1)}")
        self.files = tuple(map(self._pattern.path_of, self._numbers))
        self.notes = self._missing()
        self._limits = limits
        first = load_image(self.files[0], limits=limits)
        self._source_size = (first.height, first.width)
        height, width = painted_size(*self._source_size, max_side)
        rate = Fraction(fps).limit_denominator(1001)
        base = 1 / rate
        count = self._numbers[-1] - self._numbers[0] + 1
        self.clip = Clip(
            label=self._pattern.label,
            height=height,
            width=width,
            time_base=base,
            rate=rate,
            frame_count=expected_frames(len(self._numbers), count * base, span),
            shift=shift_ticks(span, base, 0, Fraction(0)) * base,
            span=span,
            has_alpha=first.alpha is not None,
        )

    def frames(self, is_wanted: Callable[[int, int], bool]) -> Iterator[Frame]:
        """Decode once, in the order of the numbers."""
        raw = (
            RawFrame(number - self._numbers[0], 1, number, partial(self._picture, file))
            for number, file in zip(self._numbers, self.files, strict=True)
        )
        yield from in_order(raw, self.clip, is_wanted, self.notes)

    def close(self) -> None:
        """Nothing is left open."""

    def _picture(self, file: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        picture = load_image(file, limits=self._limits)
        if (picture.height, picture.width) != self._source_size:
            height, width = self._source_size
            raise VideoDecodeError(
                f"{label_of_path(file)}: has {picture.width}×{picture.height} px, and the first picture "
                f"{width}×{height}; make all of one size"
            )
        return fitted(picture.pixels, picture.alpha, self.clip.height, self.clip.width)

    def _missing(self) -> list[str]:
        count = self._numbers[-1] - self._numbers[0] + 1 - len(self._numbers)
        note = f"{self._pattern.label}: {count} numbers are missing; the pictures before stand longer"
        return [note] if count else []


class SequenceSink:
    """Writes each frame to a picture of its own; see `nst_engine.video.frames.Sink`.

    Args:
        path: The pattern; its folder is made if it is not there.
        clip: What is painted.
        sources: Files that may not be overwritten.
        resume: Whether pictures that are there already are taken for finished.

    Raises:
        OptionError: The pattern is no pattern.
        OutputError: The folder cannot be made or written to, or holds the sources.
    """

    def __init__(self, path: Path, clip: Clip, *, sources: Iterable[Path], resume: bool) -> None:
        self._pattern = Pattern(path)
        self.notes: list[str] = []
        self._label, self._is_flattened = clip.label, False
        folder = path.parent
        make_folder(folder, "choose another folder")
        check_image_output(self._pattern.path_of(1))
        there = self._pattern.numbers()
        read = {file_id(source) for source in sources}
        for written in filter(lambda path: file_id(path) in read, map(self._pattern.path_of, there)):
            raise OutputError(
                f"{label_of_path(written)}: is a picture to be painted, which would be lost; "
                "choose another folder, or say `overwrite=True`"
            )
        self._there = set(there) if resume else set()
        self._holds_alpha = path.suffix.lower() in ALPHA_SUFFIXES
        first = min(self._there, default=1)
        self.done = next(count for count in range(len(self._there) + 1) if first + count not in self._there)
        self._count = 0

    def is_done(self, index: int, number: int) -> bool:
        """Whether the picture of that number is there already."""
        self._count = max(self._count, index + 1)
        return number in self._there

    def write(self, frame: Frame) -> None:
        """Write a picture, whole or not at all.

        Raises:
            OutputError: It cannot be written.
        """
        path = self._pattern.path_of(frame.number)
        if frame.alpha is None or self._holds_alpha:
            save_image(path, frame.pixels, alpha=frame.alpha)
            return
        if not self._is_flattened:
            self._is_flattened = True
            self.notes.append(flattened_note(self._label, path.suffix))
        save_image(path, flatten(frame.pixels, frame.alpha))

    def finish(self) -> int:
        """All are written; returns how many there are."""
        return self._count

    def discard(self) -> None:
        """Nothing is left open; finished pictures are kept."""
