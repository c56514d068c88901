"""Model files in OpenVINO's own runtime, on x86 CPUs: the only module that imports it, when a model is loaded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.cancellation import Stop
from nst_engine.environment import allowed_cpus, needed, without_openvino_telemetry
from nst_engine.errors import ModelChecksumError, OptionError, ProviderUnavailableError
from nst_engine.graphs.model_bytes import metadata_of
from nst_engine.models.content import ModelContent
from nst_engine.models.endless import check_ends
from nst_engine.models.find import ModelFile
from nst_engine.models.signature import Signature, TensorInfo, read_signature
from nst_engine.models.spec import ModelSpec
from nst_engine.runtimes.base import Loaded
from nst_engine.runtimes.devices import Device, Precision
from nst_engine.runtimes.forks import OPENVINO, check_not_lost, use_once
from nst_engine.runtimes.openvino.byte_graph import in_bytes
from nst_engine.runtimes.openvino.executor import Requests, SizedExecutor

_HINTS = {"auto": "f32", "float32": "f32", "bfloat16": "bf16", "int8": "f32"}
_TYPES = {"f32": "tensor(float)", "u8": "tensor(uint8)"}


class OpenVinoLoader:
    """Loads one model file for the CPU.

    Args:
        file: Of the model.
        threads: CPU threads of each run.
        precision: `auto` and `float32`: no rounding beyond float32's; `bfloat16`: where the CPU multiplies in it;
            `int8`: of a quantised file, with what is not quantised in bfloat16 on such a CPU.
        streams: Runs that are computed side by side.

    Raises:
        MissingDependencyError: openvino is not installed.
        ProviderUnavailableError: A parent of this process used it before it forked.
        OptionError: Another precision.
    """

    def __init__(self, file: ModelFile, threads: int, precision: Precision, streams: int = 1) -> None:
        if precision not in _HINTS:
            raise OptionError(
                f"`precision='{precision}'`: OpenVINO offers {', '.join(_HINTS)} here; choose one of them"
            )
        self._openvino = import_openvino()
        self._core = openvino_core()
        self._hint = "bf16" if precision == "int8" and self._multiplies_bfloat16 else _HINTS[precision]
        self._computes_in = "int8" if precision == "int8" else self._hint
        self._file, self._threads, self._streams = file, threads, streams

    def open(self, device: Device) -> Loaded:
        """Load the model; it is compiled for each size of picture when the first one comes.

        Raises:
            ProviderUnavailableError: The CPU does not compute in the requested precision.
            ModelChecksumError: The file is damaged, or not an ONNX model.
            ModelSpecError: It does not say what it takes, or takes something else than it says.
        """
        self._check(device)
        self._content = ModelContent(self._file)
        content = self._content.read()
        spec = self._file.spec(metadata_of(content, self._file.name))
        model, signature = self._read(content, spec)
        if signature.has_fixed_size:
            from nst_engine.graphs.rewrite import with_dynamic_size  # this loads onnx

            self._content.rewrites.append(with_dynamic_size)
            model, signature = self._read(self._content.read(), spec)
        model, takes = in_bytes(model, spec, signature)
        if self._computes_in == "int8":
            # together, pictures would go through other kernels than alone, and come out up to 25 of 255 apart
            signature = replace(signature, is_single=True)
        return Loaded(SizedExecutor(model, self._compiled), spec, takes, signature, f"OpenVINO {self._computes_in}")

    def content(self) -> bytes:
        """The file's bytes, with a fixed size made dynamic; only while the file is unchanged."""
        return self._content.read()

    def load(self, source: bytes, device: Device, *, keeps_memory: bool = True) -> OpenVinoGraph:
        """A dynamic graph from a model's bytes; without `keeps_memory` it frees its features between runs."""
        self._check(device)
        return OpenVinoGraph(self._compiled(self._model(source)), keeps_memory=keeps_memory)

    def _check(self, device: Device) -> None:
        if device.kind not in ("auto", "cpu"):
            raise ProviderUnavailableError(
                f"`device='{device}'`: the openvino package computes on the CPU here; use `backend='onnxruntime'`"
            )
        if self._hint == "bf16" and not self._multiplies_bfloat16:
            raise ProviderUnavailableError(
                "`precision='bfloat16'`: this CPU does not compute in it; use `precision='auto'`"
            )

    @property
    def _multiplies_bfloat16(self) -> bool:
        return "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")

    def _read(self, content: bytes, spec: ModelSpec) -> tuple[Any, Signature]:
        model = self._model(content)
        inputs, outputs = ([_info(port) for port in ports] for ports in (model.inputs, model.outputs))
        return model, read_signature(inputs, outputs, spec, self._file.name)

    def _model(self, content: bytes) -> Any:
        if not self._file.is_bundled:
            check_ends(content, self._file.name)
        with self._explained():
            return self._core.read_model(content)

    def _compiled(self, model: Any) -> Any:
        threads = self._threads * self._streams
        settings = {
            "NUM_STREAMS": self._streams,
            "INFERENCE_NUM_THREADS": threads,
            # to cores from the first one on: two processes, or containers, of one thread each would share that
            "ENABLE_CPU_PINNING": threads >= allowed_cpus(),
            "INFERENCE_PRECISION_HINT": self._hint,
        }
        with self._explained():
            return self._core.compile_model(model, "CPU", settings)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:  # OpenVINO raises RuntimeError, with its sources' lines
            raise ModelChecksumError(
                f"{self._file.name}: cannot be loaded by openvino {self._openvino.__version__} ({_shown_text(error)}); "
                f"use `backend='onnxruntime'`, or: {self._file.cure}"
            ) from error


