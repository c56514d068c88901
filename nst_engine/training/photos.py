"""The photos to learn on: read once, kept small, cut out at random."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import ImageNotFoundError, NSTError, OptionError
from nst_engine.geometry import fit_longer_side
from nst_engine.image import load_image, resize_image

#: Of the grey levels, 0-255. Flatter pictures have next to nothing to normalise by.
MIN_DEVIATION = 20.0

_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
# how much larger or smaller things may look than at the size at which photos are kept
_ZOOM = (0.75, 1.3)


@dataclass(frozen=True, eq=False)
class Photos:
    """Photos in memory.

    Attributes:
        images: uint8 H x W x 3 each.
        names: Of their files.
        left_out: File and reason of those that cannot be learnt from.
    """

    images: Sequence[NDArray[np.uint8]]
    names: Sequence[str]
    left_out: Sequence[tuple[str, str]]

    def crop(self, side_px: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A random square of a random photo, zoomed and mirrored at random: uint8 side x side x 3."""
        image = self.images[int(rng.integers(len(self.images)))]
        zoom = np.exp(rng.uniform(*np.log(_ZOOM)))
        side = min(round(side_px * zoom), *image.shape[:2])
        top, left = (int(rng.integers(length - side + 1)) for length in image.shape[:2])
        square = image[top : top + side, left : left + side]
        if rng.random() < 0.5:
            square = square[:, ::-1]
        return resize_image(np.ascontiguousarray(square), side_px, side_px)


def find_photos(folder: Path) -> list[Path]:
    """Picture files below a folder, sorted.

    Raises:
        ImageNotFoundError: No such folder, or none in it.
    """
    if not folder.is_dir():
        raise ImageNotFoundError(f"{folder}: no such folder; --photos takes a folder with photos to train on")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not found:
        raise ImageNotFoundError(f"{folder}: no pictures in it or below ({', '.join(sorted(_SUFFIXES))})")
    return found


def read_photos(paths: Iterable[Path], longer_side_px: int) -> Photos:
    """Read photos and bring them to one size; flat and unreadable ones are left out and named.

    Raises:
        OptionError: None is left.
    """
    images, names, left_out = [], [], []
    for path in paths:
        try:
            image = load_image(path).pixels
        except NSTError as unreadable:
            left_out.append((path.name, str(unreadable)))
            continue
        image = sized(image, longer_side_px)
        deviation = float(image.mean(axis=2).std())
        if deviation < MIN_DEVIATION:
            left_out.append((path.name, f"nearly flat: its levels deviate by {deviation:.0f} of 255"))
            continue
        images.append(image)
        names.append(path.name)
    if not images:
        raise OptionError(f"no photo to train on is left; the first was left out because: {left_out[0][1]}")
    return Photos(images, names, left_out)


def sized(image: NDArray[np.uint8], longer_side_px: int) -> NDArray[np.uint8]:
    """The picture, uint8 H x W x 3, with its longer side at this many px."""
    height, width = image.shape[:2]
    return resize_image(image, *fit_longer_side(height, width, longer_side_px))
