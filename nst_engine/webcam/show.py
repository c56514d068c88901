"""The main thread's part: show stylized frames, handle keys, keep statistics."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nst_engine.image import save_image
from nst_engine.motion.opencv import cv2
from nst_engine.video.av import require_av
from nst_engine.webcam.adaptive_size import AdaptiveSize
from nst_engine.webcam.camera import Camera
from nst_engine.webcam.live import LiveStylizer, StylizedFrame
from nst_engine.webcam.outputs import Screen, VirtualCamera
from nst_engine.webcam.overlay import help_lines, with_lines
from nst_engine.webcam.statistics import FrameStatistics
from nst_engine.webcam.style_folder import StyleFolder

if TYPE_CHECKING:
    from nst_engine.webcam.recorder import Recorder

_PATIENCE_S = 0.05
_MESSAGE_S = 3.0  # duration of a message on the screen


class Show:
    """Shows stylized frames until the camera ends, enough were shown, or `q` is pressed.

    Args:
        camera: Source of the frames.
        live: Stylizes the frames; keys change its `look`.
        adaptive_size: Its size is displayed.
        screen: To show on; used by the caller's thread.
        provider: What computes, for display.
        say: Shows messages to the user.
        recording: File to record to from the start; the key `r` records to files of its own.
        virtual_camera: To send frames to as well.
        style_folder: That the key `i` steps through; None: the model reads no style images.
    """

    def __init__(
        self,
        camera: Camera,
        live: LiveStylizer,
        adaptive_size: AdaptiveSize,
        screen: Screen,
        *,
        provider: str,
        say: Callable[[str], None],
        recording: Path | None = None,
        virtual_camera: VirtualCamera | None = None,
        style_folder: StyleFolder | None = None,
    ) -> None:
        self.statistics = FrameStatistics()
        self._camera, self._live, self._adaptive_size, self._screen = camera, live, adaptive_size, screen
        self._provider, self._say, self._virtual_camera = provider, say, virtual_camera
        self._style_folder = style_folder
        self._recorder = None if recording is None else _recorder_to(recording)
        self._last: StylizedFrame | None = None
        self._dropped_before = 0
        self._message, self._message_at = "", 0.0

    def run(self, frames: int | None = None) -> None:
        """Show.

        Raises:
            NSTError: The error of stylizing or recording.
        """
        try:
            while frames is None or self.statistics.count < frames:
                stylized = self._live.take(_PATIENCE_S)
                if stylized is None and self._live.frames.is_over:
                    return
                self._watch_camera()
                if self._step(stylized) == "q":
                    return
        finally:
            if self._recorder is not None:
                self._recorder.close()

    def _step(self, stylized: StylizedFrame | None) -> str:
        """Show a new frame, or the last one again with the overlay; handle the pressed key."""
        shown = stylized or self._last
        if shown is None:
            return ""
        if stylized is not None:
            self._last = stylized
            if self._recorder is not None:
                self._recorder.write(stylized.pixels, stylized.captured_at)
            if self._virtual_camera is not None:
                self._virtual_camera.write(stylized.pixels)
        key = self._screen.show(self._with_overlay(shown.pixels))
        if stylized is not None:
            if not self.statistics.count:  # frames during the warm-up do not count
                self._dropped_before += self.dropped
            self.statistics.shown(stylized.captured_at)
        self._obey(key)
        return key

    def _with_overlay(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        look, statistics = self._live.look, self.statistics
        lines: list[str] = []
        height, width = pixels.shape[:2]
        tallest, widest = self._adaptive_size.sizes[-1]
        if (height, width) != (tallest, widest):  # the window and its text keep their size
            pixels = np.asarray(cv2.resize(pixels, (widest, tallest), interpolation=cv2.INTER_LINEAR), np.uint8)
        if look.shows_overlay:
            lines = [
                f"{statistics.fps:.1f} frames/s   camera to screen {statistics.latency_ms(50):.0f} ms, "
                f"p95 {statistics.latency_ms(95):.0f} ms   dropped {self.dropped}",
                f"{look.label}   {width}x{height}   {self._provider}{'   recording' if self._recorder else ''}",
            ]
            lines += [self._adaptive_size.note] if self._adaptive_size.note else []
        if self._message and time.perf_counter() - self._message_at < _MESSAGE_S:
            lines.append(self._message)
        if look.shows_help:
            lines += help_lines()
        return with_lines(pixels, lines) if lines else pixels

    @property
    def dropped(self) -> int:
        """Number of camera frames that were never shown, since the first one was."""
        return self._camera.frames.dropped + self._live.frames.dropped - self._dropped_before

    def _obey(self, key: str) -> None:
        if key == "s" and self._last is not None:
            path = save_image(_stamped("png"), np.ascontiguousarray(self._last.pixels[..., ::-1]))
            self._tell(f"saved {path}")
        elif key == "r":
            self._switch_recording()
        elif key == "i":
            self._take_next_style()
        elif key:
            self._live.look = self._live.look.after(key)

    def _take_next_style(self) -> None:
        if self._style_folder is None:
            self._tell("this model holds its styles; begin with --style-image FOLDER for others")
            return
        style, message = self._style_folder.next()
        if style is not None:
            self._live.look = self._live.look.in_style(style)
        self._tell(message)

    def _switch_recording(self) -> None:
        if self._recorder is None:
            self._recorder = _recorder_to(_stamped("mp4"))
            self._tell(f"recording to {self._recorder.path}")
        else:
            recorder, self._recorder = self._recorder, None
            recorder.close()
            self._tell(f"saved {recorder.path}")

    def _watch_camera(self) -> None:
        message = self._camera.message
        if message and message.partition(":")[2] != self._message.partition(":")[2]:
            self._tell(message)

    def _tell(self, message: str) -> None:
        self._message, self._message_at = message, time.perf_counter()
        self._say(message)


def _stamped(suffix: str) -> Path:
    return Path(f"nst-webcam-{time.strftime('%Y%m%d-%H%M%S')}.{suffix}")


def _recorder_to(path: Path) -> Recorder:
    require_av(str(path))
    from nst_engine.webcam.recorder import Recorder

    return Recorder(path)
