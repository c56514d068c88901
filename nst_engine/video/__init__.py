"""Moving pictures: files, animations and sequences, stylized frame by frame.

Options need neither Pillow nor OpenCV; modules that do are imported on first use.
"""

from typing import TYPE_CHECKING, Any

from nst_engine.video.options import DEFAULT_OPTIONS, VideoOptions, VideoProgress, VideoResult

if TYPE_CHECKING:
    from nst_engine.motion.frame_stylizer import FrameStylizer
    from nst_engine.video.ends import OUTPUT_SUFFIXES, check_video
    from nst_engine.video.files import VIDEO_SUFFIXES, check_video_writing, write_video
    from nst_engine.video.flicker import Flicker, flicker_by_setting
    from nst_engine.video.keyframes import StyleKeyframe
    from nst_engine.video.sequences import is_pattern
    from nst_engine.video.stylize_stage import FramePainter
    from nst_engine.video.transfer import paint_video, stylize_video
    from nst_engine.video.work_folder import finished_frames

__all__ = [
    "DEFAULT_OPTIONS",
    "OUTPUT_SUFFIXES",
    "VIDEO_SUFFIXES",
    "Flicker",
    "FramePainter",
    "FrameStylizer",
    "StyleKeyframe",
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

_MODULES = {
    "FrameStylizer": "nst_engine.motion.frame_stylizer",
    "OUTPUT_SUFFIXES": "nst_engine.video.ends",
    "check_video": "nst_engine.video.ends",
    "VIDEO_SUFFIXES": "nst_engine.video.files",
    "check_video_writing": "nst_engine.video.files",
    "write_video": "nst_engine.video.files",
    "Flicker": "nst_engine.video.flicker",
    "flicker_by_setting": "nst_engine.video.flicker",
    "StyleKeyframe": "nst_engine.video.keyframes",
    "FramePainter": "nst_engine.video.stylize_stage",
    "is_pattern": "nst_engine.video.sequences",
    "paint_video": "nst_engine.video.transfer",
    "stylize_video": "nst_engine.video.transfer",
    "finished_frames": "nst_engine.video.work_folder",
}


def __getattr__(name: str) -> Any:
    """Import heavy modules on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_MODULES[name]), name)
