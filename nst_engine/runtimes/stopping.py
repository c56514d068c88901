"""Stops long work: by Ctrl-C, by a timeout, and by a token from another thread.

Work that may never end runs in its own thread. Tokens are kept in a context variable and checked wherever a model runs,
so that they need not be passed from function to function.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar, cast

from nst_engine.errors import CancelledError, InferenceError
from nst_engine.log import logger_of

_T = TypeVar("_T")
_LOG = logger_of(__name__)

#: Grace period after a stop; a runtime ends after its current node.
_PATIENCE_S = 5.0
#: Some systems do not interrupt a wait without timeout.
_WAIT_S = 0.5


class Stop:
    """Handle through which work can be stopped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by: Callable[[], None] | None = None
        self._is_asked = False

    def is_done_by(self, by: Callable[[], None]) -> None:
        """Register how the work is stopped; called from another thread, or at once if the stop was asked for before."""
        with self._lock:
            self._by = by
            is_late = self._is_asked
        if is_late:
            by()

    def ask(self) -> None:
        """Stop the work."""
        with self._lock:
            self._is_asked, by = True, self._by
        if by is not None:
            by()


class CancelToken:
    """Stops work from any thread: `stylize(..., cancel=token)`, then `token.cancel()`.

    It is checked between stages and tiles, and a model that is running is interrupted. A cancelled token stays
    cancelled: use a new one for each call.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._running: set[Stop] = set()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a `CancelToken` stops work of its own process: make it where `stylize` is called")

    def cancel(self) -> None:
        """Stop the work: the call raises `CancelledError`, within 100 ms or as soon as a picture is decoded."""
        with self._lock:
            self._is_cancelled = True
            running = list(self._running)
        for stop in running:
            stop.ask()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._is_cancelled

    def check(self) -> None:
        """Raise `CancelledError` if `cancel` was called."""
        if self._is_cancelled:
            raise CancelledError("cancelled before it was done; to run it again, use a new `CancelToken`")

    @contextlib.contextmanager
    def stopping(self, stop: Stop) -> Iterator[None]:
        """While it runs, `cancel` asks this stop as well."""
        with self._lock:
            self._running.add(stop)
        try:
            self.check()
            yield
        except Exception:
            self.check()  # the runtimes have exceptions of their own for what was stopped
            raise
        finally:
            with self._lock:
                self._running.discard(stop)
        self.check()


_TOKEN: ContextVar[CancelToken | None] = ContextVar("cancel_token", default=None)


@contextlib.contextmanager
def cancelled_by(token: CancelToken | None) -> Iterator[None]:
    """Within it, work of this thread checks the token; None: the one in effect, if any."""
    if token is None:
        yield
        return
    before = _TOKEN.set(token)
    try:
        token.check()
        yield
    finally:
        _TOKEN.reset(before)


def check_cancelled() -> None:
    """Raise `CancelledError` if this thread's work was cancelled."""
    token = _TOKEN.get()
    if token is not None:
        token.check()


def is_cancellable() -> bool:
    """Whether this thread's work has a token."""
    return _TOKEN.get() is not None


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
        token = _TOKEN.get()
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
        try:
            self._returned = self._work(self._stop)
        except BaseException as failure:
            self._failure = failure
        finally:
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
