"""Reads a source at full speed and keeps only the newest frame."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OptionError
from nst_engine.webcam.newest import Newest
from nst_engine.webcam.source import FrameSource

State = Literal["running", "stalled", "lost", "ended"]

#: A source without a frame for so long has failed.
STALL_S = 2.0
_RETRY_S = 1.0
_RENEWED_S = 0.005


@dataclass(frozen=True, eq=False)
class Captured:
    """A frame.

    Attributes:
        pixels: uint8 H×W×3, BGR.
        at: When it was read, s, as `time.perf_counter` has it.
    """

    pixels: NDArray[np.uint8]
    at: float


class Camera:
    """Reads a source in its own thread, until it is closed. A context manager.

    A live source that fails is opened again until it comes back. A file is read at its own speed, as if it were a
    camera, and waits at its first frame until that is taken, so that it does not end during the warm-up.

    Attributes:
        frames: Holds the newest frame.
        reconnected: How often the source came back.

    Raises:
        OptionError: The source cannot be opened.
    """

    def __init__(self, source: FrameSource) -> None:
        self.frames = Newest[Captured]()
        self.reconnected = 0
        self._source = source
        self._is_lost = False
        self._is_waiting = False
        self._stop = threading.Event()
        source.open()
        self._last = time.perf_counter()
        self._thread = threading.Thread(target=self._read_all, name="camera", daemon=True)
        self._thread.start()

    def __enter__(self) -> Camera:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Stop reading. A hanging driver's thread is abandoned."""
        self._stop.set()
        self._thread.join(timeout=STALL_S)

    @property
    def state(self) -> State:
        """State of the source."""
        if self.frames.is_over:
            return "ended"
        if self._is_lost:
            return "lost"
        is_late = not self._is_waiting and time.perf_counter() - self._last > STALL_S
        return "stalled" if is_late else "running"

    @property
    def message(self) -> str:
        """Message for the user; empty while all is well."""
        label = self._source.label
        return {
            "running": "",
            "stalled": f"{label}: no picture for {time.perf_counter() - self._last:.0f} s; is it covered or asleep?",
            "lost": f"{label}: gone; plug it in again, it will be found",
            "ended": f"{label}: has ended",
        }[self.state]

    def _read_all(self) -> None:
        due: float | None = None
        try:
            while not self._stop.is_set():
                pixels = self._source.read()
                if pixels is not None:
                    is_first, due = due is None, self._paced(due)
                    self.frames.put(self._captured(pixels))
                    if is_first and not self._source.is_live:
                        due += self._wait_until_first_taken(pixels)
                elif not (self._source.is_live and self._comes_back()):
                    return
        finally:
            self.frames.close()
            self._source.close()

    def _captured(self, pixels: NDArray[np.uint8]) -> Captured:
        self._last = time.perf_counter()
        return Captured(pixels, self._last)

    def _wait_until_first_taken(self, pixels: NDArray[np.uint8]) -> float:
        """Wait until the first frame is taken; returns how long that took, s."""
        begun = time.perf_counter()
        self._is_waiting = True
        while not self._stop.wait(_RENEWED_S) and self.frames.renew(self._captured(pixels)):
            pass
        self._is_waiting = False
        return time.perf_counter() - begun

    def _paced(self, due: float | None) -> float:
        """A file's frames come when they are due; returns when the next one is."""
        now = time.perf_counter()
        due = now if due is None else due
        if not self._source.is_live:
            self._stop.wait(max(0.0, due - now))
        return max(due, time.perf_counter() - STALL_S) + 1 / self._source.fps

    def _comes_back(self) -> bool:
        """Open the source again and again; False: we are closed before that helps."""
        self._is_lost = True
        while not self._stop.wait(_RETRY_S):
            try:
                self._source.open()
            except OptionError:
                continue
            self._is_lost = False
            self.reconnected += 1
            self._last = time.perf_counter()
            return True
        return False
