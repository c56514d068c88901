"""Records the shown frames to a file, encoded in its own thread."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OutputError
from nst_engine.files import check_output, part_beside
from nst_engine.motion.opencv import cv2
from nst_engine.video.av.encoder import WRITING_ERRORS, FrameEncoder, codec_for
from nst_engine.video.formats import CONTAINERS, Plan

_WAITING_FRAMES = 12
_TICK = Fraction(1, 1000)
_LIVE_PRESET = "veryfast"

# BGR, and when it was taken, in s
_Shown: TypeAlias = tuple[NDArray[np.uint8], float]


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
        self._frames: queue.Queue[_Shown | None] = queue.Queue(_WAITING_FRAMES)
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._encode_all, name="recorder")
        self._thread.start()

    def write(self, frame: NDArray[np.uint8], at: float) -> None:
        """Add uint8 H×W×3, BGR, taken at a time in s. Frames of another size than the first are scaled.

        Raises:
            OutputError: Writing has failed.
        """
        self._check()
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
        self._check()

    def _check(self) -> None:
        if isinstance(self._failure, OutputError):
            raise OutputError(str(self._failure)) from self._failure
        if self._failure is not None:
            raise OutputError(f"{self.path}: cannot be written ({self._failure})") from self._failure

    def _encode_all(self) -> None:
        # it stays at its end: what waits is read off after a failure at the very end, too
        frames = iter(self._frames.get, None)
        try:
            first = next(frames, None)
            if first is not None:
                with part_beside(self._target) as partial:
                    self._encode_to(partial, itertools.chain([first], frames), *first)
        except WRITING_ERRORS as failure:
            self._failure = failure
            for _ in frames:
                pass

    def _encode_to(self, partial: Path, frames: Iterable[_Shown], first: NDArray[np.uint8], begun: float) -> None:
        size = first.shape[0], first.shape[1]
        encoder = FrameEncoder(partial, self._plan, *size, container=CONTAINERS[self._plan.suffix])
        try:
            last = -1
            for frame, at in frames:
                scaled = frame if frame.shape[:2] == size else np.asarray(cv2.resize(frame, size[::-1]), np.uint8)
                last = max(last + 1, round((at - begun) / _TICK))
                encoder.write(np.asarray(cv2.cvtColor(scaled, cv2.COLOR_BGR2RGB), np.uint8), last)
            encoder.finish()
        except BaseException:
            encoder.discard()
            raise
