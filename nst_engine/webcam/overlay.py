"""Figures and help over a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nst_engine.motion.opencv import cv2
from nst_engine.webcam.look import KEYS

_LINE_PX, _MARGIN_PX = 22, 8
_SCALE = 0.5


def with_lines(frame: NDArray[np.uint8], lines: Sequence[str]) -> NDArray[np.uint8]:
    """A copy of a frame, uint8 H×W×3, with lines of text at its top left, on a darker ground."""
    shown = frame.copy()
    if not lines:
        return shown
    widths = [cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, _SCALE, 1)[0][0] for line in lines]
    bottom = min(len(shown), _LINE_PX * len(lines) + _MARGIN_PX)
    right = min(shown.shape[1], max(widths) + 2 * _MARGIN_PX)
    shown[:bottom, :right] //= 3
    for number, line in enumerate(lines):
        place = (_MARGIN_PX, _LINE_PX * (number + 1) - 4)
        cv2.putText(shown, line, place, cv2.FONT_HERSHEY_SIMPLEX, _SCALE, (255, 255, 255), 1, cv2.LINE_AA)
    return shown


def help_lines() -> list[str]:
    """The keys."""
    return [f"{keys}   {what}" for keys, what in KEYS.items()]
