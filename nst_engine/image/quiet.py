"""Silences Pillow's warnings about damaged metadata, and libtiff's output."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path

import PIL

_lock = threading.Lock()
_users = 0


@contextmanager
def pillow_quiet() -> Iterator[None]:
    """Ignore warnings raised in Pillow's modules while the block runs, in any number of threads.

    `warnings.catch_warnings` saves and restores the whole filter list, so two threads leaving in the wrong
    order leave a stale list behind. Here one narrow entry is added by the first user and taken out by the
    last one; every other entry, and the list itself, stays the host's.
    """
    global _users  # noqa: PLW0603
    with _lock:
        _users += 1
        # Each time, not only for the first: the host may have swapped the list; duplicates are not added.
        warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _remove_entry()


def _remove_entry() -> None:
    for entry in list(warnings.filters):
        action, _, _, module, _ = entry
        if action == "ignore" and getattr(module, "pattern", module) == r"PIL\.":
            warnings.filters.remove(entry)  # type: ignore[attr-defined]  # typed as a Sequence, is a list


@functools.cache  # once a process: handlers are libtiff's for all threads
def silence_libtiff() -> None:
    """Keep libtiff, which decodes TIFFs for Pillow, from printing to stderr: errors are raised as well."""
    folder = Path(PIL.__file__).parent
    places = [folder.parent / "pillow.libs", folder / ".dylibs"]  # its place in wheels
    libraries = [str(path) for place in places for path in place.glob("libtiff*")]
    for name in libraries or filter(None, [find_library("tiff")]):
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(name)
            for setter in (library.TIFFSetErrorHandler, library.TIFFSetWarningHandler):
                setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
                setter(None)
