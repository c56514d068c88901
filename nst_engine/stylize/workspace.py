"""Reusable memory for the tensors of a run."""

from __future__ import annotations

import contextlib
import ctypes
import queue
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALIGNMENT_BYTES = 64  # a cache line, and the widest SIMD vector


class Workspace:
    """Arrays by name, valid until the same name is requested again."""

    def __init__(self) -> None:
        self._memory: dict[str, NDArray[np.uint8]] = {}

    def array(self, name: str, shape: Sequence[int], dtype: Any) -> NDArray[Any]:
        """An uninitialised array of that shape and type, aligned to 64 bytes.

        Memory is allocated when that of an earlier array is too small.
        """
        needed = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = self._memory.get(name)
        if memory is None or memory.size < needed:
            self._memory[name] = memory = _aligned(needed)
        view: NDArray[Any] = memory[:needed].view(dtype).reshape(shape)
        return view


class Workspaces:
    """A pool of workspaces, one per concurrent run."""

    def __init__(self) -> None:
        self._free: queue.SimpleQueue[Workspace] = queue.SimpleQueue()

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[Workspace]:
        """A workspace for exclusive use; do not keep its arrays.

        It is used again unless its user fails: a run that could not be stopped in time still writes into it.
        """
        try:
            workspace = self._free.get_nowait()
        except queue.Empty:
            workspace = Workspace()
        yield workspace
        self._free.put(workspace)


def _aligned(size_bytes: int) -> NDArray[np.uint8]:
    memory = np.empty(size_bytes + _ALIGNMENT_BYTES, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT_BYTES
    return memory[start : start + size_bytes]


def return_free_memory() -> None:
    """Return the allocator's free memory to the system, where that needs a call.

    glibc keeps it, and arrays of many sizes, allocated and freed in turn, fragment the heap.
    """
    _trimming()(0)


@cache
def _trimming() -> Callable[[int], Any]:
    try:
        trim: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library, or none found
        return lambda _: None
    return trim
