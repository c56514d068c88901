"""Frames become a video file."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import MissingDependencyError, OutputError

VIDEO_SUFFIXES = (".mp4",)


def check_video_writing() -> None:
    """Refuse before the work if no video could be written after it.

    Raises:
        MissingDependencyError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as missing:
        raise MissingDependencyError(
            "an .mp4 needs PyAV, which is not installed; type: pip install 'nst-engine[video]', or take .gif or .webp"
        ) from missing
    if "libx264" not in av.codecs_available:
        raise MissingDependencyError("this PyAV is built without libx264; take .gif or .webp, or the PyAV of PyPI")


def write_video(path: Path, frames: Iterable[NDArray[np.uint8]], *, fps: int, hold_seconds: float = 1.5) -> None:
    """Write H.264, without sound, to a temporary file that is then renamed.

    Args:
        path: With the suffix .mp4.
        frames: uint8 H x W x 3, all of one size; an odd last row or column is doubled, since H.264 needs even sides.
        fps: Frames per second.
        hold_seconds: How long the last frame stands.

    Raises:
        MissingDependencyError: PyAV is not installed.
        OutputError: The file cannot be written.
    """
    check_video_writing()
    import av

    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        with av.open(str(temporary), "w", options={"movflags": "faststart"}) as container:
            stream = None
            last = None
            for last in frames:
                even = _even(last)
                if stream is None:
                    stream = container.add_stream("libx264", rate=Fraction(fps), options={"crf": "18"})
                    stream.height, stream.width = even.shape[:2]
                    stream.pix_fmt = "yuv420p"
                container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
            if stream is not None and last is not None:
                held = av.VideoFrame.from_ndarray(_even(last), format="rgb24")
                for _ in range(round(fps * hold_seconds)):
                    held.pts = None
                    container.mux(stream.encode(held))
                container.mux(stream.encode(None))
        temporary.replace(path)
    except (OSError, av.error.FFmpegError) as failed:
        raise OutputError(f"{path}: the video cannot be written ({failed})") from failed
    finally:
        temporary.unlink(missing_ok=True)


def _even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = frame.shape[:2]
    return np.ascontiguousarray(np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge"))
