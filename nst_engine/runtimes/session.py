"""Sessions: models loaded into a runtime."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.environment import usable_cpus
from nst_engine.errors import InferenceError, NSTError, OutOfMemoryError, ProviderUnavailableError
from nst_engine.models.find import ModelFile, find_model, int8_model
from nst_engine.runtimes.base import Executor, Loaded, Loader, closed_error, not_finite
from nst_engine.runtimes.devices import (
    AUTO_ORDER,
    PROVIDERS,
    Backend,
    Device,
    Precision,
    check_backend,
    check_precision,
    parse_device,
)
from nst_engine.runtimes.forks import OPENVINO, why_lost
from nst_engine.runtimes.onnxruntime import OrtLoader, first_line
from nst_engine.runtimes.options import SessionOptions
from nst_engine.runtimes.part import Part
from nst_engine.runtimes.stopping import Stop, Watch

#: OpenVINO needs half a second more before the first picture, and saves a twentieth with each.
FEW_PICTURES = 16

_ON_CPU = Device("cpu")


class Session:
    """A loaded model. May be used by several threads at once.

    Attributes:
        model: Name of the model file.
        file: The model's; None: it was not read from a file.
        spec: What it takes and returns.
        takes: The format of `run`: the same, or bytes where the runtime scales them itself.
        signature: Its inputs and outputs.
        provider: What computes: ONNX Runtime's name of it, or `OpenVINO f32`, `OpenVINO bf16`.
        device: `cpu`, `cuda:1`, ...
        threads: CPU threads of each run.
        passed_over: With `auto`: why better devices were skipped.
        why: With `auto`: the measurements behind the choice of the backend; else empty.
    """

    def __init__(
        self,
        loaded: Loaded,
        loader: Loader,
        device: Device,
        *,
        model: str,
        threads: int,
        file: ModelFile | None = None,
        passed_over: tuple[str, ...] = (),
        why: str = "",
        parts: Loader | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.model, self.spec, self.takes, self.threads = model, loaded.spec, loaded.takes, threads
        self.passed_over, self.why, self.file = passed_over, why, file
        self.device, self.provider = str(device), loaded.provider
        self._executor: Executor | None = loaded.executor
        self.signature = loaded.signature
        self._loader, self._device = loader, device
        self._loader_of_parts = parts or loader
        self._watch = watch or Watch(model)
        # only DirectML does not allow concurrent runs
        self._turn: AbstractContextManager[Any] = (
            threading.Lock() if device.kind == "directml" else contextlib.nullcontext()
        )

    def run(
        self, pictures: NDArray[Any], style_weights: NDArray[np.float32], into: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Stylize a batch.

        Args:
            pictures: N pictures in the layout, type and range of `takes`.
            style_weights: float32 N×styles; models without such an input do without.
            into: Of the type and shape of `pictures`: where the result is written, if the model keeps that shape;
                None: to a fresh array.

        Returns:
            N pictures in the same layout and type, not checked.

        Raises:
            InferenceError: The runtime failed, most often for lack of memory, it found NaN, or the run timed out.
            CancelledError: This thread's work was cancelled.
            OptionError: The session is closed.
        """
        executor = self._open_executor()
        if self.signature.is_single and len(pictures) > 1:
            singles = [self.run(pictures[i : i + 1], style_weights[i : i + 1]) for i in range(len(pictures))]
            return np.concatenate(singles)
        feed: dict[str, NDArray[Any]] = {self.signature.image_input: pictures}
        if self.signature.style_input is not None:
            feed[self.signature.style_input] = self.weights_in_axes(style_weights)

        def execute(stop: Stop | None) -> NDArray[Any]:
            with self._turn:
                return executor.execute(feed, self.signature.image_output, into, stop)

        try:
            return self._watch.over(execute)
        except FloatingPointError:
            raise not_finite(self.model) from None
        except NSTError:
            raise
        except Exception as error:  # the runtimes' exceptions have no common base
            failed = f"{self.model}: failed on {'×'.join(map(str, pictures.shape))} ({first_line(error)}); "
            if "alloc" in str(error).lower():
                cure = "there is not enough memory: make the picture smaller (`max_side`)"
                raise OutOfMemoryError(failed + cure) from error
            raise InferenceError(failed + "see whether another picture size or `device='cpu'` works") from error

    def weights_in_axes(self, style_weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Style weights, float32 N×styles, with the axes that the model itself gives them."""
        return self.signature.weights_in_axes(style_weights)

    @property
    def report(self) -> str:
        """The device in use, and with `auto` why no better one is."""
        chosen = f"{self.device} ({self.provider}, {self.threads} CPU threads)"
        measured = [f"measured: {self.why}"] if self.why else []
        return "; ".join([chosen, *measured, *(f"passed over: {reason}" for reason in self.passed_over)])

    def content(self) -> bytes:
        """The model as it was loaded: the file, with a fixed size made dynamic."""
        return self._loader.content()

    def trim(self) -> None:
        """Free memory that no run is using, such as that of larger or concurrent pictures."""
        if self._executor is None:
            return
        with self._turn:
            self._executor.trim(self._smallest_feed(), self.signature.image_output)

    def close(self) -> None:
        """Free the model's memory once no run uses it; it cannot be run again."""
        self._executor = None

    def _smallest_feed(self) -> dict[str, NDArray[Any]]:
        takes = self.takes
        side = -(-takes.min_side_px // takes.pad_multiple) * takes.pad_multiple
        shape = (1, 3, side, side) if takes.layout == "nchw" else (1, side, side, 3)
        feed: dict[str, NDArray[Any]] = {self.signature.image_input: np.zeros(shape, takes.dtype)}
        if self.signature.style_input is not None:
            no_style = np.zeros((1, self.spec.style_numbers), np.float32)
            feed[self.signature.style_input] = self.weights_in_axes(no_style)
        return feed

    def _open_executor(self) -> Executor:
        if self._executor is None:
            raise closed_error(self.model)
        return self._executor

    def open_part(self, model: bytes, *, in_same_runtime: bool = False) -> Part:
        """A part of the model, on the same device; it keeps no memory between runs.

        Args:
            model: ONNX.
            in_same_runtime: Whether it runs where the whole does; else perhaps in a runtime that takes less memory.
        """
        self._open_executor()
        loader = self._loader if in_same_runtime else self._loader_of_parts
        graph = self._watch.over(lambda _: loader.load(model, self._device, keeps_memory=False))
        return Part(graph, self._turn, self._watch)


def open_session(
    model: str | os.PathLike[str] | ModelFile,
    *,
    device: str = "auto",
    threads: int | None = None,
    precision: Precision = "auto",
    backend: Backend = "auto",
    expected_pictures: int | None = None,
    stylize: Callable[[Session, NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
    timeout: float | None = None,
) -> Session:
    """Load a model onto a device.

    Args:
        model: `bundled:NAME`, a path, or what `find_model` found.
        device: `cpu`, `cuda`, `cuda:N`, `tensorrt`, `openvino`, `coreml` or `directml`: this or an error; `auto`: the
            best that works.
        threads: Number of CPU threads; None: as many as this process may use.
        precision: `float32`: no rounding to TF32 on CUDA either; `float16`: TensorRT and OpenVINO's provider only;
            `bfloat16`: the openvino backend only; `int8`: the model's quantised file, see
            `nst_engine.models.find.int8_model`; `auto`: the device's default.
        backend: `onnxruntime`; `openvino`: its own package, on x86 CPUs; `auto`: `NST_ENGINE_BACKEND` where it is set,
            else, on the CPU, the fastest installed one whose pixels are right (see `nst_engine.runtimes.choice`).
        expected_pictures: How many will be stylized, if known: for a few, `auto` takes ONNX Runtime, ready at once.
        stylize: Stylizes a picture, uint8 H×W×3, so that `auto` can compare backends; None: ONNX Runtime.
        timeout: Seconds that loading the model may take, and each run of it; None: any.

    Raises:
        ModelNotFoundError: There is no such model.
        ModelChecksumError: The file is damaged, or not an ONNX model.
        ModelSpecError: It does not say what it takes, or takes something else than it says.
        ProviderUnavailableError: The device requested cannot be used here.
        MissingDependencyError: The backend is not installed.
        InferenceError: Loading timed out.
        OptionError: Another device, precision, backend, number of threads or time.
    """
    SessionOptions(device=device, backend=backend, threads=threads, precision=precision, timeout=timeout)
    requested = parse_device(device)
    check_precision(precision, requested)
    chosen = check_backend(backend, precision)
    file = model if isinstance(model, ModelFile) else find_model(model)
    if precision == "int8":
        file, precision = int8_model(file), "auto"
    opening = _Opening(file, threads or usable_cpus(), precision, timeout)
    if chosen == "openvino":
        return opening.session("openvino", requested if requested.kind != "auto" else _ON_CPU, precision)
    if requested.kind not in ("auto", "cpu"):
        return opening.session("onnxruntime", requested, precision)
    if requested.kind == "auto":
        faster = opening.on_the_best_device()
        if faster is not None:
            return faster
    is_for_few = expected_pictures is not None and expected_pictures < FEW_PICTURES
    if chosen == "auto" and stylize is not None and not is_for_few:
        return opening.on_cpu_fastest(stylize)
    return opening.session("onnxruntime", _ON_CPU, precision)


class _Opening:
    """Opens a model on one device or another."""

    def __init__(self, file: ModelFile, threads: int, precision: Precision, timeout_s: float | None) -> None:
        self._file, self._threads, self._precision = file, threads, precision
        self._watch = Watch(file.name, file.is_bundled, timeout_s)
        self._passed_over: list[str] = []

    def session(self, backend: Backend, device: Device, precision: Precision, why: str = "") -> Session:
        """The model in a runtime."""
        loader: Loader
        if backend == "openvino":
            from nst_engine.runtimes.openvino.loader import OpenVinoLoader

            loader = OpenVinoLoader(self._file, self._threads, precision)
        else:
            loader = OrtLoader(self._file, self._threads, precision)
        return Session(
            self._watch.over(lambda _: loader.open(device)),
            loader,
            device,
            model=self._file.name,
            threads=self._threads,
            file=self._file,
            passed_over=tuple(self._passed_over),
            why=why,
            # tiles are as fast in ONNX Runtime, in a third less memory; with OpenVINO requested it may be missing
            parts=OrtLoader(self._file, self._threads, "auto") if why and backend == "openvino" else None,
            watch=self._watch,
        )

    def on_the_best_device(self) -> Session | None:
        """On the best working device other than the CPU, if there is one."""
        available = OrtLoader(self._file, self._threads, self._precision).available
        for kind in AUTO_ORDER:
            if kind == "cpu" or PROVIDERS[kind] not in available:
                continue
            try:
                return self.session("onnxruntime", Device(kind), self._precision)
            except ProviderUnavailableError as unavailable:
                self._passed_over.append(str(unavailable))
        return None

    def on_cpu_fastest(self, stylize: Callable[[Session, NDArray[np.uint8]], NDArray[np.uint8]]) -> Session:
        """In the fastest runtime."""
        from nst_engine.runtimes.choice import choose

        if lost := why_lost(OPENVINO):
            self._passed_over.append(lost)
            return self.session("onnxruntime", _ON_CPU, self._precision)

        def load(each: Backend, precision: Precision) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
            return partial(stylize, self.session(each, _ON_CPU, precision))

        choice = choose(self._file, self._precision, self._threads, load)
        return self.session(choice.backend, _ON_CPU, choice.precision, choice.reason)
