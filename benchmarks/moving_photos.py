"""Clips with known motion: a camera that pans, zooms and shakes over a photo, with noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nst_engine.image import Picture


@dataclass(frozen=True, eq=False)
class MovingFrame:
    """A frame and its motion.

    Attributes:
        pixels: uint8 H×W×3, RGB.
        places: float32 H×W×2: where each pixel was in the frame before, x and y; None for the first.
    """

    pixels: NDArray[np.uint8]
    places: NDArray[np.float32] | None


MOVES = ("pan", "zoom", "shake", "still")


def moving_frames(
    photo: Picture, move: str, *, frames: int, height: int, width: int, noise_levels: float = 2.0, seed: int = 0
) -> Iterator[MovingFrame]:
    """Frames seen through a window that moves over the photo.

    Args:
        photo: To look at.
        move: One of `MOVES`.
        frames: How many.
        height: Of the frames.
        width: Of the frames.
        noise_levels: Standard deviation of the noise, of 255.
        seed: Of the shaking and the noise.
    """
    rng = np.random.default_rng(seed)
    before: NDArray[np.float64] | None = None
    corners = np.indices((height, width), np.float64)[::-1]
    grid = np.stack([corners[0], corners[1], np.ones((height, width))], -1)
    for number in range(frames):
        matrix = _window(move, number, photo, (height, width), rng)
        view = cv2.warpAffine(
            photo.pixels,
            matrix[:2],
            (width, height),
            flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP | cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        noisy = np.clip(np.rint(view + rng.normal(0, noise_levels, view.shape)), 0, 255).astype(np.uint8)
        places = None
        if before is not None:
            places = (grid @ (np.linalg.inv(before) @ matrix).T)[..., :2].astype(np.float32)
        yield MovingFrame(noisy, places)
        before = matrix


def _window(
    move: str, number: int, photo: Picture, size: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float64]:
    """From a frame's pixels to the photo's: 3×3."""
    height, width = size
    scale = 0.8 * min(photo.height / height, photo.width / width)
    angle, shift = 0.0, np.zeros(2)
    if move == "pan":
        shift = np.array([3.3, 1.4]) * (number - 12)
    elif move == "zoom":
        scale *= 0.985**number
    elif move == "shake":
        angle, shift = rng.normal(0, 0.006), rng.normal(0, 2.5, 2)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    centre = np.array([photo.width / 2, photo.height / 2])
    turn = np.array([[cos, -sin], [sin, cos]])
    origin = centre + scale * shift - turn @ np.array([width / 2, height / 2])
    matrix: NDArray[np.float64] = np.vstack([np.column_stack([turn, origin]), [0, 0, 1]])
    return matrix
