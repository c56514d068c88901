"""Many pictures side by side: while some compute, others are decoded and encoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from nst_engine.cancellation import CancelToken, cancelled_by
from nst_engine.errors import CancelledError, NSTError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

#: Items that have begun or are done and wait for an earlier one, for each worker.
_AHEAD = 2


def side_by_side(
    work: Callable[[_Item], _Result], items: Iterable[_Item], workers: int
) -> Generator[tuple[_Item, _Result | NSTError], None, None]:
    """Do the work on each item, on several at a time.

    Args:
        work: Called from the workers' threads; with one worker, from this one.
        items: Taken as workers become free.
        workers: How many at a time.

    Yields:
        The items in their order, with what the work returned, or the `NSTError` that it raised. Other exceptions are
        raised; then, and when the iterator is closed, work in progress is cancelled and waited for.
    """
    if workers == 1:
        for item in items:
            yield item, _outcome(work, item)
        return
    token = CancelToken()

    def cancellable(item: _Item) -> _Result | NSTError:
        with cancelled_by(token):
            return _outcome(work, item)

    pending: deque[tuple[_Item, Future[_Result | NSTError]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="side-by-side") as threads:
        try:
            for item in items:
                pending.append((item, threads.submit(cancellable, item)))
                if len(pending) >= _AHEAD * workers:
                    first, outcome = pending.popleft()
                    yield first, outcome.result()
            while pending:
                first, outcome = pending.popleft()
                yield first, outcome.result()
        finally:
            token.cancel()
            threads.shutdown(wait=False, cancel_futures=True)


def _outcome(work: Callable[[_Item], _Result], item: _Item) -> _Result | NSTError:
    try:
        return work(item)
    except CancelledError:
        raise
    except NSTError as error:
        return error
