"""Opens models: on the device that was asked for, or on the best one, in the fastest runtime."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nst_engine.environment import usable_cpus
from nst_engine.errors import ProviderUnavailableError
from nst_engine.log import logger_of
from nst_engine.models.find import ModelFile, find_model, int8_model, is_int8
from nst_engine.runtimes.base import Loader
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
from nst_engine.runtimes.onnxruntime import OrtLoader
from nst_engine.runtimes.options import FEW_PICTURES, SessionOptions, StreamOptions
from nst_engine.runtimes.session import Session
from nst_engine.runtimes.stopping import Watch

_ON_CPU = Device("cpu")
_LOG = logger_of(__name__)


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
    streams: int = 1,
) -> Session:
    """Load a model onto a device.

    Args:
        model: `bundled:NAME`, a path, or what `find_model` found.
        device: `cpu`, `cuda`, `cuda:N`, `tensorrt`, `openvino`, `coreml` or `directml`: this or an error; `auto`: the
            best that works.
        threads: Number of CPU threads; None: as many as this process may use.
        precision: `float32`: no rounding to TF32 on CUDA either; `float16`: TensorRT and OpenVINO's provider only;
            `bfloat16`: the openvino backend only; `int8`: the model's quantised file, see
            `nst_engine.models.find.int8_model`, by OpenVINO with the rest in bfloat16 where the CPU multiplies in it;
            `auto`: the device's default, or what is fastest with `backend='auto'` on the CPU.
        backend: `onnxruntime`; `openvino`: its own package, on x86 CPUs; `auto`: `NST_ENGINE_BACKEND` where it is set,
            else, on the CPU, the fastest installed one whose pixels are right, in the fastest such precision (see
            `nst_engine.runtimes.choice`).
        expected_pictures: How many will be stylized, if known: for a few, `auto` takes ONNX Runtime, ready at once.
        stylize: Stylizes a picture, uint8 H×W×3, so that `auto` can compare backends; None: ONNX Runtime.
        timeout: Seconds that loading the model may take, and each run of it; None: any.
        streams: Runs that a CPU computes side by side, each on its share of the threads.

    Raises:
        ModelNotFoundError: There is no such model.
        ModelChecksumError: The file is damaged, or not an ONNX model.
        ModelSpecError: It does not say what it takes, or takes something else than it says.
        ProviderUnavailableError: The device requested cannot be used here.
        MissingDependencyError: The backend is not installed.
        InferenceError: Loading timed out.
        OptionError: Another device, precision, backend, number of threads or streams, or time.
    """
    SessionOptions(device=device, backend=backend, threads=threads, precision=precision, timeout=timeout)
    requested = parse_device(device)
    check_precision(precision, requested)
    chosen = check_backend(backend, precision)
    file, precision = _in_precision(model if isinstance(model, ModelFile) else find_model(model), precision)
    opening = _Opening(file, threads or usable_cpus(), precision, timeout, streams)
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
    if chosen == "auto" and is_for_few:
        _LOG.info("%s: auto takes onnxruntime: it is ready first, and few pictures are expected", file.name)
    return opening.session("onnxruntime", _ON_CPU, precision)


def _in_precision(file: ModelFile, precision: Precision) -> tuple[ModelFile, Precision]:
    """The quantised file for int8, and int8 for such a file."""
    if precision == "int8":
        return int8_model(file), precision
    return file, "int8" if precision == "auto" and is_int8(file) else precision


class _Opening:
    """Opens a model on one device or another."""

    def __init__(
        self, file: ModelFile, threads: int, precision: Precision, timeout_s: float | None, streams: int
    ) -> None:
        StreamOptions(streams=streams)
        self._file, self._precision, self._streams = file, precision, streams
        self._threads = max(1, threads // streams)
        self._watch = Watch(file.name, file.is_bundled, timeout_s)
        self._passed_over: list[str] = []

    def session(self, backend: Backend, device: Device, precision: Precision, why: str = "") -> Session:
        """The model in a runtime."""
        file = int8_model(self._file) if precision == "int8" else self._file
        loader: Loader
        if backend == "openvino":
            from nst_engine.runtimes.openvino.loader import OpenVinoLoader

            loader = OpenVinoLoader(file, self._threads, precision, self._streams)
        else:
            loader = OrtLoader(file, self._threads, precision)
        begun = time.perf_counter()
        loaded = self._watch.over(lambda _: loader.open(device))
        ms = 1e3 * (time.perf_counter() - begun)
        _LOG.info(
            "%s: loaded in %.0f ms: %s on %s, %d CPU threads, %s",
            *(self._file.name, ms, loaded.provider, device, self._threads, file.path),
        )
        return Session(
            loaded,
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
            open_other=partial(self.session, "onnxruntime", device, "auto") if why and backend == "openvino" else None,
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
                _LOG.warning("%s: passed over: %s", self._file.name, unavailable)
        return None

    def on_cpu_fastest(self, stylize: Callable[[Session, NDArray[np.uint8]], NDArray[np.uint8]]) -> Session:
        """In the fastest runtime."""
        from nst_engine.runtimes.choice import choose

        if lost := why_lost(OPENVINO):
            self._passed_over.append(lost)
            _LOG.warning("%s: passed over: %s", self._file.name, lost)
            return self.session("onnxruntime", _ON_CPU, self._precision)

        def load(each: Backend, precision: Precision) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
            return partial(stylize, self.session(each, _ON_CPU, precision))

        choice = choose(self._file, self._precision, self._threads, load)
        _LOG.info("%s: auto takes %s: %s", self._file.name, choice.backend, choice.reason or "no other is installed")
        return self.session(choice.backend, _ON_CPU, choice.precision, choice.reason)
