"""Limits how many pictures are processed at once, and frees memory after a peak."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from nst_engine.cancellation import check_cancelled, is_cancellable
from nst_engine.errors import BusyError

# how often waiting threads check for cancellation
_LOOK_S = 0.05
# of idleness before the memory of a peak is freed, so that steady load keeps it
_IDLE_S = 1.0


class Turns:
    """Turns on one model. Thread-safe.

    Args:
        model: Name for messages.
        at_once: Pictures processed at a time.
        timeout_s: How long a picture waits for its turn; None: for ever.
        give_back: Frees memory; called a second after the last of several concurrent pictures.

    Attributes:
        at_once: As given.
    """

    def __init__(self, model: str, at_once: int, timeout_s: float | None, give_back: Callable[[], None]) -> None:
        self._model, self.at_once, self._timeout_s, self._give_back = model, at_once, timeout_s, give_back
        self._changed = threading.Condition()
        self._active, self._was_peak = 0, False
        self._idle: threading.Timer | None = None

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Hold one of the places.

        Raises:
            BusyError: No place became free in time.
            CancelledError: This thread's work was cancelled meanwhile.
        """
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def busy(self) -> BusyError:
        """The error for a picture that waited too long."""
        return BusyError(
            f"{self._model}: {self.at_once} pictures are in progress, as many as may be at once, and none of them "
            f"finished within {self._timeout_s:g} s; try again later, or raise `timeout` or `max_concurrency`"
        )

    def close(self) -> None:
        """Cancel pending work."""
        with self._changed:
            self._stop_timer()

    def _enter(self) -> None:
        end = None if self._timeout_s is None else time.monotonic() + self._timeout_s
        with self._changed:
            while self._active >= self.at_once:
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
            self._changed.notify_all()  # one that is woken may have been cancelled, and take no turn
            if self._active == 0 and self._was_peak:
                self._idle = threading.Timer(_IDLE_S, self._give_back_if_idle)
                self._idle.daemon = True
                self._idle.start()

    def _give_back_if_idle(self) -> None:
        # new pictures wait for it, for milliseconds
        with self._changed:
            if self._active == 0 and self._was_peak:
                self._was_peak = False
                self._give_back()

    def _stop_timer(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
