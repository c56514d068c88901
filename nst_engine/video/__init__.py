"""Moving pictures: files, animations and sequences, painted frame by frame."""

from typing import TYPE_CHECKING, Any

from nst_engine.motion.frame_stylizer import FrameStylizer
from nst_engine.video.ends import OUTPUT_SUFFIXES, check_video
from nst_engine.video.files import VIDEO_SUFFIXES, check_video_writing, write_video
from nst_engine.video.options import DEFAULT_OPTIONS, VideoOptions, VideoProgress, VideoResult
from nst_engine.video.painting import FramePainter
from nst_engine.video.sequences import is_pattern
from nst_engine.video.transfer import paint_video, stylize_video
from nst_engine.video.work_folder import finished_frames

if TYPE_CHECKING:
    from nst_engine.video.flicker import Flicker, flicker_by_setting

__all__ = [
    "DEFAULT_OPTIONS",
    "OUTPUT_SUFFIXES",
    "VIDEO_SUFFIXES",
    "Flicker",
    "FramePainter",
    "FrameStylizer",
    "VideoOptions",
    "VideoProgress",
    "VideoResult",
    "check_video",
    "check_video_writing",
    "finished_frames",
    "flicker_by_setting",
    "is_pattern",
    "paint_video",
    "stylize_video",
    "write_video",
]


def __getattr__(name: str) -> Any:
    """Import OpenCV when flicker is first measured."""
    if name not in ("Flicker", "flicker_by_setting"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from nst_engine.video import flicker

    return getattr(flicker, name)
