from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from nst_engine.kernels import gram_matrix

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Refusal = Callable[[Callable[[], object]], str]

CHANNELS = [1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 23, 24, 25, 31, 33, 47, 49, 63, 65]
PLANES = [(1, 1), (1, 2), (3, 1), (1, 7), (2, 4), (3, 3), (3, 5), (4, 4), (1, 17), (31, 1), (4, 8), (3, 11)]
LONG_PLANES = [(9, 7), (5, 13), (33, 31), (32, 32), (25, 41), (64, 33), (3, 1031)]
THREADS = (1, 2, 3, 5)


def features_of(*shape: int, seed: int = 0) -> Float32:
    return np.random.default_rng(seed).normal(0.3, 1.0, shape).astype(np.float32)


def reference(features: Float32) -> tuple[Float64, Float64]:
    """The sums of products in float64, and what float32 rounding errors are measured against."""
    rows = features.reshape(*features.shape[:-2], -1).astype(np.float64)
    size = np.abs(rows)
    return rows @ rows.swapaxes(-1, -2), size @ size.swapaxes(-1, -2)


def assert_gram(gram: Float32, features: Float32, denominator: float) -> None:
    expected, size = reference(features)
    assert gram.dtype == np.float32
    assert gram.shape == expected.shape
    assert gram.flags.c_contiguous
    assert np.all(np.abs(gram - expected / denominator) <= 2e-6 * size / denominator)
    np.testing.assert_array_equal(gram, gram.swapaxes(-1, -2))


@pytest.mark.parametrize("plane", PLANES + LONG_PLANES)
@pytest.mark.usefixtures("implementation")
def test_sizes_around_the_vector_widths(plane: tuple[int, int]) -> None:
    for channels in CHANNELS:
        features = features_of(channels, *plane, seed=channels)
        assert_gram(gram_matrix(features), features, features.size)


@pytest.mark.parametrize("channels", [1, 5, 24, 25, 64, 130])
@pytest.mark.usefixtures("implementation")
def test_threads_do_not_change_the_result(channels: int) -> None:
    features = features_of(channels, 37, 41)
    grams = [gram_matrix(features, threads=threads) for threads in THREADS]
    assert_gram(grams[0], features, features.size)
    for gram in grams[1:]:
        np.testing.assert_array_equal(gram, grams[0])


@pytest.mark.parametrize(("normalize", "denominator"), [("none", 1), ("hw", 7 * 5), ("chw", 3 * 7 * 5)])
@pytest.mark.usefixtures("implementation")
def test_denominators(normalize: str, denominator: int) -> None:
    features = features_of(3, 7, 5)
    assert_gram(gram_matrix(features, normalize=normalize), features, denominator)


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.usefixtures("implementation")
def test_a_batch_is_its_pictures(batch: int, threads: int) -> None:
    features = features_of(batch, 29, 9, 13)
    grams = gram_matrix(features, threads=threads)
    assert_gram(grams, features, 29 * 9 * 13)
    for gram, item in zip(grams, features, strict=True):
        np.testing.assert_array_equal(gram, gram_matrix(item))


@pytest.mark.parametrize("plane", [(1, 1), (3, 5), (4, 16), (33, 31), (64, 33), (3, 1031), (83, 199)])
@pytest.mark.usefixtures("implementation")
def test_pixels_may_count_by_weights(plane: tuple[int, int]) -> None:
    for channels in (1, 5, 12, 25, 65):
        features = features_of(2, channels, *plane)
        weights = features_of(2, *plane, seed=7)
        rows = features.reshape(2, channels, -1).astype(np.float64)
        weighted = rows * weights.reshape(2, 1, -1)
        expected, size = weighted @ rows.swapaxes(1, 2), np.abs(weighted) @ np.abs(rows).swapaxes(1, 2)
        for threads in THREADS[:2]:
            grams = gram_matrix(features, normalize="none", pixel_weights=weights, threads=threads)
            assert np.all(np.abs(grams - expected) <= 2e-6 * size)
            single = gram_matrix(features[1], normalize="none", pixel_weights=weights[1], threads=threads)
            np.testing.assert_array_equal(single, grams[1])
    ones = gram_matrix(features, pixel_weights=np.ones_like(weights))
    # NumPy multiplies a matrix with itself by another routine than with its copy
    np.testing.assert_allclose(ones, gram_matrix(features), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("channels", "pixels"), [(12, 140_001), (130, 17_001), (515, 2_001)])
