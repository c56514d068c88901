"""Model files in ONNX Runtime: imported only when a model is loaded."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.cancellation import Stop
from nst_engine.environment import forbid_telemetry, needed
from nst_engine.errors import ModelChecksumError, ModelSpecError, ProviderUnavailableError
from nst_engine.models.content import ModelContent
from nst_engine.models.find import ModelFile
from nst_engine.models.signature import Signature, TensorInfo, read_signature
from nst_engine.models.spec import ModelSpec
from nst_engine.runtimes.base import Loaded
from nst_engine.runtimes.devices import (
    Device,
    Precision,
    provider_options,
    session_config,
    why_it_failed,
    why_not_built_in,
)
from nst_engine.runtimes.forks import check_not_lost, use_once

_SILENT = 4  # ONNX Runtime's "fatal": all that matters comes as an exception as well
_WARNINGS = 2  # its default


class OrtLoader:
    """Loads one model file onto one device after the other.

    Attributes:
        available: ONNX Runtime's names of the providers that it was built with.

    Raises:
        MissingDependencyError: onnxruntime is not installed.
    """

    def __init__(self, file: ModelFile, threads: int, precision: Precision) -> None:
        self._ort = ort = _onnxruntime()
        self._file, self._threads, self._precision = file, threads, precision
        self.available: Sequence[str] = ort.get_available_providers()

    def open(self, device: Device) -> Loaded:
        """Load the model.

        Raises:
            ProviderUnavailableError: The device cannot be used here.
            ModelChecksumError: The file is damaged, or not an ONNX model.
            ModelSpecError: It does not say what it takes, or takes something else than it says.
        """
        if reason := why_not_built_in(device, self.available):
            raise ProviderUnavailableError(f"`device='{device}'`: {reason}; or use `device='cpu'`")
        if device.kind != "cpu":
            check_not_lost(device.provider, "use `device='cpu'`")
        if device.kind in ("cuda", "tensorrt"):
            self._preload_cuda()
        self._content = ModelContent(self._file)
        if device.kind == "cpu":
            self._content.rewrites.append(_with_fast_shuffles)
        session = self._loaded(self._content.read(), device)
        spec = self._file.spec(self._metadata(session))
        signature = self._signature(session, spec)
        if signature.has_fixed_size:
            from nst_engine.graphs.rewrite import with_dynamic_size  # this loads onnx

            self._content.rewrites.insert(0, with_dynamic_size)
            session = self._loaded(self._content.read(), device)
            signature = self._signature(session, spec)
        if signature.has_fixed_size:
            raise ModelSpecError(f"{self._file.name}: takes one size of picture only; export it with dynamic axes")
        if device.kind != "cpu":
            use_once(device.provider)
        return Loaded(OrtModel(session), spec, spec, signature, device.provider)

    def content(self) -> bytes:
        """The file's bytes, with a fixed size made dynamic; only while the file is unchanged."""
        return self._content.read()

    def _preload_cuda(self) -> None:
        """Load CUDA's libraries from pip packages, where the dynamic loader does not look."""
        if hasattr(self._ort, "preload_dlls"):
            # it prints what it does not find; the library that needs it reports it again
            with contextlib.redirect_stdout(io.StringIO()):
                self._ort.preload_dlls()

    def _metadata(self, session: Any) -> dict[str, str]:
        with self._readable_text():
            return dict(session.get_modelmeta().custom_metadata_map)

    def _signature(self, session: Any, spec: ModelSpec) -> Signature:
        with self._readable_text():
            inputs, outputs = (
                [TensorInfo(node.name, node.type, tuple(node.shape)) for node in nodes]
                for nodes in (session.get_inputs(), session.get_outputs())
            )
        return read_signature(inputs, outputs, spec, self._file.name)

    @contextlib.contextmanager
    def _readable_text(self) -> Iterator[None]:
        """ONNX Runtime loads names that are not UTF-8, and fails to return them."""
        try:
            yield
        except UnicodeDecodeError as error:
            raise ModelChecksumError(
                f"{self._file.name}: names in it are no UTF-8: it is damaged; {self._file.cure}"
            ) from error

    def load(self, source: bytes, device: Device, *, keeps_memory: bool = True) -> OrtModel:
        """A graph from a model's bytes."""
        return OrtModel(self._loaded(source, device, keeps_memory=keeps_memory))

    def _loaded(self, source: bytes, device: Device, *, keeps_memory: bool = True) -> Any:
        """ONNX Runtime's own session of a model's bytes."""
        try:
            session = self._create(source, device, keeps_memory=keeps_memory)
        except MemoryError:
            raise
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            if device.kind == "cpu" or not self._loads_on_cpu(source):
                raise ModelChecksumError(
                    f"{self._file.name}: cannot be loaded as an ONNX model ({first_line(error)}); it is truncated, "
                    f"damaged, another kind of file, or newer than onnxruntime {self._ort.__version__}; "
                    f"{self._file.cure}"
                ) from error
            raise self._unavailable(device, first_line(error)) from error
        if session.get_providers()[0] != device.provider:
            raise self._unavailable(device, "onnxruntime left it out without a word")
        return session

    def _unavailable(self, device: Device, message: str) -> ProviderUnavailableError:
        reason = why_it_failed(device, Path(self._ort.__file__).parent / "capi", message)
        return ProviderUnavailableError(f"`device='{device}'`: {reason}; or use `device='cpu'`")

    def _loads_on_cpu(self, source: bytes) -> bool:
        """Whether it is the device that fails, and not the model."""
        try:
            self._create(source, Device("cpu"))
        except Exception:
            return False
        return True

    def _create(self, source: bytes, device: Device, *, keeps_memory: bool = True) -> Any:
        options = self._ort.SessionOptions()
        options.enable_cpu_mem_arena = keeps_memory
        options.log_severity_level = _SILENT
        options.graph_optimization_level = self._ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = self._threads
        for key, value in session_config().items():
            options.add_session_config_entry(key, value)
        if device.kind == "directml":  # its documentation asks for both
            options.enable_mem_pattern = False
            options.execution_mode = self._ort.ExecutionMode.ORT_SEQUENTIAL
        providers = provider_options(device, self._precision, source)
        if device.kind != "cpu":
            # for a provider that cannot be created, the process's logger reports, not the session's
            self._ort.set_default_logger_severity(_SILENT)
        try:
            # the fallback would print to stdout and compute on the CPU
            return self._ort.InferenceSession(source, options, providers=providers, enable_fallback=0)
        finally:
            if device.kind != "cpu":
                self._ort.set_default_logger_severity(_WARNINGS)


