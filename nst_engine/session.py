"""Models that are loaded: what runs pictures through ONNX Runtime."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nst_engine.checks import require_count
from nst_engine.cpu_quota import usable_cpus
from nst_engine.errors import InferenceError, ProviderUnavailableError
from nst_engine.models import ModelFile, find_model, int8_model
from nst_engine.ort_loader import Loaded, Loader, first_line
from nst_engine.providers import AUTO_ORDER, PROVIDERS, Device, Precision, check_precision, parse_device


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
        loaded: Loaded,
        loader: Loader,
        device: Device,
        *,
        model: str,
        threads: int,
        passed_over: tuple[str, ...] = (),
    ) -> None:
        self.model, self.spec, self.threads, self.passed_over = model, loaded.spec, threads, passed_over
        self.device, self.provider = str(device), device.provider
        self._session, self._signature = loaded.session, loaded.signature
        self._loader, self._device = loader, device
        # DirectML alone does not allow two runs at a time
        self._turn: AbstractContextManager[Any] = (
            threading.Lock() if device.kind == "directml" else contextlib.nullcontext()
        )

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
            raise InferenceError(f"{self.model}: failed on {shape} ({first_line(error)}); {cure}") from error
        return cast(NDArray[Any], painted)

    def content(self) -> bytes:
        """The model as it was loaded: the file, with its size made free if it was fixed."""
        return self._loader.content()

    def open_part(self, model: bytes) -> Part:
        """A part of the model, on the same device; it keeps no memory between runs."""
        return Part(self._loader.load(model, self._device, keeps_memory=False), self._turn)


class Part:
    """A part of a model, which takes turns with the whole where a device needs that."""

    def __init__(self, session: Any, turn: AbstractContextManager[Any]) -> None:
        self._session, self._turn = session, turn

    def run(self, outputs: Sequence[str], feed: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """The outputs asked for; ONNX Runtime's own exceptions."""
        with self._turn:
            found: Sequence[NDArray[Any]] = self._session.run(outputs, feed)
        return found


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
        precision: `float32`: no rounding to TF32 on CUDA either; `float16`: TensorRT and OpenVINO only; `int8`: the
            model's quantised file, see `nst_engine.models.int8_model`; `auto`: the device's default.

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
    if threads is not None:
        require_count("--threads", threads, largest=1024)
    file = model if isinstance(model, ModelFile) else find_model(model)
    if precision == "int8":
        file, precision = int8_model(file), "auto"
    count = threads or usable_cpus()
    loader = Loader(file, count, precision)
    passed_over: list[str] = []

    def opened(device: Device) -> Session:
        loaded = loader.open(device)
        return Session(loaded, loader, device, model=file.name, threads=count, passed_over=tuple(passed_over))

    if asked.kind != "auto":
        return opened(asked)
    for kind in AUTO_ORDER:
        if PROVIDERS[kind] not in loader.available:
            continue
        try:
            return opened(Device(kind))
        except ProviderUnavailableError as unavailable:
            passed_over.append(str(unavailable))
    raise ProviderUnavailableError(f"--device auto: none works here: {'; '.join(passed_over) or loader.available}")
