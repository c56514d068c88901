"""How many pictures are painted at once: so many, and the others wait. What a peak took is given back."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from nst_engine.errors import BusyError
from nst_engine.runtimes.stopping import check_cancelled, is_cancellable

#: One is painted while another is read or finished; more take memory and no less time.
DEFAULT_CONCURRENCY = 2

# how soon who waits looks whether it was cancelled
_LOOK_S = 0.05
# without work, until the memory of a peak is given back: who comes again at once has it still
_IDLE_S = 1.0


class Turns:
    """Of one model. May be used by several threads at once.

    Args:
        model: What messages call it.
        at_once: Pictures painted at a time.
        timeout_s: How long a picture waits for its turn; None: for ever.
        give_back: Called a second after the last of several pictures that were painted at a time.
    """

    def __init__(self, model: str, at_once: int, timeout_s: float | None, give_back: Callable[[], None]) -> None:
        self._model, self._at_once, self._timeout_s, self._give_back = model, at_once, timeout_s, give_back
        self._changed = threading.Condition()
        self._active, self._was_peak = 0, False
        self._idle: threading.Timer | None = None

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """In it, one of the places is this thread's.

        Raises:
            BusyError: None became free in time.
            CancelledError: This thread's work was cancelled meanwhile.
        """
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def busy(self) -> BusyError:
        """What to raise for a picture that waited in vain."""
        return BusyError(
            f"{self._model}: {self._at_once} pictures are being painted, as many as may be at once, and none of them "
            f"ended in {self._timeout_s:g} s; try again later, or raise `timeout` or `max_concurrency`"
        )

    def close(self) -> None:
        """Nothing is given back later."""
        with self._changed:
            self._stop_timer()

    def _enter(self) -> None:
        end = None if self._timeout_s is None else time.monotonic() + self._timeout_s
        with self._changed:
            while self._active >= self._at_once:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    raise self.busy()
                self._changed.wait(min(_LOOK_S, left or _LOOK_S) if is_cancellable() else left)
                check_cancelled()
            self._active += 1
            self._was_peak |= self._active > 1
            self._stop_timer()

    def _leave(self) -> None:
        with self._changed:
            self._active -= 1
            self._changed.notify()
            if self._active == 0 and self._was_peak:
                self._idle = threading.Timer(_IDLE_S, self._give_back_if_idle)
                self._idle.daemon = True
                self._idle.start()

    def _give_back_if_idle(self) -> None:
        # who comes meanwhile waits for milliseconds
        with self._changed:
            if self._active == 0 and self._was_peak:
                self._was_peak = False
                self._give_back()

    def _stop_timer(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
