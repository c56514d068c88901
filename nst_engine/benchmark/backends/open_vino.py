"""OpenVINO by its own package, on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nst_engine.benchmark.backends.backend import BenchModel, Precision, refuse_precision
from nst_engine.environment import is_importable, pip_install
from nst_engine.errors import ProviderUnavailableError

_HINTS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "int8": "f32"}


class OpenVino:
    """The CPU plugin."""

    name = "openvino"
    modules = ("openvino",)

    def __init__(self) -> None:
        self._model: Any = None
        self._compile: Callable[[Any], Any] | None = None
        self._requests: dict[tuple[int, ...], Any] = {}
        self._names: tuple[str, str | None] = ("", None)
        self._style_weights = np.empty((0, 0), np.float32)

    def why_absent(self) -> str | None:
        """Whether the package is there."""
        if is_importable("openvino"):
            return None
        return f"openvino is not installed; type: {pip_install('openvino')}"

    def load(self, model: BenchModel, threads: int, precision: Precision) -> None:
        """Read the file; int8 takes the quantised one."""
        import openvino  # type: ignore[import-untyped]

        refuse_precision(self.name, precision, ("float32", "float16", "bfloat16", "int8"))
        core, wanted = openvino.Core(), _HINTS[precision]
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": wanted,
        }
        self._model = core.read_model(model.content_in(precision))
        self._compile = partial(_compiled, core, settings)
        self._requests.clear()
        self._names = (model.image_input, model.style_input)
        self._style_weights = model.weights_of(1)

    def run(self, batch: NDArray[Any]) -> NDArray[Any]:
        """One request, which reads the pictures where they are; compiled for their size when it comes first."""
        image, styles = self._names
        feed = {image: batch}
        if styles is not None:
            feed[styles] = np.repeat(self._style_weights, len(batch), axis=0)
        if batch.shape not in self._requests:
            assert self._compile is not None
            model = self._model.clone()
            model.reshape({name: list(array.shape) for name, array in feed.items()})
            self._requests[batch.shape] = self._compile(model).create_infer_request()
        painted = self._requests[batch.shape].infer(feed, share_inputs=True, share_outputs=True)
        return cast(NDArray[Any], painted[0])

    def close(self) -> None:
        """Let go of the model and its requests."""
        self._model = self._compile = None
        self._requests.clear()


def _compiled(core: Any, settings: Mapping[str, Any], model: Any) -> Any:
    compiled = core.compile_model(model, "CPU", settings)
    # a hint: where the CPU does not compute in it, another precision is taken without a word
    found, wanted = compiled.get_property("INFERENCE_PRECISION_HINT").to_string(), settings["INFERENCE_PRECISION_HINT"]
    if found != wanted:
        raise ProviderUnavailableError(f"on this CPU OpenVINO computes in {found}, not in {wanted}; use float32")
    return compiled


FAMILY = (OpenVino(),)
