"""Backends, which `nst bench` measures: they stylize whole pictures, or run the network on tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.benchmark.model import BenchModel
from nst_engine.errors import OptionError
from nst_engine.runtimes.devices import LEAST_PSNR_DB, Precision
from nst_engine.stylize.one_pass import one_pass
from nst_engine.stylize.result import Stopwatch

#: uint8 H×W×3 each, all of one size.
Pictures = Sequence[NDArray[np.uint8]]


class Backend(ABC):
    """A way to stylize pictures. One object runs one model, in its own process.

    Attributes:
        name: As requested with `--backend`.
        modules: Imported by `load`; the import is timed separately.
        precisions: Supported precisions, the default first; `auto`: the backend chooses.
    """

    name: str
    modules: tuple[str, ...] = ()
    precisions: tuple[Precision, ...] = ("float32",)

    @property
    def default_precision(self) -> Precision:
        """The precision where none is requested."""
        return self.precisions[0]

    @abstractmethod
    def why_absent(self) -> str | None:
        """Why it cannot be used on this machine, and what to type; None if it can."""

    @abstractmethod
    def load(self, model: BenchModel, threads: int, precision: Precision) -> None:
        """Load the model; called once.

        Raises:
            NSTError: It cannot run this model, or not in this precision.
        """

    def prepared(self, photos: Pictures) -> Sequence[Any]:
        """The photos as `paint` takes them; not timed."""
        return photos

    @abstractmethod
    def paint(self, photos: Sequence[Any]) -> tuple[Sequence[Any], Mapping[str, float]]:
        """Stylize a batch: the pictures, and milliseconds by stage as `Stopwatch.timings_ms` has them."""

    def pixels_of(self, painted: Sequence[Any]) -> Pictures:
        """The pixels of what `paint` returned, which the next call may overwrite; not timed."""
        return painted

    def least_psnr_db(self, precision: Precision) -> float:
        """The lowest acceptable PSNR against float32 in ONNX Runtime; below it a row counts as wrong."""
        return LEAST_PSNR_DB["float32" if precision == "auto" else precision]

    @property
    def remarks(self) -> tuple[str, ...]:
        """Remarks on the run, for display."""
        return ()

    def close(self) -> None:  # noqa: B027  # most hold no resources
        """Release what was loaded."""


class TensorBackend(Backend):
    """A backend that runs tensors; preprocessing and postprocessing are the engine's."""

    model: BenchModel

    @abstractmethod
    def open(self, model: BenchModel, threads: int, precision: Precision) -> None:
        """Like `load`, which keeps the model itself."""

    @abstractmethod
    def run(self, batch: NDArray[Any], style_weights: NDArray[np.float32]) -> NDArray[Any]:
        """Stylize N pictures in the layout, type and range of the model's specification; N stylized ones in the same.

        Args:
            batch: Of the pictures.
            style_weights: float32, with the axes that the model gives them; models of one style do without.
        """

    def load(self, model: BenchModel, threads: int, precision: Precision) -> None:
        """Open the model."""
        self.model, self._threads = model, threads
        self.open(model, threads, precision)

    def paint(self, photos: Sequence[Any]) -> tuple[Pictures, Mapping[str, float]]:
        """Preprocess, run, postprocess."""
        stopwatch, model = Stopwatch(), self.model
        pictures = one_pass(
            photos,
            model.spec,
            lambda tensor, _: self.run(tensor, model.weights_of(len(tensor))),
            model=model.name,
            threads=self._threads,
            stopwatch=stopwatch,
        )
        return pictures, stopwatch.timings_ms()


def check_precision(backend: Backend, precision: Precision) -> None:
    """Refuse a precision that a backend does not offer.

    Raises:
        OptionError: It is not among those offered.
    """
    if precision not in backend.precisions:
        raise OptionError(f"{precision!r} came; {backend.name} has {', '.join(backend.precisions)}", option="precision")
