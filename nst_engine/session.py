"""Models in ONNX Runtime: the only module that imports it, and only when a session is opened."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nst_engine.cpu_quota import usable_cpus
from nst_engine.errors import (
    InferenceError,
    MissingDependencyError,
    ModelChecksumError,
    ModelSpecError,
    OptionError,
    ProviderUnavailableError,
)
from nst_engine.models import ModelFile, ModelSpec, find_model
from nst_engine.providers import (
    AUTO_ORDER,
    PROVIDERS,
    Device,
    Precision,
    check_precision,
    parse_device,
    provider_options,
    session_config,
    why_it_failed,
    why_not_built_in,
)
from nst_engine.signature import Signature, TensorInfo, read_signature

_SILENT = 4  # ONNX Runtime's "fatal": all that matters comes as an exception as well
_WARNINGS = 2  # its default


class Session:
    """A loaded model. May be used by several threads at once.

    Attributes:
        model: Name of the model file.
        spec: What it takes and returns.
        provider: ONNX Runtime's name of what computes.
        device: `cpu`, `cuda:1`, ...
        threads: Of the CPU, for each run.
        passed_over: With `auto`: why better devices are not used.
    """

    def __init__(
        self,
        session: Any,
        *,
        model: str,
        spec: ModelSpec,
        signature: Signature,
        device: Device,
        threads: int,
        passed_over: tuple[str, ...] = (),
        loader: _Loader,
    ) -> None:
        self.model, self.spec, self.threads, self.passed_over = model, spec, threads, passed_over
        self.device, self.provider = str(device), device.provider
        self._session, self._signature = session, signature
        self._loader, self._device = loader, device
        # DirectML alone does not allow two runs at a time
        self._turn = threading.Lock() if device.kind == "directml" else contextlib.nullcontext()

    def run(self, pictures: NDArray[Any], style_weights: NDArray[np.float32]) -> NDArray[Any]:
        """Paint a batch.

        Args:
            pictures: N pictures in the layout, type and range of `spec`.
            style_weights: float32 N×styles; models without such an input do without.

        Returns:
            N pictures in the same layout and type, not checked.

        Raises:
            InferenceError: ONNX Runtime failed, for want of memory most often.
        """
        if self._signature.is_single and len(pictures) > 1:
            singles = [self.run(pictures[i : i + 1], style_weights[i : i + 1]) for i in range(len(pictures))]
            return np.concatenate(singles)
        feed: dict[str, NDArray[Any]] = {self._signature.image_input: pictures}
        if self._signature.style_input is not None:
            feed[self._signature.style_input] = style_weights
        try:
            with self._turn:
                (painted,) = self._session.run([self._signature.image_output], feed)
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            shape = "×".join(map(str, pictures.shape))
            cure = (
                "there is not enough memory: make the picture smaller (--max-side)"
                if "alloc" in str(error).lower()
                else "see whether another picture size or --device cpu works"
            )
            raise InferenceError(f"{self.model}: failed on {shape} ({_first_line(error)}); {cure}") from error
        return cast(NDArray[Any], painted)

    def content(self) -> bytes:
        """The model as it was loaded: the file, with its size made free if it was fixed."""
        return self._loader.content()

    def open_part(self, model: bytes) -> Any:
        """ONNX Runtime's own session of a part of the model, on the same device; it keeps no memory between runs."""
        return self._loader.load(model, self._device, keeps_memory=False)


def open_session(
    model: str | os.PathLike[str] | ModelFile,
    *,
    device: str = "auto",
    threads: int | None = None,
    precision: Precision = "auto",
) -> Session:
    """Load a model onto a device.

    Args:
        model: `bundled:NAME`, a path, or what `find_model` found.
        device: `cpu`, `cuda`, `cuda:N`, `tensorrt`, `openvino`, `coreml` or `directml`: this or an error; `auto`: the
            best that works.
        threads: Of the CPU; None: as many as this process may use.
        precision: `float32`: no rounding to TF32 on CUDA either; `float16`: TensorRT and OpenVINO only; `auto`: the
            device's default.

    Raises:
        ModelNotFoundError: There is no such model.
        ModelChecksumError: The file is damaged, or no ONNX model.
        ModelSpecError: It does not say what it takes, or takes something else than it says.
        ProviderUnavailableError: The device asked for cannot be used here.
        MissingDependencyError: onnxruntime is not installed.
        OptionError: Another device, precision or number of threads.
    """
    asked = parse_device(device)
    check_precision(precision, asked)
    if threads is not None and (not isinstance(threads, int) or not 1 <= threads <= 1024):
        raise OptionError(f"--threads: {threads!r} came; wanted a whole number from 1 to 1024")
    file = model if isinstance(model, ModelFile) else find_model(model)
    loader = _Loader(_onnxruntime(), file, threads or usable_cpus(), precision)
    if asked.kind != "auto":
        return loader.open(asked)
    passed_over: list[str] = []
    for kind in AUTO_ORDER:
        if PROVIDERS[kind] not in loader.available:
            continue
        try:
            return loader.open(Device(kind), tuple(passed_over))
        except ProviderUnavailableError as unavailable:
            passed_over.append(str(unavailable))
    raise ProviderUnavailableError(f"--device auto: none works here: {'; '.join(passed_over) or loader.available}")


