"""The interface between runtimes and sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from nst_engine.cancellation import Stop
from nst_engine.errors import InferenceError, OptionError
from nst_engine.models.signature import Signature
from nst_engine.models.spec import ModelSpec
from nst_engine.runtimes.devices import Device


class Executor(Protocol):
    """A whole model, loaded. May be used by several threads at once."""

    def execute(
        self, feed: Mapping[str, NDArray[Any]], output: str, into: NDArray[Any] | None, stop: Stop | None = None
    ) -> NDArray[Any]:
        """Run pictures through the model; the runtime's own exceptions.

        Args:
            feed: The inputs by name, C-contiguous.
            output: Name of the stylized pictures.
            into: Of their type: where they are written if they have its shape; None: to a fresh array.
            stop: Receives the way to stop the run, where the runtime has one.

        Raises:
            FloatingPointError: They hold NaN or infinity, where the runtime checks for that itself.
        """

    def trim(self, feed: Mapping[str, NDArray[Any]], output: str) -> None:
        """Free memory that no run is using; may run `feed`, a small picture, to do so."""


class Graph(Protocol):
    """A part of a model, loaded."""

    def run(
        self, outputs: Sequence[str], feed: Mapping[str, NDArray[Any]], stop: Stop | None = None
    ) -> Sequence[NDArray[Any]]:
        """The requested outputs; the runtime's own exceptions."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model on a device.

    Attributes:
        executor: In the runtime.
        spec: What the model file takes and returns.
        takes: The executor's format: the same, or bytes where the runtime scales them itself.
        signature: Its inputs and outputs.
        provider: What computes, for display.
    """

    executor: Executor
    spec: ModelSpec
    takes: ModelSpec
    signature: Signature
    provider: str


class Loader(Protocol):
    """Loads one model file in a runtime, and parts of it."""

    def open(self, device: Device) -> Loaded:
        """The model on a device, or `ProviderUnavailableError`."""

    def content(self) -> bytes:
        """The file's bytes, with a fixed size made dynamic; only while the file is unchanged."""

    def load(self, source: bytes, device: Device, *, keeps_memory: bool = True) -> Graph:
        """A graph from a model's bytes; without `keeps_memory` it frees its memory between runs."""


def not_finite(model: str, where: str = "") -> InferenceError:
    """The error for a model that returned NaN or infinity."""
    return InferenceError(
        f"{model}: returned NaN or infinity{where}: its weights are damaged, or "
        "its specification (value_range, mean, std) is wrong, or the precision too low; use `precision='float32'`"
    )


def closed_error(model: str) -> OptionError:
    """The error for using a model that was closed."""
    return OptionError(f"{model}: is closed; open it again, with a new `Stylizer`")
