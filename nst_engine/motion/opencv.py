"""OpenCV, loaded at use."""

from __future__ import annotations

from functools import cache
from typing import Any

from nst_engine.environment import needed


@cache
def opencv() -> Any:
    """The module `cv2`.

    Raises:
        MissingDependencyError: It is not installed.
    """
    with needed(
        "stability of moving pictures and webcams need OpenCV", "video", instead=", or --stability off", says_why=True
    ):
        import cv2
    return cv2
