"""Keeping colours, after Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OptionError

#: How the photo's colours are kept.
ColorMode = Literal["luma", "match", "histogram"]
#: For `--help`.
COLORS_KEPT = "keep the photo's colours: of each place (luma), or only how often there are which"

#: Of R, G and B (BT.601).
LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_EPSILON = 1e-5 * 255**2  # 1e-5 for colours in [0, 1]
_BLOCK_PX = 1 << 14  # fits the cache; a float64 copy of a whole photo would take eight times its size


def luma_of(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return Y = 0.299 R + 0.587 G + 0.114 B (BT.601) of uint8 H×W×3: float32 H×W in 0–255."""
    return _require_rgb(pixels, "pixels").astype(np.float32) @ LUMA_WEIGHTS


def keep_luma(stylized_image: NDArray[np.uint8], content_image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Combine the luma of the stylised picture with the chroma of the content (section 4.2 of the paper).

    With Cb ∝ B − Y and Cr ∝ R − Y, exchanging Y alone adds Y_stylized − Y_content to R, G and B.

    Args:
        stylized_image: uint8 H×W×3.
        content_image: uint8 H×W×3 of the same size.

    Returns:
        uint8 H×W×3, rounded and clipped.

    Raises:
        OptionError: Another dtype or shape, or sizes that differ.
    """
    stylized = _require_rgb(stylized_image, "stylized_image")
    content = _require_rgb(content_image, "content_image")
    if stylized.shape != content.shape:
        raise OptionError(
            f"content_image: came {content.shape[1]}×{content.shape[0]} pixels, wanted "
            f"{stylized.shape[1]}×{stylized.shape[0]} like stylized_image. Resize it first."
        )
    shift = luma_of(stylized) - luma_of(content)
    return _byte(content + shift[:, :, np.newaxis])


def match_color(
    source_image: NDArray[np.uint8], target_image: NDArray[np.uint8], *, method: str = "match"
) -> NDArray[np.uint8]:
    """Recolour the source with the colour statistics of the target (section 4.1 of the paper).

    "match" is linear, x ↦ A (x − μ_s) + μ_t with the paper's Image-Analogies map A = Σ_t^½ Σ_s^−½, so mean
    and covariance become the target's. Unlike Gatys' notebooks, only Σ_s gets the 1e-5 (for colours in
    [0, 1]): that keeps flat and grey sources from dividing by zero, and a grey target stays grey.

    "histogram" treats each channel alone: all pixels of one level take the mean of the target's levels over
    their share of the ranks, which is the monotone map with the least squared error, and exact
    where the levels allow it. A flat source takes the target's mean.

    Args:
        source_image: uint8 H×W×3.
        target_image: uint8 H×W×3 of any size.
        method: "match" or "histogram".

    Returns:
        uint8 H×W×3 of the source's size, rounded and clipped.

    Raises:
        OptionError: Another dtype or shape, or an unknown method.
    """
    source = _require_rgb(source_image, "source_image")
    target = _require_rgb(target_image, "target_image")
    if method == "match":
        return _match_covariance(source, target)
    if method == "histogram":
        return _match_histogram(source, target)
    raise OptionError(f"method: came {method!r}, wanted one of match, histogram.")


def _match_covariance(source: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.uint8]:
    source_mean, source_covariance = _moments(source)
    target_mean, target_covariance = _moments(target)
    linear_map = _power(target_covariance, 0.5) @ _power(source_covariance + _EPSILON * np.eye(3), -0.5)
    matched = np.empty(source.shape, dtype=np.uint8)
    offset = (target_mean - linear_map @ source_mean)[:, np.newaxis]
    for block, result in zip(_blocks(source), _blocks(matched), strict=True):
        # 3×N, not N×3: BLAS and NumPy are twice as fast along the long axis.
        result[:] = _byte(linear_map @ block.T.astype(np.float64) + offset).T
    return matched


def _moments(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean (3) and covariance (3×3, divided by N) in float64; the sums are exact integers."""
    total, products, count = np.zeros(3), np.zeros((3, 3)), pixels.shape[0] * pixels.shape[1]
    for block in _blocks(pixels):
        levels = block.T.astype(np.float64)
        total += levels.sum(axis=1)
        products += levels @ levels.T
    mean = total / count
    return mean, products / count - np.outer(mean, mean)


def _power(covariance: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    eigenvalues, vectors = np.linalg.eigh(covariance)
    powers: NDArray[np.float64] = np.maximum(eigenvalues, 0.0) ** exponent
    power: NDArray[np.float64] = (vectors * powers) @ vectors.T
    return power


def _match_histogram(source: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.uint8]:
    matched = np.empty(source.shape, dtype=np.uint8)
    for channel in range(3):
        table = _level_table(source[:, :, channel], target[:, :, channel])
        matched[:, :, channel] = table[source[:, :, channel]]
    return matched


def _level_table(source: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the 256 new levels: the target's quantile function averaged over each source level's ranks."""
    source_counts = np.bincount(source.ravel(), minlength=256)
    target_counts = np.bincount(target.ravel(), minlength=256)
    # The integral of the quantile function is piecewise linear in the cumulative count.
    target_ranks = np.concatenate([[0], np.cumsum(target_counts)])
    target_sums = np.concatenate([[0], np.cumsum(target_counts * np.arange(256))])
    source_ranks = np.concatenate([[0], np.cumsum(source_counts)]) * (target.size / source.size)
    sums = np.interp(source_ranks, target_ranks, target_sums)
    shares = source_counts * (target.size / source.size)
    return _byte(np.diff(sums) / np.maximum(shares, np.finfo(np.float64).tiny))


def _blocks(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    flat = pixels.reshape(-1, 3)
    for start in range(0, len(flat), _BLOCK_PX):
        yield flat[start : start + _BLOCK_PX]


def _byte(levels: NDArray[np.floating]) -> NDArray[np.uint8]:
    rounded: NDArray[np.uint8] = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return rounded


def _require_rgb(pixels: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise OptionError(f"{name}: came {pixels.dtype} of shape {pixels.shape}, wanted uint8 of shape (H, W, 3).")
    return np.ascontiguousarray(pixels)
