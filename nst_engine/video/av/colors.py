"""From YUV to RGB and back, by what a video says of its colours."""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from nst_engine.errors import VideoDecodeError
from nst_engine.video.frames import BT470BG, BT709, FULL_RANGE, SMPTE170M, SRGB_TAGS, UNKNOWN, ColorTags

_NOT_YUV = (0, UNKNOWN, 3)
#: Of the numbers that H.273 gives to matrices; others are of damaged files.
_LAST_MATRIX = 17
# What players take untagged pictures for: from 720 rows on, or of 1280 columns, BT.709.
_HD_ROWS, _HD_COLUMNS = 720, 1280
# Swscale calls BT.601 by the number of one of its two names.
_SCALER_NAME = {SMPTE170M: BT470BG}
# Swscale's flags, by number since not every PyAV names them. Without the last three it takes a short cut that is dark
# by one and a half levels.
_BILINEAR, _BICUBIC = 0x2, 0x4
_WHOLE_CHROMA_OUT, _WHOLE_CHROMA_IN, _EXACT = 0x2000, 0x4000, 0x40000


def tags_of(frame: av.VideoFrame) -> ColorTags:
    """What a decoded frame says of its colours; where it says nothing, what players assume."""
    if frame.format.is_rgb or frame.format.has_palette:
        return SRGB_TAGS
    matrix = int(frame.colorspace)
    if matrix in _NOT_YUV or matrix > _LAST_MATRIX:
        is_hd = frame.height >= _HD_ROWS or frame.width >= _HD_COLUMNS
        matrix = BT709 if is_hd else SMPTE170M
    is_full = int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")
    return ColorTags(matrix, is_full, int(frame.color_primaries), int(frame.color_trc))


def holds_alpha(frame: av.VideoFrame) -> bool:
    """Whether its pixels may be transparent."""
    return frame.format.has_palette or any(component.is_alpha for component in frame.format.components)


class ToRgb:
    """Turns decoded frames into RGB of one size, and what is transparent in them.

    Args:
        height: Of the results, px.
        width: Likewise.
        tags: Of the frames.
        label: Of the file, for messages.
    """

    def __init__(self, height: int, width: int, tags: ColorTags, label: str) -> None:
        self._height, self._width, self._tags, self._label = height, width, tags, label
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """The frame as uint8 H×W×3, or H×W×4 where it may be transparent.

        Raises:
            VideoDecodeError: FFmpeg has no way from its colours to RGB.
        """
        if not (frame.format.is_rgb or frame.format.has_palette):
            frame.colorspace, frame.color_range = self._tags.matrix, self._tags.range
        is_same = (frame.height, frame.width) == (self._height, self._width)
        try:
            converted = self._reformatter.reformat(
                frame,
                width=self._width,
                height=self._height,
                format="rgba" if holds_alpha(frame) else "rgb24",
                interpolation=(_BILINEAR if is_same else _BICUBIC) | _WHOLE_CHROMA_OUT | _EXACT,
            )
        except OSError as error:
            raise VideoDecodeError(
                f"{self._label}: a frame of {frame.format.name} cannot be turned into RGB ({error.strerror}); "
                "convert it to H.264 first"
            ) from error
        return np.asarray(converted.to_ndarray(), np.uint8)


class FromRgb:
    """Turns RGB into frames to encode.

    Args:
        pixel_format: FFmpeg's name of a YUV format.
        tags: What the frames shall mean.
    """

    def __init__(self, pixel_format: str, tags: ColorTags) -> None:
        self._pixel_format, self._tags = pixel_format, tags
        self._reformatter = VideoReformatter()

    def __call__(self, pixels: NDArray[np.uint8]) -> av.VideoFrame:
        """A frame of uint8 H×W×3, or H×W×4."""
        tags = self._tags
        kind = "rgba" if pixels.shape[2] == 4 else "rgb24"
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=kind)
        frame = self._reformatter.reformat(
            rgb,
            format=self._pixel_format,
            dst_colorspace=_SCALER_NAME.get(tags.matrix, tags.matrix),
            dst_color_range=tags.range,
            interpolation=_BICUBIC | _WHOLE_CHROMA_IN | _EXACT,
        )
        frame.colorspace, frame.color_range = tags.matrix, tags.range
        frame.color_primaries, frame.color_trc = tags.primaries, tags.transfer
        return frame
