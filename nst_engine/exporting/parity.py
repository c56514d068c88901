"""Parity of a model file with the torch network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.environment import forbid_telemetry, needed
from nst_engine.errors import ModelParityError

#: Largest difference accepted between float32 networks, in units of the output (0-1 for pictures).
TOLERANCE = 1e-3


def largest_difference(expected: Sequence[NDArray[np.floating]], actual: Sequence[NDArray[np.floating]]) -> float:
    """The largest absolute difference of any output; infinite for different shapes or NaN."""
    largest = 0.0
    for reference, candidate in zip(expected, actual, strict=True):
        if reference.shape != candidate.shape or not np.isfinite(candidate).all():
            return float("inf")
        largest = max(largest, float(np.abs(reference - candidate).max()))
    return largest


def require_parity(what: str, difference: float, tolerance: float = TOLERANCE) -> None:
    """Refuse a model without parity.

    Raises:
        ModelParityError: The difference is above the tolerance.
    """
    if not difference <= tolerance:
        raise ModelParityError(
            f"{what}: outputs differ from torch's by up to {difference:.3g}, wanted at most {tolerance:g}; "
            f"please report this with the versions that `nst info` shows"
        )


def run_once(model: bytes, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """All outputs of an ONNX model, computed by ONNX Runtime on the CPU.

    Raises:
        ModelParityError: It cannot be loaded, or does not take these inputs.
        MissingDependencyError: onnxruntime is not installed.
    """
    forbid_telemetry()
    with needed("models are checked with onnxruntime", "cpu"):
        import onnxruntime  # type: ignore[import-untyped]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        outputs: list[NDArray[Any]] = session.run(None, dict(inputs))
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise ModelParityError(
            f"the model does not run on what the network takes: {str(error).splitlines()[0][:200]}"
        ) from error
    return outputs
