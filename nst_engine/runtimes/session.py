"""Sessions: models loaded into a runtime."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.cancellation import Stop
from nst_engine.errors import InferenceError, NSTError, OutOfMemoryError
from nst_engine.models.find import ModelFile
from nst_engine.runtimes.base import Executor, Loaded, Loader, closed_error, not_finite
from nst_engine.runtimes.devices import CPU, Device
from nst_engine.runtimes.onnxruntime import first_line
from nst_engine.runtimes.part import Part
from nst_engine.runtimes.stopping import Watch


class Session:
    """A loaded model. May be used by several threads at once.

    Attributes:
        model: Name of the model file.
        file: The model's; None: it was not read from a file.
        spec: What it takes and returns.
        takes: The format of `run`: the same, or bytes where the runtime scales them itself.
        signature: Its inputs and outputs.
        provider: What computes: ONNX Runtime's name of it, or `OpenVINO f32`, `OpenVINO bf16`, `OpenVINO int8`.
        provider_of_parts: The same, of tiles.
        device: `cpu`, `cuda:1`, ...
        threads: CPU threads of each run.
        passed_over: With `auto`: why better devices were skipped.
        why: With `auto`: the measurements behind the choice of the backend; else empty.
        open_other: With `auto`, where it has chosen a runtime that prepares for each size: opens one that does not.
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
        open_other: Callable[[], Session] | None = None,
    ) -> None:
        self.model, self.spec, self.takes, self.threads = model, loaded.spec, loaded.takes, threads
        self.passed_over, self.why, self.file = passed_over, why, file
        self.device, self.provider = str(device), loaded.provider
        self._executor: Executor | None = loaded.executor
        self.signature, self.open_other = loaded.signature, open_other
        self._loader, self._device = loader, device
        self._loader_of_parts = parts or loader
        self.provider_of_parts = CPU if parts else loaded.provider
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
        """Free memory that no run is using, such as that of larger or concurrent pictures.

        It takes a run of the smallest picture, for which other devices than CPU and CUDA would compile: they keep it.
        """
        if self._executor is None or self._device.kind not in ("cpu", "cuda"):
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