class OpenVinoGraph:
    """A part of a model, for any size. May be used by several threads at once.

    Args:
        compiled: OpenVINO's own.
        keeps_memory: Whether the memory of features is reused by the next run, or freed.
    """

    def __init__(self, compiled: Any, *, keeps_memory: bool = True) -> None:
        self._keeps_memory = keeps_memory
        self._requests = Requests(compiled)

    def run(
        self, outputs: Sequence[str], feed: Mapping[str, NDArray[Any]], stop: Stop | None = None
    ) -> list[NDArray[Any]]:
        """The requested outputs, copied."""
        with self._requests.borrowed(stop, is_kept=self._keeps_memory) as request:
            results = request.infer(dict(feed), share_inputs=True, share_outputs=True)
            return [np.array(results[self._requests.places[name]]) for name in outputs]


def _info(port: Any) -> TensorInfo:
    kind = port.get_element_type().get_type_name()
    shape = tuple(None if side.is_dynamic else int(side.get_length()) for side in port.get_partial_shape())
    return TensorInfo(port.get_any_name(), _TYPES.get(kind, f"tensor({kind})"), shape)


def _shown_text(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    # the first lines name places in OpenVINO's sources, the last one the problem
    return lines[-1][:200]


def openvino_core() -> Any:
    """OpenVINO's `Core`, one for each process, which stays.

    Each gives the thread that makes it a stack for signals, and frees that with itself while the thread may still have
    it: after two of them had gone, Ctrl-C ended the process with a segmentation fault.

    Raises:
        ProviderUnavailableError: A parent used it before it forked. Most children compute with a new one; some crash.
    """
    check_not_lost(OPENVINO, "use `backend='onnxruntime'`")
    return _core()


@cache
def _core() -> Any:
    core = import_openvino().Core()
    use_once(OPENVINO, core)
    return core


def import_openvino() -> Any:
    """The package, or `MissingDependencyError`."""
    with needed("`backend='openvino'` needs openvino", "openvino", says_why=True), without_openvino_telemetry():
        import openvino  # type: ignore[import-untyped,unused-ignore]
    return openvino
