"""Painting from asyncio: in threads, as many as pictures are painted at once, which stop when their task does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from nst_engine.runtimes.stopping import CancelToken
from nst_engine.stylize.turns import Turns

_T = TypeVar("_T")


class TaskThreads:
    """Of one model. May be used from several event loops.

    Args:
        at_once: Pictures painted at a time.
        timeout_s: How long a picture waits for its turn; None: for ever.
        turns: What is said to those who waited in vain.
    """

    def __init__(self, at_once: int, timeout_s: float | None, turns: Turns) -> None:
        self._at_once, self._timeout_s, self._turns = at_once, timeout_s, turns
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None

    async def run(self, work: Callable[[], _T], token: CancelToken) -> _T:
        """What the work returns or raises, which looks at the token; a cancelled task cancels it.

        Raises:
            BusyError: It was not begun in time.
        """
        future = self._begun(work)
        try:
            waiting = asyncio.wrap_future(future)
            if self._timeout_s is not None:
                await asyncio.wait([waiting], timeout=self._timeout_s)
                if future.cancel():  # only what has not begun can be
                    raise self._turns.busy()
            return await waiting
        except asyncio.CancelledError:
            token.cancel()
            raise

    def close(self) -> None:
        """What waits is not begun any more; the threads end when what they paint is done."""
        with self._lock:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)

    def _begun(self, work: Callable[[], _T]) -> Future[_T]:
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._at_once, thread_name_prefix="stylize")
            return self._threads.submit(work)
