"""Records the shown frames to a file, encoded in its own thread."""

from __future__ import annotations

import queue
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OutputError
from nst_engine.files import check_output
from nst_engine.motion.opencv import cv2
from nst_engine.video.av.encoder import WRITING_ERRORS, FrameEncoder, codec_for
from nst_engine.video.formats import CONTAINERS, Plan

_WAITING_FRAMES = 12
_TICK = Fraction(1, 1000)
_LIVE_PRESET = "veryfast"


class Recorder:
    """Writes frames with their capture times. Frames are dropped where the encoder falls behind.

    Args:
        path: Of the video, .mp4 or another that `nst video` writes. It is written aside and renamed by `close`.

    Attributes:
        path: As given.
        dropped: Number of dropped frames.

    Raises:
        OutputError: The file cannot be written.
        MissingDependencyError: PyAV is not installed, or lacks the codec.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.dropped = path, 0
        self._target = check_output(path, suffixes=tuple(CONTAINERS))
        _, codec, crf = codec_for(path.suffix.lower(), None, None)
        if "preset" in codec.options:
            codec = replace(codec, options={**codec.options, "preset": _LIVE_PRESET})
        self._plan = Plan(path.suffix.lower(), codec, crf, _TICK, Fraction(30))
        self._frames: queue.Queue[tuple[NDArray[np.uint8], float] | None] = queue.Queue(_WAITING_FRAMES)
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._encode_all, name="recorder")
        self._thread.start()

    def write(self, frame: NDArray[np.uint8], at: float) -> None:
        """Add uint8 H×W×3, BGR, taken at a time in s. Frames of another size than the first are scaled.

        Raises:
            OutputError: Writing has failed.
        """
        if self._failure is not None:
            raise OutputError(f"{self.path}: cannot be written ({self._failure})") from self._failure
        try:
            self._frames.put_nowait((frame, at))
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what waits, and give the file its name.

        Raises:
            OutputError: Writing has failed; nothing is left.
        """
        self._frames.put(None)
        self._thread.join()
        if self._failure is not None:
            raise OutputError(f"{self.path}: cannot be written ({self._failure})") from self._failure

    def _encode_all(self) -> None:
        partial = self._target.with_name(f".{self._target.stem}.recording{self._target.suffix}")
        encoder: FrameEncoder | None = None
        try:
            encoder = self._encode_to(partial)
            if encoder is not None:
                encoder.finish()
                partial.replace(self._target)
        except WRITING_ERRORS as failure:
            self._failure = failure
            if encoder is not None:
                encoder.discard()
            while self._frames.get() is not None:
                pass

    def _encode_to(self, partial: Path) -> FrameEncoder | None:
        """The file with all frames; None: there were none."""
        encoder: FrameEncoder | None = None
        begun, last, size = 0.0, -1, (0, 0)
        while (waiting := self._frames.get()) is not None:
            frame, at = waiting
            if encoder is None:
                begun, size = at, (frame.shape[0], frame.shape[1])
                container = CONTAINERS[self._plan.suffix]
                encoder = FrameEncoder(partial, self._plan, *size, container=container)
            if frame.shape[:2] != size:
                frame = np.asarray(cv2.resize(frame, size[::-1]), np.uint8)
            last = max(last + 1, round((at - begun) / _TICK))
            encoder.write(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8), last)
        return encoder
