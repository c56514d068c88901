"""Known motion is estimated, and newly visible areas are not taken for known ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nst_engine.catalogue import content_path
from nst_engine.image import load_image
from nst_engine.motion.optical_flow import MotionEstimator, places

WHOLE = load_image(content_path("coffee")).pixels


def window(top: int, left: int, height: int = 240, width: int = 320) -> NDArray[np.uint8]:
    return WHOLE[top : top + height, left : left + width]


@pytest.mark.parametrize(("preset", "checks_back"), [("ultrafast", False), ("medium", True)])
@pytest.mark.parametrize("shift", [(0, 0), (3, -5), (-6, 2)])
def test_a_shift_is_found(preset: str, checks_back: bool, shift: tuple[int, int]) -> None:
    down, right = shift
    estimator = MotionEstimator(320, preset, checks_back=checks_back)
    greys = [estimator.grey(window(60 + number * down, 80 + number * right)) for number in range(2)]
    motion = estimator.between(*greys)
    # what stands at (x, y) now was at (x + right, y + down) before
    inner = (slice(20, -20), slice(20, -20))
    assert np.median(np.abs(motion.flow[inner] - [right, down])) < 0.5
    assert float(motion.seen[inner].mean()) > 0.8


def test_what_comes_from_beyond_the_border_was_not_seen() -> None:
    estimator = MotionEstimator(320, "medium", checks_back=True)
    motion = estimator.between(estimator.grey(window(60, 80)), estimator.grey(window(60, 120)))
    assert float(motion.seen[:, -36:].mean()) < 0.2
    assert float(motion.seen[:, 40:-60].mean()) > 0.6


def test_another_picture_was_not_seen() -> None:
    estimator = MotionEstimator(320, "ultrafast", checks_back=False)
    other = load_image(content_path("rocket")).pixels[:240, :320]
    assert float(estimator.between(estimator.grey(window(60, 80)), estimator.grey(other)).seen.mean()) < 0.35


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (480, 640), (1080, 607)])
def test_frames_of_any_size_become_small_and_grey(size: tuple[int, int]) -> None:
    estimator = MotionEstimator(320, "ultrafast", checks_back=True)
    grey = estimator.grey(np.full((*size, 3), 200, np.uint8))
    assert grey.dtype == np.uint8
    assert max(grey.shape) <= max(480, min(size))
    assert (grey == 200).all()
    assert estimator.between(grey, grey).flow.shape == (*grey.shape, 2)


def test_a_small_flow_tells_places_of_large_frames() -> None:
    flow = np.zeros((30, 40, 2), np.float32)
    flow[..., 0], flow[..., 1] = 1.0, -2.0
    sources = places(flow, 60, 120)
    rows, columns = np.indices((60, 120))
    off = np.abs(sources - np.stack([columns + 3.0, rows - 4.0], -1))
    assert off[2:-2, 2:-2].max() < 1e-4
    assert off.max() <= 1  # at the border