@pytest.mark.usefixtures("implementation")
def test_many_pixels_and_many_channels(channels: int, pixels: int) -> None:
    """In turn: the longest runs, groups of one run and of two, and one group of all; each with a block cut short."""
    features = features_of(channels, 1, pixels)
    grams = [gram_matrix(features, threads=threads) for threads in (1, 3)]
    np.testing.assert_array_equal(grams[0], grams[1])
    assert_gram(grams[0], features, features.size)


@pytest.mark.usefixtures("implementation")
def test_at_least_as_accurate_as_numpy() -> None:
    features = np.maximum(features_of(32, 181, 190), 0)  # as after a ReLU
    rows = features.reshape(32, -1)
    expected, _ = reference(features)
    error = np.abs(gram_matrix(features, normalize="none") - expected)
    numpy_error = np.abs(rows @ rows.T - expected)
    assert np.sqrt(np.mean(error**2)) <= np.sqrt(np.mean(numpy_error**2))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.usefixtures("implementation")
def test_what_is_not_finite_stays_in_its_channel(value: float) -> None:
    features = features_of(9, 5, 7)
    features[4, 2, 3] = value
    finite = np.isfinite(gram_matrix(features))
    assert not finite[4].any()
    assert not finite[:, 4].any()
    assert np.delete(np.delete(finite, 4, axis=0), 4, axis=1).all()


@pytest.mark.usefixtures("implementation")
def test_the_features_are_left_alone() -> None:
    features = features_of(5, 6, 7)
    features.flags.writeable = False
    before = features.copy()
    gram_matrix(features)
    np.testing.assert_array_equal(features, before)


GOOD = features_of(3, 4, 5)
UNALIGNED = np.zeros(4 * 60 + 1, np.uint8)[1:].view(np.float32).reshape(3, 4, 5)


@pytest.mark.parametrize(
    ("features", "options", "parts"),
    [
        (GOOD.tolist(), {}, ["features is a list", "np.asarray"]),
        (GOOD.astype(np.float64), {}, ["float64", "wanted float32", ".astype(np.float32)"]),
        (GOOD.astype(">f4"), {}, [">f4", ".astype(np.float32)"]),
        (GOOD[0], {}, ["(4, 5)", "C×H×W", "np.newaxis"]),
        (GOOD[None, None], {}, ["(1, 1, 3, 4, 5)"]),
        (GOOD[:0], {}, ["(0, 4, 5)", "empty"]),
        (GOOD[None][:0], {}, ["empty"]),
        (GOOD[:, :, ::2], {}, ["np.ascontiguousarray(features)"]),
        (GOOD.transpose(2, 1, 0), {}, ["np.ascontiguousarray"]),
        (UNALIGNED, {}, ["aligned", "features.copy()"]),
        (GOOD, {"normalize": "c"}, ["'c'", '"none", "hw", "chw"']),
        (GOOD, {"normalize": None}, ["None"]),
        (GOOD, {"pixel_weights": GOOD}, ["pixel_weights is float32 of shape (3, 4, 5)"]),
        (GOOD, {"pixel_weights": GOOD[0, :3].copy()}, ["pixel_weights has shape (3, 5)", "(4, 5)"]),
        (GOOD, {"pixel_weights": np.ones((4, 5))}, ["pixel_weights is float64", "wanted float32"]),
        (GOOD, {"threads": 0}, ["threads is 0", "from 1 to 1024"]),
        (GOOD, {"threads": -1}, ["threads is -1"]),
        (GOOD, {"threads": 10**30}, ["threads is 1000"]),
        (GOOD, {"threads": 1.5}, ["threads is 1.5"]),
        (GOOD, {"threads": True}, ["threads is True"]),
    ],
)
def test_refusals(features: Any, options: dict[str, Any], parts: list[str], refusal: Refusal) -> None:
    message = refusal(lambda: gram_matrix(features, **options))
    for part in parts:
        assert part in message
