"""Similarity of two pictures."""

from __future__ import annotations

import numpy as np

from nst_engine.image.picture import Pixels

#: PSNR of equal pictures, and the upper limit, dB.
LARGEST_PSNR_DB = 120.0


def psnr_db(pixels: Pixels, reference: Pixels) -> float:
    """Peak signal-to-noise ratio of uint8 pictures, dB; 0 where their shapes differ."""
    if pixels.shape != reference.shape:
        return 0.0
    error = float(np.square(pixels.astype(np.float32) - reference).mean(dtype=np.float64))
    return min(LARGEST_PSNR_DB, 10 * float(np.log10(255**2 / max(error, 1e-12))))
