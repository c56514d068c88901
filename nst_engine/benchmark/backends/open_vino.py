"""OpenVINO by its own package, on the CPU."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nst_engine.benchmark.backends.backend import BenchModel, Precision, is_installed, refuse_precision
from nst_engine.errors import ProviderUnavailableError

_HINTS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "int8": "f32"}


class OpenVino:
    """The CPU plugin."""

    name = "openvino"
    modules = ("openvino",)

    def __init__(self) -> None:
        self._request: Any = None
        self._names: tuple[str, str | None] = ("", None)
        self._style_weights = np.empty((0, 0), np.float32)

    def why_absent(self) -> str | None:
        """Whether the package is there."""
        if is_installed("openvino"):
            return None
        return "openvino is not installed; type: pip install 'nst-engine[openvino]'"

    def load(self, model: BenchModel, threads: int, precision: Precision) -> None:
        """Read and compile, with free sizes; int8 takes the quantised file."""
        import openvino  # type: ignore[import-untyped]

        refuse_precision(self.name, precision, ("float32", "float16", "bfloat16", "int8"))
        wanted = _HINTS[precision]
        compiled = openvino.Core().compile_model(
            model.file_in("int8") if precision == "int8" else model.path,
            "CPU",
            {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": wanted},
        )
        # a hint: where the CPU does not compute in it, another precision is taken without a word
        found = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        if found != wanted:
            raise ProviderUnavailableError(
                f"--precision {precision}: on this CPU OpenVINO computes in {found}; use --precision float32"
            )
        self._request = compiled.create_infer_request()
        self._names = (model.image_input, model.style_input)
        self._style_weights = model.weights_of(1)

    def run(self, batch: NDArray[Any]) -> NDArray[Any]:
        """One request, which reads the pictures where they are."""
        image, styles = self._names
        feed = {image: batch}
        if styles is not None:
            feed[styles] = np.repeat(self._style_weights, len(batch), axis=0)
        painted = self._request.infer(feed, share_inputs=True, share_outputs=True)
        return cast(NDArray[Any], painted[0])

    def close(self) -> None:
        """The request holds all the rest."""
        self._request = None


FAMILY = (OpenVino(),)
