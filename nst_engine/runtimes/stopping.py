"""What runs long can be stopped: by Ctrl-C, by a limit of time, and by a token from another thread.

What may never end runs in a thread of its own. A token is looked for wherever a model is about to run, so that who
paints does not hand it from function to function.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from nst_engine.errors import CancelledError, InferenceError

_T = TypeVar("_T")

#: How long what was stopped may take to end; a runtime ends after the node that it is at.
_PATIENCE_S = 5.0
#: Not every system wakes who waits without a limit.
_WAIT_S = 0.5


class Stop:
    """Given to what runs, which says how it is stopped, if it can be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by: Callable[[], None] | None = None
        self._is_asked = False

    def is_done_by(self, by: Callable[[], None]) -> None:
        """Called from another thread, or at once where the stop came before."""
        with self._lock:
            self._by = by
            is_late = self._is_asked
        if is_late:
            by()

    def ask(self) -> None:
        """Stop what runs."""
        with self._lock:
            self._is_asked, by = True, self._by
        if by is not None:
            by()


class CancelToken:
    """Stops the work that it was given to, from any thread: `stylize(..., cancel=token)`, then `token.cancel()`.

    Work looks at it between its stages and tiles, and a model that is running is told to stop. A token that was
    cancelled stays so: each piece of work wants a new one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._running: set[Stop] = set()

    def cancel(self) -> None:
        """Stop: who waits for the work gets a `CancelledError`, in 100 ms or as soon as a picture is decoded."""
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
            raise CancelledError("cancelled: nothing came of it; begin again with a new `CancelToken`")

    @contextlib.contextmanager
    def stopping(self, stop: Stop) -> Iterator[None]:
        """In it, `cancel` asks this stop, too."""
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
    """In it, what this thread does looks at the token; None: at that of who called, if there is one."""
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
    """Over a model that is loaded and run.

    Attributes:
        model: What messages call it.
        ends: Whether it is known to end: those that come with the package.
        timeout_s: Seconds that loading it, or one run, may take; None: any.
    """

    model: str
    ends: bool = False
    timeout_s: float | None = None

    def over(self, work: Callable[[Stop | None], _T]) -> _T:
        """What the work returns or raises; where nothing could stop it, it runs here and gets no `Stop`.

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
    """Work in a thread that nobody waits for when the program ends."""

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
        self._done.wait(_PATIENCE_S)

    def outcome(self) -> _T:
        if self._failure is not None:
            raise self._failure
        return cast(_T, self._returned)
