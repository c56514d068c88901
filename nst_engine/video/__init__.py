"""Moving pictures: the only package that imports PyAV."""

from nst_engine.video.files import VIDEO_SUFFIXES, check_video_writing, write_video

__all__ = ["VIDEO_SUFFIXES", "check_video_writing", "write_video"]
