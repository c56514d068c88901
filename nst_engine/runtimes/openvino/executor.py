"""A whole model in OpenVINO: compiled once for each size of pictures."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.cancellation import Stop
from nst_engine.runtimes.openvino.byte_graph import SUM

#: Number of sizes whose graphs are kept, with the memory of their features.
SIZES_KEPT = 8

_Shapes = tuple[tuple[str, tuple[int, ...]], ...]


class Requests:
    """The requests of a compiled model: each holds memory for its features, so they are made as needed and kept."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.places = {port.get_any_name(): place for place, port in enumerate(compiled.outputs)}

    @contextlib.contextmanager
    def borrowed(self, stop: Stop | None, *, is_kept: bool = True) -> Iterator[Any]:
        """A request for exclusive use, which is cancelled when a stop is asked for."""
        try:
            request = self._free.get_nowait()
        except queue.Empty:
            request = self._compiled.create_infer_request()
        try:
            with contextlib.nullcontext() if stop is None else stop.done_by(request.cancel):
                yield request
        finally:
            if is_kept:
                self._free.put(request)

    def drop_free(self) -> None:
        """Let go of all that nobody is using."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._free.get_nowait()

    def shape(self, output: str) -> tuple[int, ...]:
        """Of an output of fixed shape."""
        return tuple(self._compiled.output(output).shape)


class SizedExecutor:
    """A model of bytes. May be used by several threads at once.

    Graphs of a fixed size are half as fast again as graphs of any size, and compiling one takes as long as those take
    to prepare for a new size: 0.2 s.
    """

    def __init__(self, model: Any, compiled: Callable[[Any], Any]) -> None:
        self._model, self._compile = model, compiled
        self._sizes: OrderedDict[_Shapes, Requests] = OrderedDict()
        self._lock = threading.Lock()

    def execute(
        self, feed: Mapping[str, NDArray[Any]], output: str, into: NDArray[Any] | None, stop: Stop | None = None
    ) -> NDArray[Any]:
        """See `nst_engine.runtimes.base.Executor`.

        Raises:
            FloatingPointError: The model returned NaN or infinity.
        """
        from openvino import Tensor  # type: ignore[import-untyped,unused-ignore]

        requests = self._of_size(tuple((name, array.shape) for name, array in feed.items()))
        shape = requests.shape(output)
        array = np.empty(shape, np.uint8) if into is None or into.shape != shape else into
        with requests.borrowed(stop) as request:
            request.set_tensor(output, Tensor(array, shared_memory=True))
            results = request.infer(dict(feed), share_inputs=True, share_outputs=True)
            if SUM in requests.places and not np.isfinite(results[requests.places[SUM]]):
                raise FloatingPointError
        return array

    def trim(self, feed: Mapping[str, NDArray[Any]], output: str) -> None:
        """See `nst_engine.runtimes.base.Executor`: only the last size stays compiled, and without its features."""
        with self._lock:
            while len(self._sizes) > 1:
                self._sizes.popitem(last=False)
            for requests in self._sizes.values():
                requests.drop_free()

    def _of_size(self, shapes: _Shapes) -> Requests:
        with self._lock:
            if shapes not in self._sizes:
                model = self._model.clone()
                model.reshape({name: list(shape) for name, shape in shapes})
                self._sizes[shapes] = Requests(self._compile(model))
                if len(self._sizes) > SIZES_KEPT:
                    self._sizes.popitem(last=False)
            self._sizes.move_to_end(shapes)
            return self._sizes[shapes]
