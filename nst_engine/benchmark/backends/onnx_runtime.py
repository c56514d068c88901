"""ONNX Runtime, once for each of its providers: the way the engine itself runs models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from nst_engine.benchmark.backends.backend import BenchModel, Precision, refuse_precision
from nst_engine.environment import is_importable, pip_install
from nst_engine.models.find import ModelFile
from nst_engine.runtimes.devices import PROVIDERS, parse_device, why_not_built_in
from nst_engine.runtimes.devices import Precision as EnginePrecision

if TYPE_CHECKING:
    from nst_engine.runtimes.base import Loaded

#: Those that are told their precision; the others compute in that of the file.
_PRECISE_PROVIDERS = ("tensorrt", "openvino")


class OnnxRuntime:
    """One provider.

    Args:
        kind: A key of `nst_engine.runtimes.devices.PROVIDERS`.
    """

    modules = ("onnxruntime",)

    def __init__(self, kind: str) -> None:
        self.name = f"onnxruntime-{kind}"
        self._kind = kind
        self._loaded: Loaded | None = None
        self._style_weights = np.empty((0, 0), np.float32)

    def why_absent(self) -> str | None:
        """As `nst doctor` says it."""
        if not is_importable("onnxruntime"):
            return f"onnxruntime is not installed; type: {pip_install('cpu')} (or [gpu] for NVIDIA)"
        import onnxruntime  # type: ignore[import-untyped]

        return why_not_built_in(parse_device(self._kind), onnxruntime.get_available_providers())

    def load(self, model: BenchModel, threads: int, precision: Precision) -> None:
        """As the engine loads it."""
        from nst_engine.runtimes.onnxruntime import OrtLoader

        refuse_precision(self.name, precision, ("float32", "float16", "int8"))
        asked, path = str(precision), model.path
        if precision == "int8" or (precision == "float16" and self._kind not in _PRECISE_PROVIDERS):
            asked, path = "auto", model.file_in(precision)
        file = ModelFile(model.name, Path(path), "choose another model")
        self._loaded = OrtLoader(file, threads, cast(EnginePrecision, asked)).open(parse_device(self._kind))
        self._style_weights = model.weights_of(1)

    def run(self, batch: NDArray[Any]) -> NDArray[Any]:
        """One run of the session."""
        assert self._loaded is not None
        return painted_by(self._loaded, batch, np.repeat(self._style_weights, len(batch), axis=0))

    def close(self) -> None:
        """The session ends with its last reference."""
        self._loaded = None


def painted_by(loaded: Loaded, pictures: NDArray[Any], style_weights: NDArray[np.float32]) -> NDArray[Any]:
    """One run of a model that is loaded: N pictures, float32 N×styles; ONNX Runtime's own exceptions."""
    signature = loaded.signature
    feed = {signature.image_input: pictures}
    if signature.style_input is not None:
        feed[signature.style_input] = style_weights
    return loaded.painter.paint(feed, signature.image_output, None)


FAMILY = tuple(OnnxRuntime(kind) for kind in PROVIDERS)
