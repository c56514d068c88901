"""What a fork leaves behind: a child has its parent's memory, but none of its threads.

Runtimes wait for their threads when they compute, and even when they are freed. So in a child what the parent has
loaded is neither used nor freed, but loaded again; or refused, by runtimes that cannot even do that.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from threading import RLock
from typing import Any, Protocol
from weakref import WeakSet

from nst_engine.errors import ProviderUnavailableError

OPENVINO = "OpenVINO"


class Renewed(Protocol):
    """Something that holds what a fork breaks."""

    def renew_after_fork(self) -> None:
        """Called in the child: let go of it, by `abandon`."""


_RENEWED: WeakSet[Renewed] = WeakSet()
_IN_USE: dict[str, Any] = {}
_LOST: set[str] = set()
_TURNS: WeakSet[RLock] = WeakSet()
_HELD: list[RLock] = []
_PAUSES: list[tuple[Callable[[], None], Callable[[], None]]] = []
# frames take less; a model may never end
_PATIENCE_S = 1.0


def renew_in_children(owner: Renewed) -> None:
    """Have its `renew_after_fork` called in every child, as long as it lives."""
    _RENEWED.add(owner)


def finish_before_fork(turn: RLock) -> None:
    """Have forks wait, a second at most, until no thread holds a lock: libraries hold theirs as long."""
    _TURNS.add(turn)


def pause_around_forks(pause: Callable[[], None], resume: Callable[[], None]) -> None:
    """Have a library end its threads before a fork, and begin them again after it, in parent and child.

    Args:
        pause: Called once no thread holds a lock of `finish_before_fork`.
        resume: Called after it.
    """
    _PAUSES.append((pause, resume))


def use_once(runtime: str, held: object = None) -> None:
    """Note that the process uses a runtime that its children cannot use, and what it holds of it."""
    _IN_USE[runtime] = held


def why_lost(runtime: str) -> str | None:
    """Why a runtime cannot be used in this process, as for `use_once`; None: a parent did not use it."""
    if runtime not in _LOST:
        return None
    return (
        f"{runtime} was in use when this process was forked, and does not work in it; start processes with "
        "multiprocessing.get_context('spawn')"
    )


def check_not_lost(runtime: str, remedy: str) -> None:
    """Refuse a runtime that a parent of this process was using when it forked.

    Args:
        runtime: As for `use_once`.
        remedy: Another way, for the message.

    Raises:
        ProviderUnavailableError: One was.
    """
    if why := why_lost(runtime):
        raise ProviderUnavailableError(f"{why}, or {remedy}")


def abandon(held: object) -> None:
    """Never free it, not even at the process's end."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))


def _before() -> None:
    _HELD.extend(turn for turn in list(_TURNS) if turn.acquire(timeout=_PATIENCE_S))
    for pause, _ in _PAUSES:
        pause()


def _after_in_parent() -> None:
    _resume()
    while _HELD:
        _HELD.pop().release()


def _after_in_child() -> None:
    _resume()
    _HELD.clear()
    for owner in list(_RENEWED):
        owner.renew_after_fork()
    _LOST.update(_IN_USE)
    for held in _IN_USE.values():
        abandon(held)
    _IN_USE.clear()


def _resume() -> None:
    for _, resume in _PAUSES:
        resume()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
