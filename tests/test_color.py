from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from nst_engine.color import ColorMode, keep_luma, luma_of, match_color
from nst_engine.errors import OptionError

YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])  # JFIF


def cloud(height: int, width: int, mean: tuple[int, int, int], spread: float, seed: int) -> Any:
    """A picture of correlated colours that stay clear of 0 and 255."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(3, 3))
    colours = np.clip(rng.normal(size=(height, width, 3)), -2, 2) @ mixing * spread / 6 + mean
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8)


def uniform(height: int, width: int, seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def statistics(pixels: Any) -> tuple[Any, Any]:
    flat = pixels.reshape(-1, 3).astype(np.float64)
    return flat.mean(0), np.cov(flat.T, bias=True)


def test_luma_against_float64() -> None:
    pixels = uniform(7, 11, 0)
    luma = luma_of(pixels)
    assert luma.dtype == np.float32
    np.testing.assert_allclose(luma, pixels.astype(np.float64) @ YCC[0], atol=1e-4)


def test_keep_luma_against_the_colour_space() -> None:
    stylized, content = cloud(33, 57, (120, 130, 110), 40, 1), cloud(33, 57, (140, 120, 120), 40, 2)
    ycc = content.astype(np.float64) @ YCC.T
    ycc[:, :, 0] = stylized.astype(np.float64) @ YCC[0]
    expected = ycc @ np.linalg.inv(YCC).T
    assert np.abs(keep_luma(stylized, content) - expected).max() <= 0.51


def test_keep_luma_of_itself_and_clipping() -> None:
    pixels = uniform(5, 9, 3)
    np.testing.assert_array_equal(keep_luma(pixels, pixels), pixels)
    white, blue = np.full((1, 1, 3), 255, dtype=np.uint8), np.array([[[0, 0, 255]]], dtype=np.uint8)
    np.testing.assert_array_equal(keep_luma(white, blue), [[[226, 226, 255]]])


@pytest.mark.parametrize("sizes", [((40, 61), (83, 29)), ((301, 299), (17, 13))])
def test_match_gives_mean_and_covariance_of_the_target(
    sizes: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    source, target = cloud(*sizes[0], (90, 140, 120), 60, 4), cloud(*sizes[1], (130, 110, 125), 50, 5)
    matched = match_color(source, target)
    assert matched.shape == source.shape
    assert matched.min() > 0
    assert matched.max() < 255
    (mean, covariance), (expected_mean, expected_covariance) = statistics(matched), statistics(target)
    np.testing.assert_allclose(mean, expected_mean, atol=0.05)
    # Rounding adds 1/12 of variance; the 1e-5 (0.65 here) takes a little in directions of small variance.
    np.testing.assert_allclose(covariance, expected_covariance, atol=0.01 * np.trace(expected_covariance) + 1)


def root_of(matrix: Any) -> Any:
    """Denman and Beavers' iteration (1976) for the principal square root."""
    root, inverse = matrix, np.eye(len(matrix))
    for _ in range(40):
        root, inverse = (root + np.linalg.inv(inverse)) / 2, (inverse + np.linalg.inv(root)) / 2
    np.testing.assert_allclose(root @ root, matrix, rtol=1e-9)
    return root


def test_match_against_the_closed_form() -> None:
    source, target = cloud(21, 34, (90, 140, 120), 60, 6), cloud(55, 8, (130, 110, 125), 50, 7)
    (source_mean, source_cov), (target_mean, target_cov) = statistics(source), statistics(target)
    root = root_of(target_cov) @ np.linalg.inv(root_of(source_cov + 1e-5 * 255**2 * np.eye(3)))
    expected = (source - source_mean) @ root.T + target_mean
    assert np.abs(match_color(source, target) - np.clip(expected, 0, 255)).max() <= 0.501


