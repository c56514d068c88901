"""Cancels work from another thread.

Tokens are kept in a context variable and checked wherever work takes long, so that they need not be passed from
function to function.
"""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import NoReturn, TypeVar

from nst_engine.errors import CancelledError, OptionError

_T = TypeVar("_T")


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

    @contextlib.contextmanager
    def done_by(self, by: Callable[[], None]) -> Iterator[None]:
        """Within it, the work is stopped so; never after it, when what stops it may be at somebody else's work."""
        self.is_done_by(by)
        try:
            yield
        finally:
            with self._lock:
                self._by = None

    def ask(self) -> None:
        """Stop the work."""
        with self._lock:
            self._is_asked = True
            if self._by is not None:
                self._by()


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
    if not isinstance(token, CancelToken):
        raise OptionError(f"{token!r} came; wanted a CancelToken(), whose cancel() stops the work", option="cancel")
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


def current_token() -> CancelToken | None:
    """The token of this thread's work, if it has one."""
    return _TOKEN.get()


def abandonable(work: Callable[[], _T]) -> _T:
    """What work returns that cannot be interrupted: where a token may cancel it, it runs in a thread of its own.

    Raises:
        CancelledError: It was cancelled; the thread goes on to its end, and what it returns is dropped.
    """
    token = current_token()
    if token is None:
        return work()
    over, stop = threading.Event(), Stop()
    stop.is_done_by(over.set)
    outcome: list[Callable[[], _T]] = []

    def run() -> None:
        try:
            returned = work()
        except BaseException as error:
            failure = error

            def fail() -> _T:
                raise failure

            outcome.append(fail)
        else:
            outcome.append(lambda: returned)
        over.set()

    with token.stopping(stop):
        threading.Thread(target=run, name="abandonable", daemon=True).start()
        over.wait()
    return outcome[0]()


class CancellableBytes(io.BytesIO):
    """The content of a file, whose readers are interrupted when this thread's work is cancelled."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as `io.BytesIO` does, or raise `CancelledError`."""
        check_cancelled()
        return super().read(size)