class OrtModel:
    """A model, or a part of one, in ONNX Runtime. May be used by several threads at once."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def execute(
        self, feed: Mapping[str, NDArray[Any]], output: str, into: NDArray[Any] | None, stop: Stop | None = None
    ) -> NDArray[Any]:
        """See `nst_engine.runtimes.base.Executor`."""
        options = _stopped_by(stop)
        if into is not None and self._execute_into(into, feed, output, options):
            return into
        (array,) = self._session.run([output], feed, options)
        return np.asarray(array)

    def trim(self, feed: Mapping[str, NDArray[Any]], output: str) -> None:
        """See `nst_engine.runtimes.base.Executor`."""
        options = _onnxruntime().RunOptions()
        # at the end of a run; a GPU's arena, gpu:0, keeps its memory for the next picture
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._session.run([output], feed, options)

    def _execute_into(self, into: NDArray[Any], feed: Mapping[str, NDArray[Any]], output: str, options: Any) -> bool:
        """Run into an array; False if the output has another shape."""
        binding = self._session.io_binding()
        for name, array in feed.items():
            binding.bind_cpu_input(name, array)
        binding.bind_output(output, "cpu", 0, into.dtype, into.shape, into.ctypes.data)
        try:
            self._session.run_with_iobinding(binding, options)
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            if "shape" not in str(error):
                raise
            return False
        return True

    def run(
        self, outputs: Sequence[str], feed: Mapping[str, NDArray[Any]], stop: Stop | None = None
    ) -> Sequence[NDArray[Any]]:
        """See `nst_engine.runtimes.base.Graph`."""
        arrays: Sequence[NDArray[Any]] = self._session.run(outputs, feed, _stopped_by(stop))
        return arrays


def _with_fast_shuffles(model: bytes) -> bytes:
    from nst_engine.graphs.shuffles import with_fast_shuffles  # this loads onnx

    return with_fast_shuffles(model)


def _stopped_by(stop: Stop | None) -> Any:
    """Options of a run that can be stopped; None: it cannot."""
    if stop is None:
        return None
    options = _onnxruntime().RunOptions()
    stop.is_done_by(lambda: setattr(options, "terminate", True))
    return options


def first_line(error: Exception) -> str:
    """The first line of an ONNX Runtime exception."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].removeprefix("[ONNXRuntimeError] : ")[:200]


def _onnxruntime() -> Any:
    with needed("stylising in one pass needs onnxruntime", "cpu", instead=" (or [gpu] for NVIDIA)", says_why=True):
        forbid_telemetry()
        import onnxruntime  # type: ignore[import-untyped]
    return onnxruntime
