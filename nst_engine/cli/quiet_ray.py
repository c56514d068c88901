"""Ray's core, which is no Python, writes to stderr what is of no use there."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_ray() -> Iterator[None]:
    """Keep what it writes from the terminal; files of its own hold it, too. What Python prints is seen."""
    terminal, sys_stderr = os.dup(2), sys.stderr
    with open(terminal, "w", encoding=sys_stderr.encoding, errors="backslashreplace", buffering=1) as kept:  # noqa: PTH123
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        sys.stderr = kept
        try:
            yield
        finally:
            sys.stderr = sys_stderr
            os.dup2(terminal, 2)
