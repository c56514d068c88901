"""A one-item mailbox between two threads, where a new item replaces an old one."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class Newest(Generic[_Item]):
    """Unlike a queue, it holds no stale items.

    Attributes:
        dropped: Number of items replaced before they were taken.
    """

    def __init__(self) -> None:
        self._item: _Item | None = None
        self._changed = threading.Condition()
        self._is_closed = False
        self.dropped = 0

    def put(self, item: _Item) -> None:
        """Put the newest item."""
        with self._changed:
            self.dropped += self._item is not None
            self._item = item
            self._changed.notify_all()

    def renew(self, item: _Item) -> bool:
        """Replace the waiting item; False: nothing waits."""
        with self._changed:
            is_waiting = self._item is not None
            self._item = item if is_waiting else None
            return is_waiting

    def look(self, timeout_s: float) -> _Item | None:
        """Wait for the newest item without taking it; None: timeout, or closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._is_closed, timeout_s)
            return self._item

    def take(self, timeout_s: float) -> _Item | None:
        """Take the newest item; None: timeout, or closed."""
        with self._changed:
            item = self.look(timeout_s)
            self._item = None
            return item

    def close(self) -> None:
        """Close it; the waiting item may still be taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    @property
    def is_over(self) -> bool:
        """Whether it is closed and empty."""
        with self._changed:
            return self._is_closed and self._item is None
