"""The engine's own runtimes, each asked for by name: sessions and pipeline are those of `nst_engine.Stylizer`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nst_engine.benchmark.backends.backend import Backend, Pictures
from nst_engine.benchmark.model import BenchModel
from nst_engine.environment import forbid_telemetry, is_importable, pip_install
from nst_engine.models.find import ModelFile
from nst_engine.runtimes.devices import FLOAT16_DEVICES, PROVIDERS, Precision, parse_device, why_not_built_in
from nst_engine.runtimes.opening import open_session
from nst_engine.stylize.pipeline import Pipeline
from nst_engine.stylize.result import Stopwatch


class EngineRuntime(Backend):
    """A runtime on a device."""

    _device: str

    def load(self, model: BenchModel, threads: int, precision: Precision) -> None:
        """Open a session, as the engine does."""
        requested, path = precision, model.path
        if precision == "int8" or (precision == "float16" and self._device not in FLOAT16_DEVICES):
            requested, path = "auto", model.file_in(precision)
        session = open_session(
            ModelFile(model.name, Path(path), "choose another model"),
            device=self._device,
            threads=threads,
            precision=requested,
            backend="openvino" if self.name == "openvino" else "onnxruntime",
        )
        self._pipeline, self._weights = Pipeline(session, None), model.weights_of(1)

    def paint(self, photos: Sequence[Any]) -> tuple[Pictures, Mapping[str, float]]:
        """The whole pipeline, in reused memory, in tiles where the engine uses them."""
        stopwatch = Stopwatch()
        return self._pipeline.stylize(photos, self._weights, stopwatch), stopwatch.timings_ms()

    def close(self) -> None:
        """Drop the session."""
        del self._pipeline


class OnnxRuntime(EngineRuntime):
    """One provider of ONNX Runtime.

    Args:
        kind: A key of `nst_engine.runtimes.devices.PROVIDERS`.
    """

    modules = ("onnxruntime",)
    precisions = ("float32", "float16", "int8")

    def __init__(self, kind: str) -> None:
        self.name, self._device = f"onnxruntime-{kind}", kind

    def why_absent(self) -> str | None:
        """As `nst doctor` says it."""
        if not is_importable("onnxruntime"):
            return f"onnxruntime is not installed; type: {pip_install('cpu')} (or [gpu] for NVIDIA)"
        forbid_telemetry()
        import onnxruntime  # type: ignore[import-untyped]

        return why_not_built_in(parse_device(self._device), onnxruntime.get_available_providers())


class OpenVino(EngineRuntime):
    """OpenVINO's own package, on the CPU; its graphs take and return bytes."""

    name = "openvino"
    modules = ("openvino",)
    precisions = ("float32", "bfloat16", "int8")
    _device = "cpu"

    def why_absent(self) -> str | None:
        """Whether the package is installed."""
        return None if is_importable("openvino") else f"openvino is not installed; type: {pip_install('openvino')}"


FAMILY: Sequence[Backend] = (*map(OnnxRuntime, PROVIDERS), OpenVino())
