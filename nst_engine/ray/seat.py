"""Where a replica counts: in files that outlive it, and of which there are not more with each that comes."""

from __future__ import annotations

import itertools
from pathlib import Path

from filelock import FileLock, Timeout
from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead


class Seat:
    """A number that no other replica of this node has; who has it next goes on with its files.

    Args:
        folder: Of all of them, in which prometheus_client counts.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for number in itertools.count():
            lock = self._lock_of(number)
            if lock is not None:
                self._number, self._lock = number, lock
                break
        self._forget(self._number)
        values.ValueClass = values.MultiProcessValue(lambda: self._number)  # type: ignore[no-untyped-call]

    def forget_the_dead(self) -> None:
        """What others have counted stays, and nothing of those that have died is in progress."""
        for path in self._folder.glob("*.seat"):
            lock = None if int(path.stem) == self._number else self._lock_of(int(path.stem))
            if lock is not None:
                self._forget(int(path.stem))
                lock.release()

    def _lock_of(self, number: int) -> FileLock | None:
        """Held from now on; None: another has it."""
        lock = FileLock(self._folder / f"{number}.seat")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return None
        return lock

    def _forget(self, number: int) -> None:
        mark_process_dead(number, str(self._folder))  # type: ignore[no-untyped-call]
