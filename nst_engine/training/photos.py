"""The photos to learn on: read when needed, kept small, cut out at random."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import ImageNotFoundError, NSTError, OptionError
from nst_engine.geometry import fit_longer_side
from nst_engine.image import READABLE_SUFFIXES, load_image, resize_image, resized_opaque, visible_part

#: Of the grey levels, 0-255. Flatter pictures have next to nothing to normalise by.
MIN_DEVIATION = 20.0

# longer side of the shorter
_SLIMMEST = 16

_KEEP_BYTES = 1024**3
# of the levels of any channel of a cut-out, 0-255; a photo that is not flat as a whole has such ones
_LEAST_DEVIATION = 1.0
# how much larger or smaller things may look than at the size at which photos are kept
_ZOOM = (0.75, 1.3)


class Photos:
    """Photos of which cut-outs are drawn: read when one is first drawn, and kept as long as there is room.

    Args:
        paths: Of the files.
        longer_side_px: To which they are brought.
        min_deviation: Of the grey levels, 0-255: flatter ones are left out.
        keep_bytes: Room for those that were read; beyond it a photo is read again whenever it is drawn.

    Attributes:
        left_out: File to reason, of those drawn so far that cannot be learnt from.

    Raises:
        OptionError: None can be learnt from.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        longer_side_px: int,
        *,
        min_deviation: float = MIN_DEVIATION,
        keep_bytes: int = _KEEP_BYTES,
    ) -> None:
        self._min_deviation = min_deviation
        self.left_out: dict[str, str] = {}
        self._paths, self._longer_side_px, self._room = list(paths), longer_side_px, keep_bytes
        self._kept: dict[Path, NDArray[np.uint8]] = {}
        self.first(1)

    def __len__(self) -> int:
        """How many are left."""
        return len(self._paths) - len(self.left_out)

    def first(self, count: int) -> list[NDArray[np.uint8]]:
        """At most so many photos, spread over all: uint8 H x W x 3 each.

        Raises:
            OptionError: None can be learnt from.
        """
        return list(self.first_by_path(count).values())

    def first_by_path(self, count: int) -> dict[Path, NDArray[np.uint8]]:
        """Likewise, by their files."""
        step = max(1, len(self._paths) // count)
        chosen = dict.fromkeys([*self._paths[::step], *self._paths])
        readable = ((path, image) for path in chosen if (image := self._image(path)) is not None)
        images = dict(itertools.islice(readable, count))
        if not images:
            reason = next(iter(self.left_out.values()), "none came")
            raise OptionError(f"no picture to train on is left; the first was left out because: {reason}")
        return images

    def crop(self, side_px: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A random square of a random photo, zoomed and mirrored at random: uint8 side x side x 3.

        One of a single colour, as of a white background, is drawn again: there is no painting it, and a network that
        normalises it by next to nothing has next to endless gradients.
        """
        square = self._square(side_px, rng)
        while square.std(axis=(0, 1)).max() < _LEAST_DEVIATION:
            square = self._square(side_px, rng)
        return resize_image(np.ascontiguousarray(square), side_px, side_px)

    def _square(self, side_px: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        image = self.draw(rng)
        zoom = np.exp(rng.uniform(*np.log(_ZOOM)))
        side = min(round(side_px * zoom), *image.shape[:2])
        top, left = (int(rng.integers(length - side + 1)) for length in image.shape[:2])
        square = image[top : top + side, left : left + side]
        if rng.random() < 0.5:
            square = square[:, ::-1]
        return square

    def draw(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A random photo: uint8 H x W x 3."""
        image = None
        while image is None:
            image = self._image(self._paths[int(rng.integers(len(self._paths)))])
        return image

    def _image(self, path: Path) -> NDArray[np.uint8] | None:
        """The photo at its size; None if it cannot be learnt from."""
        if path in self._kept or str(path) in self.left_out:
            return self._kept.get(path)
        try:
            read = visible_part(load_image(path))
            image = resized_opaque(read, *fit_longer_side(read.height, read.width, self._longer_side_px))
        except NSTError as unreadable:
            self.left_out[str(path)] = str(unreadable)
            return None
        least = -(-self._longer_side_px // _SLIMMEST)
        if min(image.shape[:2]) < least:
            self.left_out[str(path)] = too_thin(image, least)
            return None
        deviation = float(image.mean(axis=2).std())
        if deviation < self._min_deviation:
            self.left_out[str(path)] = f"nearly flat: its levels deviate by {deviation:.0f} of 255"
            return None
        if image.nbytes <= self._room:
            self._room -= image.nbytes
            self._kept[path] = image
        return image


def find_photos(folder: Path, option: str = "photos") -> list[Path]:
    """Picture files below a folder, sorted.

    Args:
        folder: To look in.
        option: Under which it came.

    Raises:
        ImageNotFoundError: No such folder, or none in it.
    """
    if not folder.is_dir():
        why = "is no folder" if folder.exists() else "no such folder"
        raise ImageNotFoundError(f"{folder}: {why}; `{option}` takes a folder with pictures to train on")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in READABLE_SUFFIXES and path.is_file())
    if not paths:
        raise ImageNotFoundError(f"{folder}: no pictures in it or below ({', '.join(READABLE_SUFFIXES)})")
    return paths


def too_thin(image: NDArray[np.uint8], least_px: int) -> str:
    """Why a picture H x W x 3, at its size, is not looked at: a side is shorter than this."""
    height, width = image.shape[:2]
    return f"too thin: {width}x{height} px at its size for training; wanted {least_px} px at least each way"


def sized(image: NDArray[np.uint8], longer_side_px: int) -> NDArray[np.uint8]:
    """The picture, uint8 H x W x 3, with its longer side at this many px."""
    height, width = image.shape[:2]
    return resize_image(image, *fit_longer_side(height, width, longer_side_px))
