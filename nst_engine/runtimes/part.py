"""Parts of models that are loaded: stages of tiles, and style encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from numpy.typing import NDArray

from nst_engine.cancellation import Stop
from nst_engine.runtimes.base import Graph
from nst_engine.runtimes.stopping import Watch


class Part:
    """A part of a model, which takes turns with the whole where a device needs that."""

    def __init__(self, graph: Graph, turn: AbstractContextManager[Any], watch: Watch) -> None:
        self._graph, self._turn, self._watch = graph, turn, watch

    def run(self, outputs: Sequence[str], feed: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """The requested outputs; the runtime's own exceptions, and `InferenceError` on timeout."""

        def run(stop: Stop | None) -> Sequence[NDArray[Any]]:
            with self._turn:
                return self._graph.run(outputs, feed, stop)

        return self._watch.over(run)
