"""Measures the flicker of a stylized clip, by setting."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OptionError
from nst_engine.motion.frame_stylizer import FrameStylizer
from nst_engine.motion.opencv import NO_MAP, cv2
from nst_engine.motion.optical_flow import MotionEstimator, places
from nst_engine.motion.options import Stability
from nst_engine.stylize.style_choice import Style
from nst_engine.stylize.stylizer import Stylizer
from nst_engine.video.ends import open_reader
from nst_engine.video.options import DEFAULT_OPTIONS, VideoOptions

_SIDE_PX = 640  # at which the motion of the clip is looked for, more closely than any setting does
_SETTLED_FRAMES = 3
_MOST_FRAMES = 60  # they are kept in memory


@dataclass(frozen=True)
class Flicker:
    """Flicker of one setting.

    Attributes:
        stability: The setting.
        warping_error: Mean squared difference of 0-1 between a frame and the one before, brought along the motion,
            over the pixels that are surely seen in both (Lai et al. 2018, arXiv:1808.00449).
        ms: Median time of a frame.
    """

    stability: Stability
    warping_error: float
    ms: float


def flicker_by_setting(
    source: str | os.PathLike[str],
    stylizer: Stylizer,
    style: Style = None,
    *,
    options: VideoOptions = DEFAULT_OPTIONS,
) -> list[Flicker]:
    """Stylize the beginning of a video in all settings, and compare.

    Args:
        source: As for `stylize_video`.
        stylizer: The model.
        style: As for `Stylizer.stylize`.
        options: `start`, `end`, `max_side` and `fps` count.

    Raises:
        OptionError: Too few frames, or none that moves on from another.
        NSTError: The source cannot be read, or painting fails.
    """
    reader = open_reader(Path(source), options)
    try:
        frames = reader.frames(lambda index, number: True)
        clip = [frame.pixels for frame in itertools.islice(frames, _MOST_FRAMES)]
    finally:
        reader.close()
    if len(clip) <= _SETTLED_FRAMES + 1:
        raise OptionError(
            f"{len(clip)} frames came; at least {_SETTLED_FRAMES + 2} are needed to compare", option="report"
        )
    motions = _motions(clip)
    if not any(seen.any() for _, seen in motions[_SETTLED_FRAMES:]):
        raise OptionError(
            "no frame shows what the one before has shown, so there is nothing to compare", option="report"
        )
    return [_followed(stylizer, style, stability, clip, motions) for stability in get_args(Stability)]


def _motions(clip: list[NDArray[np.uint8]]) -> list[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Optical flow from each frame to the previous one, and where it is reliable, at the frames' size."""
    estimator = MotionEstimator(_SIDE_PX, "medium", checks_back=True)
    greys = [estimator.grey(frame) for frame in clip]
    height, width = clip[0].shape[:2]
    results = []
    for earlier, later in itertools.pairwise(greys):
        motion = estimator.between(earlier, later)
        results.append(
            (
                places(motion.flow, height, width),
                cv2.resize(motion.seen, (width, height), interpolation=cv2.INTER_NEAREST) > 0,
            )
        )
    return results


def _followed(
    stylizer: Stylizer,
    style: Style,
    stability: Stability,
    clip: list[NDArray[np.uint8]],
    motions: list[tuple[NDArray[np.float32], NDArray[np.bool_]]],
) -> Flicker:
    frame_stylizer = FrameStylizer(stylizer, style, stability=stability, channel_order="rgb")
    frame_stylizer.warmup(clip[0].shape[:2])
    before = frame_stylizer.stylize_frame(clip[0])
    total, count, times = 0.0, 0, []
    for number, (frame, (came_from, seen)) in enumerate(zip(clip[1:], motions, strict=True)):
        begun = time.perf_counter()
        stylized = frame_stylizer.stylize_frame(frame)
        if number >= _SETTLED_FRAMES:
            times.append(time.perf_counter() - begun)
            total += warping_error(before, stylized, came_from, seen) * int(seen.sum())
            count += int(seen.sum())
        before = stylized
    return Flicker(stability, total / count, 1e3 * float(np.median(times)))


def warping_error(
    before: NDArray[np.uint8], now: NDArray[np.uint8], came_from: NDArray[np.float32], seen: NDArray[np.bool_]
) -> float:
    """Mean squared difference of 0-1 between two frames along the motion.

    Args:
        before: uint8 H×W×3.
        now: The frame after it.
        came_from: float32 H×W×2: where each of its pixels was, x and y.
        seen: bool H×W: which of them count; 0 where there are none.
    """
    brought = cv2.remap(before, came_from, NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    difference = (now.astype(np.float32) - brought)[seen] / 255
    return float(np.square(difference).mean()) if difference.size else 0.0
