"""From the camera's newest frame to a painted one, in a thread of its own."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nst_engine.motion.frame_stylizer import FrameStylizer
from nst_engine.motion.opencv import cv2
from nst_engine.webcam.camera import Camera, Captured
from nst_engine.webcam.governor import Governor
from nst_engine.webcam.look import Look
from nst_engine.webcam.newest import Newest

_PATIENCE_S = 0.1


@dataclass(frozen=True, eq=False)
class Painted:
    """A frame that is ready to be shown.

    Attributes:
        pixels: uint8 H×W×3, BGR, of the size that the governor chose.
        captured_at: When the camera gave it, s.
        look: That it is painted in.
    """

    pixels: NDArray[np.uint8]
    captured_at: float
    look: Look


class LivePainter:
    """Paints what the camera sees, always the newest frame. A context manager.

    Args:
        camera: Running.
        stylizer: Of this camera alone, in `bgr`.
        governor: Chooses the size.
        look: To begin with; `look` may be set at any time.
        mirror: Whether left and right are exchanged.

    Attributes:
        frames: Of which the newest waits to be shown.
        look: For the next frame.
    """

    def __init__(
        self, camera: Camera, stylizer: FrameStylizer, governor: Governor, look: Look, *, mirror: bool = False
    ) -> None:
        self.frames = Newest[Painted]()
        self.look = look
        self._camera, self._stylizer, self._governor, self._mirror = camera, stylizer, governor, mirror
        self._painted_look: Look | None = None
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._paint_all, name="painter", daemon=True)
        self._thread.start()

    def __enter__(self) -> LivePainter:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop painting."""
        self._stop.set()
        self._thread.join()

    def take(self, timeout_s: float) -> Painted | None:
        """Wait for the newest painted frame; None: none came in time, or none will come.

        Raises:
            NSTError: What painting has failed with.
        """
        painted = self.frames.take(timeout_s)
        if painted is None and self._failure is not None:
            raise self._failure
        return painted

    def _paint_all(self) -> None:
        try:
            while not self._stop.is_set() and not self._camera.frames.is_over:
                captured = self._camera.frames.take(_PATIENCE_S)
                if captured is not None:
                    self._paint(captured)
        except BaseException as failure:
            self._failure = failure
        finally:
            self.frames.close()

    def _paint(self, captured: Captured) -> None:
        begun = time.perf_counter()
        frame = self._fitted(captured.pixels)
        look = self.look
        if self._painted_look is None or _restyles(self._painted_look, look):
            self._stylizer.restyle(look.mix, strength=look.strength, preserve_color=look.preserve_color)
        self._painted_look = look
        painted = self._stylizer.stylize_frame(frame)
        self._governor.painted(time.perf_counter() - begun)
        self.frames.put(Painted(painted, captured.at, look))

    def _fitted(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = self._governor.size
        if pixels.shape[:2] != (height, width):
            pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return np.ascontiguousarray(pixels[:, ::-1]) if self._mirror else pixels


def _restyles(before: Look, after: Look) -> bool:
    return (before.mix, before.strength, before.preserve_color) != (after.mix, after.strength, after.preserve_color)
