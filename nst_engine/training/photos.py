"""The photos to learn on: read when needed, kept small, cut out at random."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import ImageNotFoundError, NSTError, OptionError
from nst_engine.geometry import fit_longer_side
from nst_engine.image import READABLE_SUFFIXES, load_image, resize_image, resized_opaque, visible_area, visible_part
from nst_engine.training.faces import Boxes, clipped, mirrored, within

#: Of the grey levels, 0-255. Flatter pictures have next to nothing to normalise by.
MIN_DEVIATION = 20.0

# longer side of the shorter
_SLIMMEST = 16

_KEEP_BYTES = 1024**3
# of the levels of any channel of a cut-out, 0-255; a photo that is not flat as a whole has such ones
_LEAST_DEVIATION = 1.0
# how much larger or smaller things may look than at the size at which photos are kept
_ZOOM = (0.75, 1.3)
# of the cut-outs: most photos show none, or small ones
_SHARE_OF_FACES = 0.5


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo at the size at which it is learnt from, or a piece of one.

    Attributes:
        pixels: uint8 H x W x 3.
        faces: Those in it, as far as they are known, in its px.
    """

    pixels: NDArray[np.uint8]
    faces: Boxes


class Photos:
    """Photos of which cut-outs are drawn: read when one is first drawn, and kept as long as there is room.

    Args:
        paths: Of the files.
        longer_side_px: To which they are brought.
        min_deviation: Of the grey levels, 0-255: flatter ones are left out.
        keep_bytes: Room for those that were read; beyond it a photo is read again whenever it is drawn.
        faces: In the files' px; half of the cut-outs are then drawn around one of them.

    Attributes:
        left_out: File to reason, of those drawn so far that cannot be learnt from.

    Raises:
        OptionError: None can be learnt from, or faces are not in their photos.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        longer_side_px: int,
        *,
        min_deviation: float = MIN_DEVIATION,
        keep_bytes: int = _KEEP_BYTES,
        faces: Mapping[Path, Boxes] | None = None,
    ) -> None:
        self._min_deviation = min_deviation
        self.left_out: dict[str, str] = {}
        self._paths, self._longer_side_px, self._room = list(paths), longer_side_px, keep_bytes
        self._kept: dict[Path, Photo] = {}
        self._faces = dict(faces or {})
        self._with_faces = [path for path in self._faces if self._has_faces(path)]
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
        readable = ((path, photo.pixels) for path in chosen if (photo := self._photo(path)) is not None)
        images = dict(itertools.islice(readable, count))
        if not images:
            reason = next(iter(self.left_out.values()), "none came")
            raise OptionError(f"no picture to train on is left; the first was left out because: {reason}")
        return images

    def cut_out(self, side_px: int, rng: np.random.Generator) -> Photo:
        """A random square of a random photo, zoomed and mirrored at random.

        One of a single colour, as of a white background, is drawn again: there is no painting it, and a network that
        normalises it by next to nothing has next to endless gradients.
        """
        square = self._square(side_px, rng)
        while square.pixels.std(axis=(0, 1)).max() < _LEAST_DEVIATION:
            square = self._square(side_px, rng)
        pixels = resize_image(np.ascontiguousarray(square.pixels), side_px, side_px)
        return Photo(pixels, square.faces * (side_px / len(square.pixels)))

    def _square(self, side_px: int, rng: np.random.Generator) -> Photo:
        is_of_a_face = bool(self._with_faces) and rng.random() < _SHARE_OF_FACES
        photo = self._drawn(self._with_faces if is_of_a_face else self._paths, rng)
        face = photo.faces[int(rng.integers(len(photo.faces)))] if is_of_a_face else None
        height, width = photo.pixels.shape[:2]
        zoom = np.exp(rng.uniform(*np.log(_ZOOM)))
        side = min(round(side_px * zoom), height, width)
        top = _start(height, side, None if face is None else face[1::2], rng)
        left = _start(width, side, None if face is None else face[::2], rng)
        pixels, faces = photo.pixels[top : top + side, left : left + side], within(photo.faces, left, top, side, side)
        if rng.random() < 0.5:
            pixels, faces = pixels[:, ::-1], mirrored(faces, side)
        return Photo(pixels, faces)

    def draw(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A random photo: uint8 H x W x 3."""
        return self._drawn(self._paths, rng).pixels

    def _drawn(self, paths: Sequence[Path], rng: np.random.Generator) -> Photo:
        photo = None
        while photo is None:
            photo = self._photo(paths[int(rng.integers(len(paths)))])
        return photo

    def _has_faces(self, path: Path) -> bool:
        """Whether they can be learnt from.

        Raises:
            OptionError: They are not in the picture.
        """
        photo = self._photo(path)
        if photo is not None and not len(photo.faces):
            whole = load_image(path)
            raise OptionError(
                f"{path}: is {whole.width}x{whole.height} px, and none of the faces that were named is in it; wanted "
                "px of the picture as it is shown",
                option="faces",
            )
        return photo is not None

    def _photo(self, path: Path) -> Photo | None:
        """None if it cannot be learnt from."""
        if path in self._kept or str(path) in self.left_out:
            return self._kept.get(path)
        try:
            photo = self._read(path)
        except NSTError as unreadable:
            self.left_out[str(path)] = str(unreadable)
            return None
        least = -(-self._longer_side_px // _SLIMMEST)
        if min(photo.pixels.shape[:2]) < least:
            self.left_out[str(path)] = too_thin(photo.pixels, least)
            return None
        deviation = float(photo.pixels.mean(axis=2).std())
        if deviation < self._min_deviation:
            self.left_out[str(path)] = f"nearly flat: its levels deviate by {deviation:.0f} of 255"
            return None
        if photo.pixels.nbytes <= self._room:
            self._room -= photo.pixels.nbytes
            self._kept[path] = photo
        return photo

    def _read(self, path: Path) -> Photo:
        whole = load_image(path)
        rows, columns = visible_area(whole)
        seen = visible_part(whole)
        height, width = fit_longer_side(seen.height, seen.width, self._longer_side_px)
        faces = self._faces.get(path, np.zeros((0, 4)))
        moved = (faces - [columns.start, rows.start] * 2) * ([width / seen.width, height / seen.height] * 2)
        return Photo(resized_opaque(seen, height, width), clipped(moved, width, height))


def _start(length: int, side: int, face: NDArray[np.float64] | None, rng: np.random.Generator) -> int:
    """Where along a photo a square begins: at random; with that face in it where it is not larger."""
    first, last = 0, length - side
    if face is not None:
        from_, to = face
        first, last = max(first, math.ceil(to) - side), min(last, math.floor(from_))
        if first > last:
            return int(min(max(0.0, (from_ + to - side) / 2), length - side))
    return int(rng.integers(first, last + 1))


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
