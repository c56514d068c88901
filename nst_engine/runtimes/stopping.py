"""Ends work of a model: by Ctrl-C, by a timeout, and when it is cancelled.

Work that may never end runs in its own thread.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from nst_engine.cancellation import Stop, current_token
from nst_engine.errors import InferenceError
from nst_engine.log import logger_of

_T = TypeVar("_T")
_LOG = logger_of(__name__)

#: Grace period after a stop; a runtime ends after its current node.
_PATIENCE_S = 5.0
#: Some systems do not interrupt a wait without timeout.
_WAIT_S = 0.5


@dataclass(frozen=True)
class Watch:
    """Watches over loading and running a model.

    Attributes:
        model: Name in messages.
        ends: Whether it is known to terminate: bundled models.
        timeout_s: Seconds that loading it, or one run, may take; None: any.
    """

    model: str
    ends: bool = False
    timeout_s: float | None = None

    def over(self, work: Callable[[Stop | None], _T]) -> _T:
        """Return or raise what the work does; without a need to stop it, it runs in this thread and gets no `Stop`.

        Raises:
            InferenceError: The time is over.
            CancelledError: This thread's work was cancelled.
            KeyboardInterrupt: Ctrl-C came.
        """
        token = current_token()
        if token is None:
            return self._over(work, None)
        stop = Stop()
        with token.stopping(stop):
            return self._over(work, stop)

    def _over(self, work: Callable[[Stop | None], _T], stop: Stop | None) -> _T:
        # only the main thread is interrupted
        if self.timeout_s is None and (self.ends or threading.current_thread() is not threading.main_thread()):
            return work(stop)
        run = _Run(work, stop or Stop())
        try:
            run.wait(self.timeout_s)
        except TimeoutError:
            run.end()
            raise InferenceError(
                f"{self.model}: has not come to an end after {self.timeout_s:g} s, and was stopped; give it more time "
                "(`timeout`), make the picture smaller (`max_side`), or take another model"
            ) from None
        except BaseException:
            run.end()
            raise
        return run.outcome()


class _Run(Generic[_T]):
    """Work in a daemon thread."""

    def __init__(self, work: Callable[[Stop | None], _T], stop: Stop) -> None:
        self._work, self._stop = work, stop
        self._returned: _T | None = None
        self._failure: BaseException | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._do, name="model", daemon=True)
        self._thread.start()

    def _do(self) -> None:
        _RUNNING.add(self)
        try:
            self._returned = self._work(self._stop)
        except BaseException as failure:
            self._failure = failure
        finally:
            _RUNNING.discard(self)
            self._done.set()

    def wait(self, timeout_s: float | None) -> None:
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._done.wait(_WAIT_S if end is None else min(_WAIT_S, max(0.0, end - time.monotonic()))):
            if end is not None and time.monotonic() >= end:
                raise TimeoutError

    def end(self) -> None:
        self._stop.ask()
        if not self._done.wait(_PATIENCE_S):
            _LOG.warning("a model that was stopped still runs after %g s; its thread keeps a CPU busy", _PATIENCE_S)

    def outcome(self) -> _T:
        if self._failure is not None:
            raise self._failure
        return cast(_T, self._returned)


#: An exception, as of Ctrl-C, may come anywhere, between the start of a run and the wait for it, too.
_RUNNING: set[_Run[Any]] = set()


@atexit.register
def _end_all() -> None:
    """A thread that comes back from a runtime's C++ after the interpreter's end would abort the process."""
    for run in list(_RUNNING):
        run.end()
