"""Stylizes the camera's newest frame, in its own thread."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nst_engine.motion.frame_stylizer import FrameStylizer
from nst_engine.motion.opencv import cv2
from nst_engine.webcam.adaptive_size import AdaptiveSize
from nst_engine.webcam.camera import Camera, Captured
from nst_engine.webcam.look import Look
from nst_engine.webcam.newest import Newest

_PATIENCE_S = 0.1


@dataclass(frozen=True, eq=False)
class StylizedFrame:
    """A frame that is ready to be shown: uint8 H×W×3 in BGR, its time of capture in s, and its look."""

    pixels: NDArray[np.uint8]
    captured_at: float
    look: Look


class LiveStylizer:
    """Stylizes the newest frame of a camera. A context manager: it begins when that is entered.

    Attributes:
        frames: Holds the newest frame to show.
        look: For the next frame.
    """

    def __init__(
        self, camera: Camera, stylizer: FrameStylizer, adaptive_size: AdaptiveSize, look: Look, *, mirror: bool = False
    ) -> None:
        self.frames = Newest[StylizedFrame]()
        self.look = look
        self._camera, self._stylizer, self._adaptive_size, self._mirror = camera, stylizer, adaptive_size, mirror
        self._last_look: Look | None = None
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._stylize_frames, name="painter", daemon=True)

    def __enter__(self) -> LiveStylizer:
        """Begin, and with it the clock of a file: all that looks at its frames should be ready."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join()

    def take(self, timeout_s: float) -> StylizedFrame | None:
        """Take the newest stylized frame; None: timeout, or closed.

        Raises:
            NSTError: The error of the thread.
        """
        stylized = self.frames.take(timeout_s)
        if stylized is None and self._failure is not None:
            raise self._failure
        return stylized

    def _stylize_frames(self) -> None:
        try:
            while not self._stop.is_set() and not self._camera.frames.is_over:
                captured = self._camera.frames.take(_PATIENCE_S)
                if captured is not None:
                    self._stylize(captured)
        except BaseException as failure:
            self._failure = failure
        finally:
            self.frames.close()

    def _stylize(self, captured: Captured) -> None:
        begun = time.perf_counter()
        frame = self._fitted(captured.pixels)
        look = self.look
        if self._last_look is None or _restyles(self._last_look, look):
            self._stylizer.restyle(look.mix, strength=look.strength, preserve_color=look.preserve_color)
        self._last_look = look
        stylized = self._stylizer.stylize_frame(frame)
        self._adaptive_size.observe(time.perf_counter() - begun)
        self.frames.put(StylizedFrame(stylized, captured.at, look))

    def _fitted(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = self._adaptive_size.size
        if pixels.shape[:2] != (height, width):
            pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return np.ascontiguousarray(pixels[:, ::-1]) if self._mirror else pixels


def _restyles(before: Look, after: Look) -> bool:
    return (before.mix, before.strength, before.preserve_color) != (after.mix, after.strength, after.preserve_color)
