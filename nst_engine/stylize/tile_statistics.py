"""Statistics of a picture's features, merged from its tiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nst_engine.geometry import Span


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and variance per channel, float32, and the number of pixels."""

    pixels: int
    mean: NDArray[np.float32]
    variance: NDArray[np.float32]


def moments_of(features: NDArray[np.float32], rows: Span, columns: Span, multiple: int) -> Moments:
    """Statistics of a tile's features, without its halo: N×C×H×W, or anything with channels second."""
    planes = features.reshape(features.shape[0] * features.shape[1], *features.shape[2:])
    if planes.ndim == 3:
        height, width = planes.shape[1:]
        planes = planes[:, _core_of_features(rows, height, multiple), _core_of_features(columns, width, multiple)]
    planes = planes.reshape(len(planes), -1)
    # NaN features lead to a NaN picture, which is refused later
    with np.errstate(all="ignore"):
        mean = planes.mean(1)
        centred = planes - mean[:, None]
        variance = np.square(centred, out=centred).mean(1)
    return Moments(planes.shape[1], mean, variance)


def _core_of_features(span: Span, length: int, multiple: int) -> slice:
    """Where a tile's core lies along an axis of its features.

    They are the picture's at a stride, which has grown to a multiple, and may reach some beyond it at both ends; at the
    picture's own ends that counts as in the untiled run.
    """
    side = -(-(span.stop - span.start) // multiple) * multiple
    # strides are powers of two, and the excess is less than half a tile
    stride = 2 ** max(0, round(math.log2(side / length)))
    beyond = max(0, (length - side // stride) // 2)
    inside = span.core_inside
    first = 0 if span.is_first else beyond + inside.start // stride
    last = length if span.is_last else beyond + inside.stop // stride
    return slice(first, last)


def merged(parts: Sequence[Moments]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and variance of all pixels together."""
    shares = np.array([part.pixels for part in parts], np.float64)
    shares /= shares.sum()
    means, variances = (np.array([getattr(part, what) for part in parts], np.float64) for what in ("mean", "variance"))
    with np.errstate(all="ignore"):
        mean = shares @ means
        variance = shares @ (variances + (means - mean) ** 2)
    return mean.astype(np.float32), variance.astype(np.float32)
