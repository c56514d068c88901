"""Where the pixels of a frame were in the frame before, and which of them were not to be seen there.

Dense optical flow by inverse search (DIS: Kroeger et al. 2016, arXiv:1603.03590) on small grey frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nst_engine.video.cv import opencv

#: Ruder et al. 2016 (arXiv:1604.08610), section 4.1: how far a way there and back may end from where it began, as a
#: share of its length and in px; and how fast the flow may change from pixel to pixel.
DISOCCLUSION = (0.01, 0.5)
MOTION_BOUNDARY = (0.01, 0.002)

# levels of 255 that a pixel may differ from where it is thought to have been: all right, and no longer
_SAME, _OTHER = 10.0, 30.0
_SMALLEST_FOR_DIS_PX = 16


@dataclass(frozen=True, eq=False)
class Motion:
    """Between two frames, at the size of the grey ones.

    Attributes:
        flow: float32 h×w×2, px: pixel (x, y) of the later frame was at (x, y) + flow in the earlier one.
        seen: float32 h×w, 0-1: how sure it is that it was.
    """

    flow: NDArray[np.float32]
    seen: NDArray[np.float32]


class MotionEstimator:
    """Finds out how frames move.

    Args:
        longer_side_px: Of the grey frames.
        preset: `ultrafast`, `fast` or `medium` of DIS.
        checks_back: Whether what was not seen is found by following the flow there and back, as Ruder does, instead
            of by comparing the pixels; twice the time.
    """

    def __init__(self, longer_side_px: int, preset: str, *, checks_back: bool) -> None:
        cv2 = opencv()
        self._side, self._checks_back = longer_side_px, checks_back
        self._flow = cv2.DISOpticalFlow_create(getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{preset.upper()}"))

    def grey(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A frame, uint8 H×W×3, small and grey: uint8 h×w. Frames that are small already keep their size."""
        cv2 = opencv()
        height, width = frame.shape[:2]
        # by whole steps: an average of exactly so many pixels is several times as fast
        step = max(1, round(max(height, width) / self._side))
        small = cv2.resize(frame, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA)
        grey: NDArray[np.uint8] = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        return grey

    def between(self, earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> Motion:
        """The motion from one grey frame to the next, of the same size."""
        if min(earlier.shape) < _SMALLEST_FOR_DIS_PX:
            flow = np.zeros((*earlier.shape, 2), np.float32)
            return Motion(flow, _seen_alike(flow, earlier, later))
        flow = self._calculated(later, earlier)
        if self._checks_back:
            return Motion(flow, _seen_there_and_back(flow, self._calculated(earlier, later)))
        return Motion(flow, _seen_alike(flow, earlier, later))

    def _calculated(self, of: NDArray[np.uint8], where: NDArray[np.uint8]) -> NDArray[np.float32]:
        flow: NDArray[np.float32] = self._flow.calc(of, where, None)
        return flow


def places(flow: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Where the pixels of a frame of that size were, by a flow at any size: float32 H×W×2, x and y."""
    cv2 = opencv()
    small_height, small_width = flow.shape[:2]
    scale = np.array([width / small_width, height / small_height], np.float32)
    full: NDArray[np.float32] = cv2.resize(flow * scale, (width, height))
    full += _grid(height, width)
    return full


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> NDArray[np.float32]:
    rows, columns = np.indices((height, width), np.float32)
    return np.stack([columns, rows], axis=-1)


def _seen_alike(flow: NDArray[np.float32], earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> NDArray[np.float32]:
    cv2 = opencv()
    before = cv2.remap(earlier, places(flow, *later.shape), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    difference = cv2.blur(cv2.absdiff(before, later), (3, 3)).astype(np.float32)
    alike: NDArray[np.float32] = np.clip((_OTHER - difference) / (_OTHER - _SAME), 0, 1) * _inside(flow)
    return alike


def _seen_there_and_back(flow: NDArray[np.float32], back: NDArray[np.float32]) -> NDArray[np.float32]:
    cv2 = opencv()
    height, width = flow.shape[:2]
    returned = cv2.remap(back, places(flow, height, width), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    off = np.square(flow + returned).sum(-1)
    length = np.square(flow).sum(-1) + np.square(returned).sum(-1)
    changes = sum(np.square(each).sum(-1) for each in np.gradient(flow, axis=(0, 1)))
    is_seen = off <= DISOCCLUSION[0] * length + DISOCCLUSION[1]
    is_smooth = changes <= MOTION_BOUNDARY[0] * np.square(flow).sum(-1) + MOTION_BOUNDARY[1]
    seen = (is_seen & is_smooth).astype(np.float32) * _inside(flow)
    softened: NDArray[np.float32] = cv2.blur(seen, (3, 3))
    return softened


def _inside(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 where a pixel comes from within the frame, 0 where from beyond."""
    height, width = flow.shape[:2]
    came_from = places(flow, height, width)
    x, y = came_from[..., 0], came_from[..., 1]
    is_inside: NDArray[np.bool_] = (x >= -1) & (x <= width) & (y >= -1) & (y <= height)
    return is_inside.astype(np.float32)
