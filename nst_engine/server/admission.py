"""A bounded queue before the engine: who finds it full is told so at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

from nst_engine.errors import BusyError


class Admission:
    """Places of requests, for one event loop.

    Args:
        running: Requests processed at once.
        waiting: Requests that may wait.
        timeout_s: How long they wait.
    """

    def __init__(self, running: int, waiting: int, timeout_s: float) -> None:
        self._places = asyncio.Semaphore(running)
        self._most, self._timeout_s = running + waiting, timeout_s
        self.admitted = 0
        self._tell: Callable[[int], None] = lambda _: None

    def tell(self, of_changes: Callable[[int], None]) -> None:
        """Call that with the number of those admitted, whenever it changes."""
        self._tell = of_changes

    @property
    def has_room(self) -> bool:
        """Whether a place would be given, at once or after a wait."""
        return self.admitted < self._most

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place, held while the block runs.

        Raises:
            BusyError: All are taken, or none became free in time.
        """
        if not self.has_room:
            raise BusyError(f"{self.admitted} requests are in progress or waiting, which is all there is room for")
        self.admitted += 1
        self._tell(self.admitted)
        try:
            try:
                await asyncio.wait_for(self._places.acquire(), self._timeout_s)
            except TimeoutError:
                raise BusyError(f"no place became free within {self._timeout_s:g} s; try again later") from None
            try:
                yield
            finally:
                self._places.release()
        finally:
            self.admitted -= 1
            self._tell(self.admitted)


class Places:
    """Places that nobody waits for: connections that last.

    Args:
        most: How many there are.
        what: Of which, for messages.
    """

    def __init__(self, most: int, what: str) -> None:
        self._most, self._what = most, what
        self.taken = 0

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """A place, held while the block runs.

        Raises:
            BusyError: All are taken.
        """
        if self.taken >= self._most:
            raise BusyError(f"all {self._most} {self._what} of this service are taken; try again later")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
