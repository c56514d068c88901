"""OpenCV, loaded at use."""

from __future__ import annotations

from functools import cache
from typing import Any

from nst_engine.errors import MissingDependencyError


@cache
def opencv() -> Any:
    """The module `cv2`.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import cv2
    except ImportError as missing:
        raise MissingDependencyError(
            f"stability of moving pictures and webcams need OpenCV, which cannot be imported ({missing}); type: "
            "pip install 'nst-engine[video]', or --stability off"
        ) from missing
    return cv2
