"""Temporal smoothing: pixels that are visible again keep their earlier stylization.

Networks with a stride give another texture where the photo has moved by less than the stride. So the photo is aligned
to their grid along with the scene, which keeps the texture. The previous output is warped along the motion and blended
with the new one where the flow is reliable (Ruder et al. 2016, arXiv:1604.08610, use it as start and target of an
optimisation). Where nothing moves, the previous photo is stylized again, without the new noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nst_engine.motion.opencv import NO_MAP, cv2
from nst_engine.motion.optical_flow import Motion, MotionEstimator, places

_INVISIBLE = 1 / 1000  # share of a painting
# more than half a pixel, or static content between two would jump back and forth
_ELSEWHERE_PX = 0.7
# share of a frame that must be visible in the previous one, or a new scene begins
_LEAST_VISIBLE = 0.35
_NOISE_LEVELS = 5  # of 255
# Motion below which a pixel stands, px of the grey frames. Noise looks like more of it than a slow camera makes, so it
# may be more where most of the frame stands.
_STANDING_PX, _STANDING_IN_A_STILL_PX, _STILL_PX = 0.1, 1.0, 0.05


@dataclass(frozen=True)
class _Level:
    """Parameters of a stability level.

    Attributes:
        share: Weight of the previous output, where the flow is reliable.
        longer_side_px: Of the frames on which motion is looked for.
        preset: Of DIS.
        checks_back: See `MotionEstimator`.
        interpolation: By which the previous output is warped. What is warped again and again by OpenCV's linear one
            becomes soft; its cubic one takes four times as long.
    """

    share: float
    longer_side_px: int
    preset: str
    checks_back: bool
    interpolation: int


_LEVELS: Mapping[str, _Level] = {
    "low": _Level(0.4, 320, "fast", checks_back=False, interpolation=cv2.INTER_LINEAR),
    "high": _Level(0.55, 320, "medium", checks_back=True, interpolation=cv2.INTER_CUBIC),
}


@dataclass(frozen=True, eq=False)
class Scene:
    """What of the frames so far later ones depend on, apart from how they were painted.

    Attributes:
        grey: The last frame, uint8, grey and small.
        steadied: The last frame without noise, uint8 H×W×3, and its grey version.
        travelled: How far the scene has moved since it began, px.
        aligned: Likewise, as far as the grid has followed.
        phase: See `Smoother`.
    """

    grey: NDArray[np.uint8]
    steadied: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    travelled: NDArray[np.float64]
    aligned: NDArray[np.float64]
    phase: tuple[int, int]


class Smoother:
    """Keeps the previous frame and its output. For one clip and one thread.

    Args:
        stability: `low` or `high`.
        grid_px: Stride of the network: motion by a multiple keeps the texture.

    Attributes:
        cuts: Number of scene cuts.
        memory_frames: Number of frames after which an output no longer affects later ones.
        phase: Where the scene lies on the network's grid, px from the top and the left, each below `grid_px`.
    """

    def __init__(self, stability: str, grid_px: int) -> None:
        self._level, self._grid_px = _LEVELS[stability], grid_px
        level = self._level
        self._estimator = MotionEstimator(level.longer_side_px, level.preset, checks_back=level.checks_back)
        self.cuts = 0
        self.memory_frames = math.ceil(math.log(_INVISIBLE) / math.log(self._level.share))
        self.reset()

    def reset(self) -> None:
        """Forget all previous frames."""
        self._grey: NDArray[np.uint8] | None = None
        self._steadied: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None  # and its grey version
        # of this frame, and of the one before
        self._stylized: NDArray[np.uint8] | None = None
        self._before: NDArray[np.uint8] | None = None
        self._motion: Motion | None = None
        self._begin()

    def _begin(self) -> None:
        """Begin a scene."""
        self._travelled, self._aligned = np.zeros(2), np.zeros(2)
        self.phase = (0, 0)

    @property
    def scene(self) -> Scene | None:
        """Where the scene is after the last frame, for another smoother to go on from; None: there was no frame."""
        if self._grey is None or self._steadied is None:
            return None
        return Scene(self._grey, self._steadied, self._travelled.copy(), self._aligned.copy(), self.phase)

    def go_on_from(self, scene: Scene) -> None:
        """Forget all frames; the next one follows those of the scene, whose outputs are not known here."""
        self.reset()
        self._grey, self._steadied = scene.grey, scene.steadied
        self._travelled, self._aligned = scene.travelled.copy(), scene.aligned.copy()
        self.phase = scene.phase

    def steadied(self, photo: NDArray[np.uint8], *, is_bgr: bool = False) -> NDArray[np.uint8]:
        """Take the next frame, uint8 H×W×3; returns it without the noise in its static parts, to be stylized."""
        grey = self._estimator.grey(photo, is_bgr=is_bgr)
        before = self._grey
        if self._steadied is not None and self._steadied[0].shape != photo.shape:
            self.reset()
            before = None
        self._grey, self._motion = grey, None
        self._before, self._stylized = self._stylized, None  # which stays None where stylizing it fails
        if before is not None:
            motion = self._estimator.between(before, grey)
            if motion.seen_share >= _LEAST_VISIBLE:
                self._motion = motion
                self._follow(motion, photo.shape[1] / grey.shape[1])
                return self._without_noise(photo, grey, motion)
            self.cuts += 1
            self._begin()
        self._steadied = (photo.copy(), grey)
        return self._steadied[0]

    def on_the_grid(
        self, photo: NDArray[np.uint8], stylize: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
    ) -> NDArray[np.uint8]:
        """Stylize the frame from `steadied`, uint8 H×W×3, aligned to the grid: padded, then cropped again."""
        top, left = self.phase
        height, width = photo.shape[:2]
        bordered = cv2.copyMakeBorder(
            photo, top, self._grid_px - top, left, self._grid_px - left, cv2.BORDER_REFLECT_101
        )
        return stylize(np.asarray(bordered, np.uint8))[top : top + height, left : left + width]

    def smoothed(self, stylized: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Smooth the output for the frame from `steadied`, uint8 H×W×3, and keep it for the next frame."""
        before, motion = self._before, self._motion
        if before is None or motion is None:
            self._stylized = stylized.copy()
            return self._stylized
        height, width = stylized.shape[:2]
        came_from, fine = cv2.convertMaps(places(motion.flow, height, width), NO_MAP, cv2.CV_16SC2)
        brought = cv2.remap(before, came_from, fine, self._level.interpolation, borderMode=cv2.BORDER_REPLICATE)
        blended = cv2.addWeighted(brought, self._level.share, stylized, 1 - self._level.share, 0, dst=brought)
        unseen = cv2.resize(1 - motion.seen, (width, height), interpolation=cv2.INTER_NEAREST)
        self._stylized = np.asarray(cv2.copyTo(stylized, unseen, blended), np.uint8)
        return self._stylized

    def _follow(self, motion: Motion, scale: float) -> None:
        """Update the scene's position on the grid by the median motion."""
        self._travelled += scale * motion.shift
        if np.abs(self._travelled - self._aligned).max() > _ELSEWHERE_PX:
            self._aligned = np.rint(self._travelled)
        left, top = (int(way) % self._grid_px for way in self._aligned)
        self.phase = (top, left)

    def _without_noise(self, photo: NDArray[np.uint8], grey: NDArray[np.uint8], motion: Motion) -> NDArray[np.uint8]:
        """The next frame, with static parts that differ only by noise replaced by the previous frame."""
        assert self._steadied is not None
        steadied, steadied_grey = self._steadied
        is_still = float(np.abs(motion.shift).max()) < _STILL_PX
        most_px = _STANDING_IN_A_STILL_PX if is_still else _STANDING_PX
        _, quiet = cv2.threshold(
            cv2.blur(cv2.absdiff(grey, steadied_grey), (3, 3)), _NOISE_LEVELS, 1, cv2.THRESH_BINARY_INV
        )
        stands = cv2.bitwise_and(cv2.inRange(motion.flow, (-most_px, -most_px), (most_px, most_px)), quiet)
        photo, grey = photo.copy(), grey.copy()
        cv2.copyTo(steadied_grey, stands, grey)
        height, width = photo.shape[:2]
        cv2.copyTo(steadied, cv2.resize(stands, (width, height), interpolation=cv2.INTER_NEAREST), photo)
        self._steadied = (photo, grey)
        return photo
