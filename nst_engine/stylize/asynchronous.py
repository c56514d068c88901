"""Runs work of asyncio tasks in threads, and stops it when its task is cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from nst_engine.cancellation import CancelToken
from nst_engine.runtimes.base import closed_error
from nst_engine.stylize.turns import Turns

_T = TypeVar("_T")


class TaskThreads:
    """Threads for one model. May be used from several event loops.

    Args:
        model: Name for messages.
        at_once: Number of threads.
        timeout_s: How long a picture waits for its turn; None: for ever.
        turns: Makes the error for work that waited too long.
    """

    def __init__(self, model: str, at_once: int, timeout_s: float | None, turns: Turns) -> None:
        self._model, self._at_once, self._timeout_s, self._turns = model, at_once, timeout_s, turns
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._is_closed = False

    async def run(self, work: Callable[[], _T], token: CancelToken) -> _T:
        """Return what the work returns; a cancelled task cancels the token.

        Raises:
            BusyError: It did not begin in time.
            OptionError: The model is closed, or was before the work began.
        """
        future = self._begun(work)
        waiting = asyncio.wrap_future(future)
        try:
            if self._timeout_s is not None:
                await asyncio.wait([waiting], timeout=self._timeout_s)
                if future.cancel():  # only succeeds before it has begun
                    raise self._turns.busy()
            return await waiting
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if future.cancelled() and not (task and task.cancelling()):  # by `close`
                raise closed_error(self._model) from None
            token.cancel()
            waiting.cancel()  # nobody asks for it any more, nor for the error that ends it
            raise

    def close(self) -> None:
        """Drop waiting work; the threads end when their current work is done."""
        with self._lock:
            threads, self._threads, self._is_closed = self._threads, None, True
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)

    def _begun(self, work: Callable[[], _T]) -> Future[_T]:
        with self._lock:
            if self._is_closed:
                raise closed_error(self._model)
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._at_once, thread_name_prefix="stylize")
            return self._threads.submit(work)
