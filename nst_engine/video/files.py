"""Writes frames as a silent video file."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import MissingDependencyError, OutputError
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
    from nst_engine.video.av.encoder import WRITING_ERRORS, FrameEncoder

    # a recording is short: time for high-quality encoding
    codec = replace(CODECS["h264"], options={"preset": "medium"})
    plan = Plan(".mp4", codec, codec.crf, 1 / Fraction(fps), Fraction(fps))
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    encoder: FrameEncoder | None = None
    try:
        pts, last = 0, None
        for pts, last in enumerate(frames):
            if encoder is None:
                size = last.shape[0], last.shape[1]
                encoder = FrameEncoder(
                    temporary, plan, *size, container="mp4", container_options={"movflags": "+faststart"}
                )
            encoder.write(last, pts)
        if encoder is None or last is None:
            raise OutputError(f"{path}: the video cannot be written (there are no frames)")
        for later in itertools.islice(itertools.count(pts + 1), round(fps * hold_seconds)):
            encoder.write(last, later)
        encoder.finish()
        temporary.replace(path)
    except WRITING_ERRORS as failed:
        if isinstance(failed, OutputError):
            raise
        raise OutputError(f"{path}: the video cannot be written ({failed})") from failed
    finally:
        if encoder is not None:
            encoder.discard()
