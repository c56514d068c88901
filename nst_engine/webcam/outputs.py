"""Where stylized frames go: a window, a virtual camera, a file."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import MissingDependencyError, OptionError, OutputError
from nst_engine.motion.opencv import cv2

_TITLE = "nst webcam"
# for the first frame alone: a window that is hurried past its opening stays black
_OPENING_MS = 100


class Screen(Protocol):
    """A display."""

    def show(self, frame: NDArray[np.uint8]) -> str:
        """Show uint8 H×W×3, BGR; returns the key pressed, or an empty string."""

    def close(self) -> None:
        """Close it."""


class Window:
    """An OpenCV window, for the main thread only.

    Raises:
        OptionError: There is no display, or OpenCV is built without windows.
    """

    def __init__(self) -> None:
        if why := _why_no_display():
            raise OptionError(f"no window can be opened ({why}); on a machine without a screen: `no_window`")
        # OpenCV's Qt warns about missing fonts for each window
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")
        try:
            cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error as error:
            raise OptionError(
                f"no window can be opened ({str(error).splitlines()[0][:120]}); "
                "on a machine without a screen: `no_window`"
            ) from error
        self._size: tuple[int, int] | None = None

    def show(self, frame: NDArray[np.uint8]) -> str:
        """See `Screen`. A window that is closed counts as `q`."""
        cv2.imshow(_TITLE, frame)
        if self._size is None:
            self._size = frame.shape[1], frame.shape[0]
            cv2.resizeWindow(_TITLE, *self._size)
            cv2.waitKey(_OPENING_MS)
        return self._key()

    def _key(self) -> str:
        # a busy machine lets the millisecond pass with nothing drawn: first all that waits to be
        code = cv2.pollKey() & 0xFF
        if code == 0xFF:
            code = cv2.waitKey(1) & 0xFF
        if cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1 or code == 27:  # Escape
            return "q"
        return "" if code == 0xFF else chr(code)

    def close(self) -> None:
        """See `Screen`."""
        cv2.destroyAllWindows()


def _why_no_display() -> str | None:
    """Qt aborts the process without a display, so check for one first."""
    if sys.platform != "linux" or os.environ.get("WAYLAND_DISPLAY"):
        return None
    display = os.environ.get("DISPLAY", "")
    if not display:
        return "neither DISPLAY nor WAYLAND_DISPLAY is set"
    host, _, number = display.rpartition(":")
    if host not in ("", "unix"):
        return None
    with socket.socket(socket.AF_UNIX) as server:
        name = f"/tmp/.X11-unix/X{number.partition('.')[0]}"
        if server.connect_ex(name) and server.connect_ex(f"\0{name}"):
            return f"nothing answers at DISPLAY={display}"
    return None


class NoScreen:
    """For machines without one."""

    def show(self, frame: NDArray[np.uint8]) -> str:
        """See `Screen`: there are no keys."""
        return ""

    def close(self) -> None:
        """See `Screen`."""


class VirtualCamera:
    """A camera that other programs see, by pyvirtualcam; frames of another size are scaled.

    Raises:
        MissingDependencyError: pyvirtualcam is not installed.
        OutputError: There is no driver for it.
    """

    def __init__(self, height: int, width: int, fps: float) -> None:
        try:
            import pyvirtualcam  # type: ignore[import-not-found,unused-ignore]
        except ImportError as missing:
            raise MissingDependencyError(
                "`virtual_camera` needs pyvirtualcam, which is not installed; type: pip install pyvirtualcam"
            ) from missing
        try:
            self._camera: Any = pyvirtualcam.Camera(width, height, fps, fmt=pyvirtualcam.PixelFormat.BGR)
        except RuntimeError as error:
            raise OutputError(
                f"`virtual_camera`: {error}; on Linux: sudo modprobe v4l2loopback, elsewhere install OBS"
            ) from error
        self.name = str(self._camera.device)

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Show uint8 H×W×3, BGR, to other programs."""
        height, width = self._camera.height, self._camera.width
        if frame.shape[:2] != (height, width):
            frame = np.asarray(cv2.resize(frame, (width, height)), np.uint8)
        self._camera.send(frame)

    def close(self) -> None:
        """Close it."""
        self._camera.close()
