"""What a frame is, and what to do with an array that is none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OptionError
from nst_engine.limits import ImageLimits
from nst_engine.stylize.strokes import check_finer


def check_frame(frame: NDArray[np.uint8], limits: ImageLimits, stroke_size: float) -> None:
    """Refuse what is no frame, before anything is changed by it.

    Raises:
        OptionError: It is not uint8 H×W×3, or has no pixels.
        ImageTooLargeError: It exceeds the limits, or would, enlarged for strokes so fine.
    """
    wanted = "wanted uint8 H×W×3"
    if not isinstance(frame, np.ndarray):
        came = "None, as cv2.VideoCapture.read returns at the end" if frame is None else f"a {type(frame).__name__}"
        raise OptionError(f"frame: came {came}, {wanted}; pass arrays only")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.size == 0:
        raise OptionError(f"frame: came {frame.dtype} {'×'.join(map(str, frame.shape))}, {wanted}; {_cure(frame)}")
    limits.check_pixels("frame", *frame.shape[:2])
    check_finer(frame.shape[0], frame.shape[1], stroke_size, limits)


def _cure(frame: NDArray[Any]) -> str:
    """What makes a frame of it."""
    cures = (
        (frame.size == 0, "it has no pixels: see what its source returned"),
        (frame.dtype == np.uint16, "type (frame // 257).astype(np.uint8)"),
        (frame.dtype.kind == "f", "type (frame * 255).round().astype(np.uint8) where it is 0 to 1"),
        (frame.dtype != np.uint8, "type frame.astype(np.uint8) where it is 0 to 255"),
        (frame.ndim == 3 and frame.shape[-1] == 4, "type np.ascontiguousarray(frame[..., :3])"),
        (frame.ndim == 2 or frame.shape[2:] == (1,), "type cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR)"),
    )
    return next((cure for applies, cure in cures if applies), "channels come last, of one picture")


def exchanged(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """BGR to RGB, or back."""
    from nst_engine.motion.opencv import cv2

    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
