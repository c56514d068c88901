"""What comes in to be painted: read, fitted, put together by size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nst_engine.geometry import fit_longer_side
from nst_engine.image import ImageSource, Picture, load_image, resize_image
from nst_engine.stylize.result import Kind, Stopwatch


def timed_read(source: ImageSource, max_side: int | None) -> tuple[Picture, Stopwatch]:
    """The picture, shrunk if its longer side is longer than `max_side`, and the time of that."""
    stopwatch = Stopwatch()
    picture = _fitted(load_image(source, copy=False), max_side)
    stopwatch.lap("decode")
    return picture, stopwatch


def _fitted(picture: Picture, max_side: int | None) -> Picture:
    if max_side is None or max(picture.height, picture.width) <= max_side:
        return picture
    size = fit_longer_side(picture.height, picture.width, max_side)
    alpha = None if picture.alpha is None else resize_image(picture.alpha, *size)
    return replace(picture, pixels=resize_image(picture.pixels, *size), alpha=alpha)


def kind_of(source: ImageSource) -> Kind:
    """What a result is given back as."""
    if not isinstance(source, np.ndarray):
        return "pillow"
    return "rgba" if source.ndim == 3 and source.shape[2] in (2, 4) else "rgb"


def groups_of(pictures: Sequence[Picture], largest: int) -> list[list[int]]:
    """Places of pictures of one size, at most so many together."""
    by_size: dict[tuple[int, int], list[int]] = {}
    for place, picture in enumerate(pictures):
        by_size.setdefault((picture.height, picture.width), []).append(place)
    return [places[i : i + largest] for places in by_size.values() for i in range(0, len(places), largest)]
