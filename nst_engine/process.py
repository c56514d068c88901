"""What programs of our own set for their whole process; a host application decides itself.

All of it can be undone by the environment variables that glibc and OpenMP read.
"""

from __future__ import annotations

import contextlib
import os

# of glibc's malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
#: The most that glibc takes; pictures of 11 megapixels are that large.
_KEPT_BLOCK_BYTES = 32 << 20
_KEPT_BYTES = 64 << 20


def let_idle_threads_sleep() -> None:
    """Set, before torch is loaded, that threads of OpenMP wait for one another briefly and then asleep.

    By default they spin for as long as a scheduler's turn: where another program takes one of the cores, `optimize` was
    measured to take ten times as long. For programs of our own; a host application decides itself.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def keep_freed_memory() -> None:
    """Let the allocator keep the memory of one picture for the next.

    By default glibc gives blocks of that size back to the system, which fills each page with zeros when it is asked for
    again: reading a JPEG of 720p was measured to take 10 ms of a core instead of 4.
    """
    if not {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"} & os.environ.keys():
        _set(_M_MMAP_THRESHOLD, _KEPT_BLOCK_BYTES)
        _set(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def share_arenas(count: int) -> None:
    """Let all threads allocate from so many of glibc's arenas.

    Else each thread has its own, and keeps there what it has freed.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        _set(_M_ARENA_MAX, count)


def _set(parameter: int, value: int) -> None:
    import ctypes

    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library, or none found
        ctypes.CDLL(None).mallopt(parameter, value)
