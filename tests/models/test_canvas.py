"""The grain under photos."""

from __future__ import annotations

import hashlib

import numpy as np

from nst_engine.models.canvas import canvas_patterns


def test_it_is_white_noise() -> None:
    side = 512
    grain = np.ones((side, side))
    for pattern in canvas_patterns():
        assert pattern.dtype == np.int8
        assert set(np.unique(pattern)) == {-1, 1}
        grain *= np.tile(pattern[0, 0], (5, 5))[:side, :side]
    # neither a brightness of its own nor likeness to itself: all correlations are those of chance, 1 / 512 each
    energies = np.abs(np.fft.fft2(grain)) ** 2
    correlations = np.fft.ifft2(energies).real / grain.size
    assert abs(grain.mean()) < 0.01
    assert correlations[0, 0] == 1
    assert np.abs(correlations).ravel()[1:].max() < 8 / side
    assert abs(energies.std() / energies.mean() - 1) < 0.1


def test_it_is_the_same_for_ever() -> None:
    """Networks are trained on it, and model files hold it."""
    digests = [hashlib.sha256(pattern.tobytes()).hexdigest()[:12] for pattern in canvas_patterns()]
    assert digests == ["6c111ffd251d", "49ad186d0c5d"]
