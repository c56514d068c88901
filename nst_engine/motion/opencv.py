"""OpenCV, or a message on how to install it; modules that import this are imported lazily."""

from __future__ import annotations

from typing import Any

from nst_engine.environment import needed
from nst_engine.runtimes.forks import pause_around_forks

_WHAT = "stability of moving pictures and webcams need OpenCV"
with needed(_WHAT, "opencv", instead=" (or [opencv-headless]: no windows), or `stability='off'`", says_why=True):
    import cv2

__all__ = ["NO_MAP", "cv2"]

#: The second map where one array holds both; OpenCV's stubs do not know that.
NO_MAP: Any = None

_THREADS: list[int] = []


def _end_threads() -> None:
    _THREADS.append(cv2.getNumThreads())
    cv2.setNumThreads(1)


def _allow_threads() -> None:
    cv2.setNumThreads(_THREADS.pop())


# a thread of its pool that was on its way to sleep would be waited for in the child for ever
pause_around_forks(_end_threads, _allow_threads)
