"""What several threads ask for while a device is busy is done together, as soon as it is free."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from nst_engine.cancellation import check_cancelled, is_cancellable
from nst_engine.errors import CancelledError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

#: How often waiting threads look whether they were cancelled.
_LOOK_S = 0.05


class _Asked(Generic[_Item, _Result]):
    """An item of a thread, and what became of it."""

    def __init__(self, kind: Hashable, item: _Item, most: int) -> None:
        self.kind, self.item, self.most = kind, item, most
        self.result: list[_Result] = []
        self.error: Exception | None = None
        self.is_given_up = False

    @property
    def is_over(self) -> bool:
        return bool(self.result) or self.error is not None


class Gathering(Generic[_Item, _Result]):
    """Does work on the items of several threads at once. Thread-safe.

    Nobody waits for company: a group is what has come by the time there is room for it. Groups have 1, 2, 4, 8, ...
    items, since GPUs prepare for each number anew.

    Args:
        work: Returns a result for each item of a group, in their order; called from the thread that leads it.
        at_once: Groups that are worked at, at once.
    """

    def __init__(self, work: Callable[[Sequence[_Item]], Sequence[_Result]], at_once: int) -> None:
        self._work, self._free = work, at_once
        self._changed = threading.Condition()
        self._waiting: list[_Asked[_Item, _Result]] = []

    def result_of(self, kind: Hashable, item: _Item, most: int) -> _Result:
        """The result of an item, in a group with others of its kind.

        Args:
            kind: Of the item.
            item: What is worked at.
            most: Items of a group of that kind.

        Raises:
            Exception: What the work raises of this item.
            CancelledError: This thread's work was cancelled.
        """
        mine = _Asked[_Item, _Result](kind, item, most)
        if self._leads(mine):
            self._lead(mine)
        if mine.error is not None:
            raise mine.error
        return mine.result[0]

    def _leads(self, mine: _Asked[_Item, _Result]) -> bool:
        """Wait until it is this thread's turn, or another has done its item: then False."""
        with self._changed:
            self._waiting.append(mine)
            try:
                while not mine.is_over and not (self._free and self._waiting and self._waiting[0] is mine):
                    self._changed.wait(_LOOK_S if is_cancellable() else None)
                    check_cancelled()
            except BaseException:
                mine.is_given_up = True  # a group that it is in may be broken off, and would put it back
                if mine in self._waiting:
                    self._waiting.remove(mine)
                self._changed.notify_all()
                raise
            if not mine.is_over:
                self._free -= 1
            return not mine.is_over

    def _lead(self, mine: _Asked[_Item, _Result]) -> None:
        """Work at a group; whoever of it is not served waits again, in front."""
        with self._changed:
            alike = [asked for asked in self._waiting if asked.kind == mine.kind][: mine.most]
            group = alike[: 1 << (len(alike).bit_length() - 1)]
            self._waiting = [asked for asked in self._waiting if asked not in group]
            self._changed.notify_all()
        try:
            self._serve(group)
        finally:
            with self._changed:
                self._free += 1
                left = [asked for asked in group if asked is not mine and not asked.is_over]
                self._waiting[:0] = [asked for asked in left if not asked.is_given_up]
                self._changed.notify_all()

    def _serve(self, group: Sequence[_Asked[_Item, _Result]]) -> None:
        try:
            results = self._work([asked.item for asked in group])
        except CancelledError:  # of the thread that leads
            raise
        except Exception as error:
            if len(group) == 1:
                group[0].error = error
                return
            for asked in group:  # whose fault it is, and whether there is room for one by itself
                self._serve([asked])
        else:
            for asked, result in zip(group, results, strict=True):
                asked.result.append(result)
