"""OpenCV, or a message on how to install it; modules that import this are imported lazily."""

from __future__ import annotations

from typing import Any

from nst_engine.environment import needed

_WHAT = "stability of moving pictures and webcams need OpenCV"
with needed(_WHAT, "opencv", instead=" (or [opencv-headless]: no windows), or `stability='off'`", says_why=True):
    import cv2

__all__ = ["NO_MAP", "cv2"]

#: The second map where one array holds both; OpenCV's stubs do not know that.
NO_MAP: Any = None
