"""Optical flow from a frame to the previous one, and which pixels were occluded there.

Dense optical flow by inverse search (DIS: Kroeger et al. 2016, arXiv:1603.03590) on small grey frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from nst_engine.motion.opencv import NO_MAP, cv2

#: Ruder et al. 2016 (arXiv:1604.08610), section 4.1: how far the forward and backward flow may disagree, as a
#: share of its length and in px; and how fast the flow may change from pixel to pixel.
DISOCCLUSION = (0.01, 0.5)
MOTION_BOUNDARY = (0.01, 0.002)

_ALIKE_LEVELS = 20  # of 255; largest difference of corresponding pixels
_SAMPLED_PX = 4  # stride of the flow's samples for its median
_SMALLEST_FOR_DIS_PX = 16


@dataclass(frozen=True, eq=False)
class Motion:
    """Between two frames, at the size of the grey ones.

    Attributes:
        flow: float32 h×w×2, px: pixel (x, y) of the later frame was at (x, y) + flow in the earlier one.
        seen: uint8 h×w: 1 where the flow is reliable, else 0.
    """

    flow: NDArray[np.float32]
    seen: NDArray[np.uint8]

    @property
    def seen_share(self) -> float:
        """Share of the frame where the flow is reliable."""
        return cv2.countNonZero(self.seen) / self.seen.size

    @cached_property
    def shift(self) -> NDArray[np.float32]:
        """The median motion of the frame, x and y, px."""
        shift: NDArray[np.float32] = np.median(self.flow[::_SAMPLED_PX, ::_SAMPLED_PX], axis=(0, 1))
        return shift


class MotionEstimator:
    """Estimates optical flow between frames.

    Args:
        longer_side_px: Of the grey frames.
        preset: `ultrafast`, `fast` or `medium` of DIS.
        checks_back: Whether occlusions are detected by comparing forward and backward flow, as Ruder does, instead
            of by comparing the pixels; twice the time.
    """

    def __init__(self, longer_side_px: int, preset: str, *, checks_back: bool) -> None:
        self._side, self._checks_back = longer_side_px, checks_back
        self._flow = cv2.DISOpticalFlow.create(getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{preset.upper()}"))

    def grey(self, frame: NDArray[np.uint8], *, is_bgr: bool = False) -> NDArray[np.uint8]:
        """A frame, uint8 H×W×3 RGB or BGR, small and grey: uint8 h×w. Frames that are small already keep their size."""
        height, width = frame.shape[:2]
        # by an integer factor: averaging whole blocks is several times as fast
        step = max(1, round(max(height, width) / self._side))
        small = cv2.resize(frame, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY if is_bgr else cv2.COLOR_RGB2GRAY), np.uint8)

    def between(self, earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> Motion:
        """The motion from one grey frame to the next, of the same size."""
        if min(earlier.shape) < _SMALLEST_FOR_DIS_PX:
            flow = np.zeros((*earlier.shape, 2), np.float32)
            return Motion(flow, _looks_alike(flow, earlier, later))
        flow = self._calculated(later, earlier)
        if self._checks_back:
            return Motion(flow, _seen_there_and_back(flow, self._calculated(earlier, later)))
        return Motion(flow, _looks_alike(flow, earlier, later))

    def _calculated(self, of: NDArray[np.uint8], where: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(self._flow.calc(of, where, None), np.float32)  # type: ignore[call-overload,unused-ignore]


def places(flow: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """The flow's sampling positions for a frame of that size: float32 H×W×2, x and y.

    Places grow as evenly as pixels do, so they are enlarged with the flow; at the very border they stop with it.
    """
    small_height, small_width = flow.shape[:2]
    right, down = width / small_width, height / small_height
    centres = _centres(small_height, small_width, down, right)
    if (right, down) == (1, 1):
        return np.asarray(cv2.add(flow, centres), np.float32)
    scaled = cv2.multiply(flow, (right, down, 0.0, 0.0))  # type: ignore[call-overload,unused-ignore]
    return np.asarray(cv2.resize(cv2.add(scaled, centres), (width, height)), np.float32)


@lru_cache(maxsize=4)
def _centres(height: int, width: int, down: float, right: float) -> NDArray[np.float32]:
    """Of the pixels of a small frame, in a large one: float32 H×W×2, x and y."""
    rows, columns = np.indices((height, width), np.float32)
    return np.stack([(columns + 0.5) * right - 0.5, (rows + 0.5) * down - 0.5], axis=-1)


def _looks_alike(flow: NDArray[np.float32], earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> NDArray[np.uint8]:
    came_from = places(flow, *later.shape)
    before = cv2.remap(earlier, came_from, NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    difference = cv2.blur(cv2.absdiff(before, later), (3, 3))
    _, alike = cv2.threshold(difference, _ALIKE_LEVELS, 1, cv2.THRESH_BINARY_INV)
    return np.asarray(cv2.bitwise_and(alike, _inside(came_from)), np.uint8)


def _seen_there_and_back(flow: NDArray[np.float32], back: NDArray[np.float32]) -> NDArray[np.uint8]:
    height, width = flow.shape[:2]
    came_from = places(flow, height, width)
    returned = cv2.remap(back, came_from, NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    off = np.square(flow + returned).sum(-1)
    length = np.square(flow).sum(-1) + np.square(returned).sum(-1)
    changes = sum(np.square(each).sum(-1) for each in np.gradient(flow, axis=(0, 1)))
    is_consistent = off <= DISOCCLUSION[0] * length + DISOCCLUSION[1]
    is_smooth = changes <= MOTION_BOUNDARY[0] * np.square(flow).sum(-1) + MOTION_BOUNDARY[1]
    seen: NDArray[np.uint8] = (is_consistent & is_smooth).astype(np.uint8) & _inside(came_from)
    return seen


def _inside(came_from: NDArray[np.float32]) -> NDArray[np.uint8]:
    """All bits set where a pixel comes from inside the frame, else 0."""
    height, width = came_from.shape[:2]
    return np.asarray(cv2.inRange(came_from, (-1.0, -1.0), (float(width), float(height))), np.uint8)
