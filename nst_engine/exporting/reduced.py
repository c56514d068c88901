"""Models in reduced precision, and their PSNR against the full ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import ModelParityError
from nst_engine.exporting.int8 import with_int8
from nst_engine.exporting.parity import run_once
from nst_engine.graphs.float16 import with_float16
from nst_engine.models.formats import ModelPrecision
from nst_engine.models.triton import IMAGE, STYLE_WEIGHTS
from nst_engine.runtimes.devices import LEAST_PSNR_DB


def with_precision(
    model: bytes, precision: ModelPrecision, pictures: Sequence[NDArray[np.uint8]], styles: int
) -> bytes:
    """A float32 model of this project in another precision.

    Args:
        model: The model.
        precision: `float32` leaves it as it is.
        pictures: uint8 H×W×3 each: what int8 is calibrated on, see `nst_engine.exporting.int8.with_int8`.
        styles: How many the model holds.
    """
    if precision == "int8":
        return with_int8(model, pictures, styles)
    return with_float16(model) if precision == "float16" else model


def psnr_db(model: bytes, candidate: bytes, pictures: Sequence[NDArray[np.uint8]], styles: int) -> float:
    """PSNR of a candidate's outputs against the model's, dB: each picture in one style after the other."""
    errors = []
    for number, picture in enumerate(pictures):
        feed = {
            IMAGE: np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32) / np.float32(255),
            STYLE_WEIGHTS: np.eye(styles, dtype=np.float32)[number % styles][None],
        }
        (expected,), (actual,) = run_once(model, feed), run_once(candidate, feed)
        errors.append(float(np.square(expected - actual, dtype=np.float64).mean()))
    return -10 * float(np.log10(max(float(np.mean(errors)), 1e-12)))


def require_psnr(what: str, precision: str, psnr: float) -> None:
    """Refuse a model whose outputs differ too much.

    Raises:
        ModelParityError: Its pictures are below `LEAST_PSNR_DB`.
    """
    least = LEAST_PSNR_DB[precision]
    if not psnr >= least:
        raise ModelParityError(
            f"{what}: in {precision} the pictures are at {psnr:.1f} dB of those in float32, wanted at least "
            f"{least:g}; stay with float32"
        )