def _onnxruntime() -> Any:
    try:
        import onnxruntime  # type: ignore[import-untyped]
    except ImportError as missing:
        raise MissingDependencyError(
            f"stylising in one pass needs onnxruntime, which cannot be imported ({missing}); type: "
            "pip install 'nst-engine[cpu]' (or [gpu] for NVIDIA)"
        ) from missing
    return onnxruntime


class _Loader:
    """Loads one model file onto one device after the other."""

    def __init__(self, ort: Any, file: ModelFile, threads: int, precision: Precision) -> None:
        self._ort, self._file, self._threads, self._precision = ort, file, threads, precision
        self.available: Sequence[str] = ort.get_available_providers()
        self._is_rewritten = False

    def open(self, device: Device, passed_over: tuple[str, ...] = ()) -> Session:
        """The session on this device, or `ProviderUnavailableError`."""
        if reason := why_not_built_in(device, self.available):
            raise ProviderUnavailableError(f"--device {device}: {reason}; or use --device cpu")
        if device.kind in ("cuda", "tensorrt"):
            self._preload_cuda()
        self._opened = self._state()
        session = self.load(str(self._file.path), device)
        spec = self._file.spec(session.get_modelmeta().custom_metadata_map)
        signature = self._signature(session, spec)
        if signature.has_fixed_size:
            self._is_rewritten = True
            session = self.load(self.content(), device)
            signature = self._signature(session, spec)
        if signature.has_fixed_size:
            raise ModelSpecError(f"{self._file.name}: takes one size of picture only; export it with dynamic axes")
        return Session(
            session,
            model=self._file.name,
            spec=spec,
            signature=signature,
            device=device,
            threads=self._threads,
            passed_over=passed_over,
            loader=self,
        )

    def content(self) -> bytes:
        """Of the file, with its size made free if it was fixed; only as long as it is the file that was opened."""
        try:
            is_same, content = self._state() == self._opened, self._file.path.read_bytes()
        except OSError:
            is_same = False
        if not is_same:
            raise ModelChecksumError(f"{self._file.name}: changed or gone since it was loaded; make a new Stylizer")
        if not self._is_rewritten:
            return content
        from nst_engine.graphs.rewrite import with_dynamic_size

        return with_dynamic_size(content)

    def _state(self) -> tuple[int, int]:
        found = self._file.path.stat()
        return found.st_mtime_ns, found.st_size

    def _preload_cuda(self) -> None:
        """Load CUDA's libraries from pip packages, where the system's loader does not look."""
        if hasattr(self._ort, "preload_dlls"):
            # it prints what it does not find; the library that needs it says so again, to us
            with contextlib.redirect_stdout(io.StringIO()):
                self._ort.preload_dlls()

    def _signature(self, session: Any, spec: ModelSpec) -> Signature:
        inputs, outputs = (
            [TensorInfo(node.name, node.type, tuple(node.shape)) for node in nodes]
            for nodes in (session.get_inputs(), session.get_outputs())
        )
        return read_signature(inputs, outputs, spec, self._file.name)

    def load(self, source: str | bytes, device: Device, *, keeps_memory: bool = True) -> Any:
        """ONNX Runtime's own session of a path or of a model's bytes."""
        try:
            session = self._create(source, device, keeps_memory=keeps_memory)
        except MemoryError:
            raise
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            if device.kind == "cpu" or not self._loads_on_cpu(source):
                raise ModelChecksumError(
                    f"{self._file.name}: cannot be loaded as an ONNX model ({_first_line(error)}); it is truncated, "
                    f"damaged, another kind of file, or newer than onnxruntime {self._ort.__version__}; "
                    f"{self._file.cure}"
                ) from error
            raise self._unavailable(device, _first_line(error)) from error
        if session.get_providers()[0] != device.provider:
            raise self._unavailable(device, "onnxruntime left it out without a word")
        return session

    def _unavailable(self, device: Device, said: str) -> ProviderUnavailableError:
        reason = why_it_failed(device, Path(self._ort.__file__).parent / "capi", said)
        return ProviderUnavailableError(f"--device {device}: {reason}; or use --device cpu")

    def _loads_on_cpu(self, source: str | bytes) -> bool:
        """Whether it is the device that fails, and not the model."""
        try:
            self._create(source, Device("cpu"))
        except Exception:
            return False
        return True

    def _create(self, source: str | bytes, device: Device, *, keeps_memory: bool = True) -> Any:
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
        providers = provider_options(device, self._precision)
        if device.kind != "cpu":
            # of a provider that cannot be created, the session's own logger says nothing, but the process's does
            self._ort.set_default_logger_severity(_SILENT)
        try:
            # the fallback would print to stdout and compute on the CPU
            return self._ort.InferenceSession(source, options, providers=providers, enable_fallback=0)
        finally:
            if device.kind != "cpu":
                self._ort.set_default_logger_severity(_WARNINGS)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].removeprefix("[ONNXRuntimeError] : ")[:200]
