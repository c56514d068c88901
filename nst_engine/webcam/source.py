"""Where frames come from: a camera, a stream or a file, read by OpenCV."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OptionError
from nst_engine.motion.opencv import cv2
from nst_engine.reading import why_no_file
from nst_engine.video.formats import FILE_OPTIONS

_USUAL_FPS = 30.0
_FFMPEG_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"  # key;value|key;value
_FFMPEG_LOG, _QUIET = "OPENCV_FFMPEG_LOGLEVEL", "-8"  # OpenCV reads it once, when it first opens anything by FFmpeg


class FrameSource(Protocol):
    """What a `Camera` reads.

    Attributes:
        label: What messages call it.
        is_live: Whether it may come back after it has failed: a camera, not a file.
        fps: Frames per second, as far as it says so.
    """

    label: str
    is_live: bool
    fps: float

    def open(self) -> None:
        """Begin, or begin again.

        Raises:
            OptionError: It is not there, or in use.
        """

    def read(self) -> NDArray[np.uint8] | None:
        """Wait for the next frame, uint8 H×W×3 in BGR; None: there is none any more."""

    def close(self) -> None:
        """Let go of it."""


@contextlib.contextmanager
def _as_wanted(*, is_file: bool) -> Iterator[None]:
    """While something is opened: FFmpeg is quiet; a file gives its own pictures, and none of others that it names."""
    wanted = {_FFMPEG_LOG: os.environ.get(_FFMPEG_LOG, _QUIET)}
    if is_file:
        wanted[_FFMPEG_OPTIONS] = "|".join(f"{key};{value}" for key, value in FILE_OPTIONS.items())
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class OpenCvSource:
    """A camera by number or device, a stream by its address, or a file.

    Args:
        name: Such as `0`, `/dev/video1`, `rtsp://...` or `clip.mp4`.
    """

    def __init__(self, name: str) -> None:
        self.label = f"camera {name}" if name.isdigit() else name
        self.is_live = name.isdigit() or name.startswith("/dev/") or "://" in name
        self.fps = _USUAL_FPS
        self._name = name
        self._capture: Any = None

    def open(self) -> None:
        """See `FrameSource`."""
        self.close()
        if why := self._why_absent():
            raise OptionError(f"`camera='{self._name}'`: {why}")
        is_device = self.is_live and "://" not in self._name
        backend = cv2.CAP_V4L2 if is_device and sys.platform == "linux" else cv2.CAP_ANY
        with _as_wanted(is_file=not self.is_live):
            capture = cv2.VideoCapture(int(self._name) if self._name.isdigit() else self._name, backend)
        if not capture.isOpened():
            capture.release()
            raise OptionError(f"`camera='{self._name}'`: {self._why_not_open()}")
        if self.is_live:
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # where the driver listens: no old frames
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        self.fps = rate if 1 <= rate <= 1000 else _USUAL_FPS
        self._capture = capture

    def check_moves(self) -> None:
        """Refuse a file of one picture: it would be over at once. To be opened again afterwards.

        Raises:
            OptionError: It is one, or holds none.
        """
        if self.is_live:
            return
        if self.read() is None:
            raise OptionError(f"`camera='{self._name}'`: gives no pictures; give a video file")
        if self.read() is None:
            raise OptionError(f"`camera='{self._name}'`: holds one picture only; type: nst stylize {self._name}")

    def _why_absent(self) -> str | None:
        if not self.is_live:
            why = why_no_file(self._name)
            return why and f"{why}; give a number, a device, an address or a video file"
        if "://" in self._name or sys.platform != "linux":
            return None
        device = Path(f"/dev/video{self._name}" if self._name.isdigit() else self._name)
        connected = ", ".join(sorted(map(str, Path("/dev").glob("video*")))) or "none"
        return None if device.exists() else f"there is no such camera; connected: {connected}"

    def _why_not_open(self) -> str:
        if not self.is_live:
            return "cannot be read as a video; give a video file"
        if "://" in self._name:
            return "does not answer; check the address and the network"
        return (
            "is no camera, is in use, or may not be opened; close the other program, or have yourself added to the "
            "group video"
        )

    def read(self) -> NDArray[np.uint8] | None:
        """See `FrameSource`."""
        is_there, frame = self._capture.read() if self._capture is not None else (False, None)
        return frame if is_there else None

    def close(self) -> None:
        """See `FrameSource`."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None
