"""Writes frames as a silent video file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import MissingDependencyError, OutputError
from nst_engine.files import part_beside
from nst_engine.video.av import require_av
from nst_engine.video.formats import CODECS, Plan

VIDEO_SUFFIXES = (".mp4",)

_INSTEAD = ", or take .gif or .webp"


def check_video_writing() -> None:
    """Check before the work that a video can be written after it.

    Raises:
        MissingDependencyError: PyAV is not installed, or has no H.264.
    """
    require_av("an .mp4", _INSTEAD)
    from nst_engine.video.av.encoder import is_available

    if not is_available(CODECS["h264"]):
        raise MissingDependencyError(f"this PyAV is built without libx264; take the PyAV of PyPI{_INSTEAD}")


def write_video(path: Path, frames: Iterable[NDArray[np.uint8]], *, fps: int, hold_seconds: float = 1.5) -> None:
    """Write H.264, without sound, to a temporary file that is then renamed.

    Args:
        path: With the suffix .mp4.
        frames: uint8 H×W×3, all of one size; an odd last row or column is doubled, since H.264 needs even sides.
        fps: Frames per second.
        hold_seconds: Duration of the last frame.

    Raises:
        MissingDependencyError: PyAV is not installed.
        OutputError: The file cannot be written.
    """
    check_video_writing()
    from nst_engine.video.av.encoder import WRITING_ERRORS

    shown = iter(frames)
    first = next(shown, None)
    if first is None:
        raise OutputError(f"{path}: the video cannot be written (there are no frames)")
    try:
        with part_beside(path) as partial:
            _encode(partial, first, shown, fps, held=round(fps * hold_seconds))
    except WRITING_ERRORS as failed:
        if isinstance(failed, OutputError):
            raise
        raise OutputError(f"{path}: the video cannot be written ({failed})") from failed


def _encode(path: Path, first: NDArray[np.uint8], others: Iterable[NDArray[np.uint8]], fps: int, held: int) -> None:
    """All frames, and the last one so many times more."""
    from nst_engine.video.av.encoder import FrameEncoder

    # a recording is short: time for high-quality encoding
    codec = replace(CODECS["h264"], options={"preset": "medium"})
    plan = Plan(".mp4", codec, codec.crf, 1 / Fraction(fps), Fraction(fps))
    size = first.shape[0], first.shape[1]
    encoder = FrameEncoder(path, plan, *size, container="mp4", container_options={"movflags": "+faststart"})
    try:
        pts, last = 0, first
        encoder.write(first, pts)
        for pts, last in enumerate(others, 1):
            encoder.write(last, pts)
        for later in range(pts + 1, pts + 1 + held):
            encoder.write(last, later)
        encoder.finish()
    except BaseException:
        encoder.discard()
        raise
