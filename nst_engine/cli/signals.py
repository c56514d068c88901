"""SIGTERM and SIGHUP ask a command to stop, as Ctrl-C does."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any, Self

from nst_engine.cli.exit_codes import INTERRUPTED

_BY_SIGNAL = 128  # what shells add


class StopSignals:
    """Handles stop signals while a command runs; use as a context manager.

    The first of them does what Ctrl-C does. Later ones do nothing: `timeout`, shells and service managers send several
    at once, and the results must still be saved. Signals that are ignored, as under nohup, stay ignored.
    """

    def __init__(self) -> None:
        self._came: int | None = None
        self._before: dict[int, Any] = {}
        self._terminals = [stream for stream in (sys.stdout, sys.stderr) if stream.isatty()]

    def __enter__(self) -> Self:
        """Install the handlers."""
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGTERM", "SIGHUP"):
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                    self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def code(self, code: int) -> int:
        """The exit code of a command, which for one that was interrupted names the signal."""
        return _BY_SIGNAL + self._came if code == INTERRUPTED and self._came is not None else code

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._came is not None:
            return
        self._came = number
        if number != signal.SIGTERM:
            self._let_go_of_terminals()
        on_ctrl_c = signal.getsignal(signal.SIGINT)
        if not callable(on_ctrl_c):  # a script's background jobs ignore Ctrl-C, but not this
            raise KeyboardInterrupt
        on_ctrl_c(signal.SIGINT, frame)

    def _let_go_of_terminals(self) -> None:
        """The terminal is gone: later prints must not fail."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in self._terminals:
            os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