def histogram_reference(source: Any, target: Any) -> Any:
    """Sort both, stretched to a common length, and average the target's levels over each source level."""
    expected = np.empty(source.shape)
    for channel in range(3):
        levels, target_levels = source[..., channel].ravel(), target[..., channel].ravel()
        common = np.lcm(levels.size, target_levels.size)
        ranked = np.repeat(np.sort(levels), common // levels.size)
        quantiles = np.repeat(np.sort(target_levels), common // target_levels.size).astype(np.float64)
        for level in np.unique(levels):
            expected[..., channel][source[..., channel] == level] = quantiles[ranked == level].mean()
    return expected


@pytest.mark.parametrize("sizes", [((11, 13), (7, 9)), ((3, 5), (31, 30)), ((1, 1), (5, 4)), ((6, 7), (1, 1))])
def test_histogram_against_the_sort(sizes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    source, target = cloud(*sizes[0], (90, 140, 120), 60, 8), uniform(*sizes[1], 9)
    matched = match_color(source, target, method="histogram")
    assert np.abs(matched - histogram_reference(source, target)).max() <= 0.5 + 1e-9


def test_histogram_is_exact_where_levels_allow() -> None:
    target = cloud(16, 16, (120, 120, 120), 80, 10)
    source = np.stack([np.random.default_rng(seed).permutation(256).reshape(16, 16) for seed in range(3)], -1)
    matched = match_color(source.astype(np.uint8), target, method="histogram")
    np.testing.assert_array_equal(np.sort(matched.reshape(-1, 3), 0), np.sort(target.reshape(-1, 3), 0))


@pytest.mark.parametrize("method", ["match", "histogram"])
def test_a_picture_matched_to_itself_stays(method: str) -> None:
    pixels = cloud(31, 47, (120, 130, 110), 60, 11)
    assert np.abs(match_color(pixels, pixels, method=method).astype(int) - pixels).max() <= 1


@pytest.mark.parametrize("method", ["match", "histogram"])
def test_flat_and_grey_pictures(method: str) -> None:
    colours = cloud(23, 31, (120, 130, 110), 60, 12)
    grey = np.repeat(colours[:, :, :1], 3, axis=2)
    flat = np.full((5, 3, 3), (10, 200, 77), dtype=np.uint8)
    single = flat[:1, :1]
    for source in (flat, single):
        matched = match_color(source, colours, method=method)
        assert np.abs(matched - statistics(colours)[0]).max() <= 0.51
    for target in (flat, single):
        np.testing.assert_array_equal(
            match_color(colours, target, method=method), np.broadcast_to(flat[0, 0], (23, 31, 3))
        )
    matched = match_color(colours, grey, method=method).astype(int)
    if method == "match":
        assert np.ptp(matched, axis=2).max() <= 1, "a grey target gives a grey picture"
    np.testing.assert_allclose(matched.mean((0, 1)), grey.mean((0, 1)), atol=0.5)
    from_grey = match_color(grey, colours, method=method)
    np.testing.assert_allclose(from_grey.mean((0, 1)), colours.mean((0, 1)), atol=0.5)


def test_inputs_are_not_changed_and_may_be_strided() -> None:
    source, target = uniform(20, 30, 13), uniform(9, 8, 14)
    before = source.copy()
    for method in ("match", "histogram"):
        strided = match_color(source[::2, ::-3], target[:, ::2], method=method)
        solid = match_color(source[::2, ::-3].copy(), target[:, ::2].copy(), method=method)
        np.testing.assert_array_equal(strided, solid)
    np.testing.assert_array_equal(source, before)


def test_refused() -> None:
    pixels = uniform(4, 5, 15)
    with pytest.raises(OptionError, match="Resize it first"):
        keep_luma(pixels, uniform(5, 4, 16))
    with pytest.raises(OptionError, match="'luma', wanted one of match, histogram"):
        match_color(pixels, pixels, method="luma")
    wrong: list[Any] = [pixels[:, :, 0], pixels.astype(float), pixels[:0]]
    for array in wrong:
        for attempt in (
            luma_of,
            lambda a: match_color(a, pixels),
            lambda a: keep_luma(pixels, a),
        ):
            with pytest.raises(OptionError, match="wanted uint8 of shape"):
                attempt(array)
    assert get_args(ColorMode) == ("luma", "match", "histogram")
