"""Halos: how far the ground beside an edge is painted from the same ground further off.

Kernels answer an edge on both sides of it, as far as they reach: a dark aura stands around what is bright, a bright one
around what is dark. Measured where the photo is calm: luminance painted 5 to 13 px beside an edge, less the mean of
what is painted of places of the same colour that are 20 to 44 px from any edge and up to 40 px away each way. Strokes
are averaged away, by means over 33 px; what is left is a root mean square over the picture, in levels of 255. Photos
have a little of it themselves, by light and shadow.
"""

from __future__ import annotations

import itertools
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array  # type: ignore[import-untyped]

Pixels = NDArray[np.uint8]
#: Distances from an edge, px.
NEAR_PX, FAR_PX = (5, 13), (20, 44)
#: How far a ground is compared with others, and in which steps; the window in which strokes are averaged; px.
GROUND_PX, GROUND_STEP_PX, STROKES_PX = 40, 4, 33
#: Gradients of CIE Lab per px, behind a Gaussian of 2 px: of an edge at least, of a calm place at most.
EDGE, CALM = 4.0, 1.0
#: Distance in CIE Lab up to which two grounds are the same.
ALIKE = 6.0
#: So few places tell nothing.
FEWEST_PX = 200


class HaloMeter:
    """Measures pictures painted of one photo.

    Args:
        photo: H×W×3, RGB.
    """

    def __init__(self, photo: Pixels) -> None:
        lab = np.asarray(cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
        lab = np.asarray(cv2.GaussianBlur(lab, (0, 0), 2), np.float32)
        slopes = [cv2.Sobel(lab, cv2.CV_32F, *axis, ksize=3, scale=1 / 8) for axis in ((1, 0), (0, 1))]
        gradient = np.sqrt(sum(np.square(slope).sum(axis=2) for slope in slopes))
        distance = cv2.distanceTransform((gradient <= EDGE).astype(np.uint8), cv2.DIST_L2, 5)
        near, far = ((gradient < CALM) & (distance >= least) & (distance <= most) for least, most in (NEAR_PX, FAR_PX))
        self._grounds = _same_ground(lab, near, far)
        self._near = near & (self._grounds.sum(axis=1) > 0).reshape(near.shape)
        self._share = _mean(self._near.astype(np.float32))

    def levels(self, picture: Pixels) -> float | None:
        """Of a picture of the photo's size, levels of 255; None where the photo has too few such places."""
        if self._near.sum() < FEWEST_PX:
            return None
        luminance = np.asarray(cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_RGB2GRAY), np.float32)
        ground = (self._grounds @ luminance.ravel()).reshape(luminance.shape)
        aura = _mean((luminance - ground) * self._near) / np.maximum(self._share, 1e-6)
        counted = self._near & (self._share > 0.05)
        return float(np.sqrt(np.square(aura[counted]).mean()))


def _same_ground(lab: NDArray[np.float32], near: NDArray[np.bool_], far: NDArray[np.bool_]) -> Any:
    """A matrix that takes the mean, for each place near an edge, over the same ground around it; HW×HW, sparse."""
    height, width = near.shape
    rows, columns = np.nonzero(near)
    steps = range(-GROUND_PX, GROUND_PX + 1, GROUND_STEP_PX)
    from_, to = [], []
    for down, right in itertools.product(steps, steps):
        there = rows + down, columns + right
        inside = (there[0] >= 0) & (there[0] < height) & (there[1] >= 0) & (there[1] < width)
        here, there = (rows[inside], columns[inside]), (there[0][inside], there[1][inside])
        same = far[there] & (np.linalg.norm(lab[here] - lab[there], axis=1) < ALIKE)
        from_.append((here[0] * width + here[1])[same])
        to.append((there[0] * width + there[1])[same])
    places, grounds = np.concatenate(from_), np.concatenate(to)
    counts = np.bincount(places)
    return csr_array((1 / counts[places], (places, grounds)), shape=(near.size, near.size))


def _mean(field: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.blur(field, (STROKES_PX, STROKES_PX)), np.float32)
