"""Memory for one picture's way through a model, used again by the next one."""

from __future__ import annotations

import contextlib
import ctypes
import queue
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALIGNMENT_BYTES = 64  # a cache line, and the widest vector


class Workspace:
    """Arrays by name, which last until the same name is asked for again."""

    def __init__(self) -> None:
        self._memory: dict[str, NDArray[np.uint8]] = {}

    def array(self, name: str, shape: Sequence[int], dtype: Any) -> NDArray[Any]:
        """An array of that shape and type, aligned to 64 bytes, with whatever was there before.

        Memory is taken when there is too little from an earlier, smaller one.
        """
        needed = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = self._memory.get(name)
        if memory is None or memory.size < needed:
            self._memory[name] = memory = _aligned(needed)
        view: NDArray[Any] = memory[:needed].view(dtype).reshape(shape)
        return view


class Workspaces:
    """As many workspaces as pictures are painted at a time."""

    def __init__(self) -> None:
        self._free: queue.SimpleQueue[Workspace] = queue.SimpleQueue()

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[Workspace]:
        """One that nobody else uses meanwhile; what it holds is not to be kept."""
        try:
            workspace = self._free.get_nowait()
        except queue.Empty:
            workspace = Workspace()
        try:
            yield workspace
        finally:
            self._free.put(workspace)


def _aligned(size_bytes: int) -> NDArray[np.uint8]:
    memory = np.empty(size_bytes + _ALIGNMENT_BYTES, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT_BYTES
    return memory[start : start + size_bytes]


def return_free_memory() -> None:
    """Give back to the system what the allocator keeps free between what is in use; where that must be asked for.

    glibc keeps it, and arrays of many sizes, made and dropped in turn, leave more holes than they ever filled.
    """
    _trimming()(0)


@cache
def _trimming() -> Callable[[int], Any]:
    try:
        trim: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library, or none that can be named
        return lambda _: None
    return trim
