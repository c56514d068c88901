"""The size follows what painting takes."""

from __future__ import annotations

import pytest

from nst_engine.webcam.adaptive_size import AdaptiveSize, sizes_for


def run(adaptive_size: AdaptiveSize, seconds_per_megapixel: float, frames: int) -> list[tuple[int, int]]:
    """A model whose time grows with the pixels."""
    sizes_seen = []
    for _ in range(frames):
        height, width = adaptive_size.size
        sizes_seen.append((height, width))
        adaptive_size.observe(seconds_per_megapixel * height * width / 1e6)
    return sizes_seen


def test_sizes_have_the_cameras_shape_and_end_with_its_own() -> None:
    sizes = sizes_for(720, 1280, None)
    assert sizes[-1] == (720, 1280)
    assert sizes == sorted(sizes)
    assert len(sizes) <= 6
    for height, width in sizes:
        assert height % 8 == width % 8 == 0
        assert abs(width / height - 16 / 9) < 0.1
    assert sizes_for(720, 1280, 640)[-1] == (360, 640)
    assert sizes_for(480, 640, 4000)[-1] == (480, 640)
    assert sizes_for(1920, 1080, 512)[-1] == (512, 288)
    assert sizes_for(10, 12, None) == [(16, 16)]


def test_a_slow_model_gets_smaller_pictures_until_it_keeps_up() -> None:
    adaptive_size = AdaptiveSize(sizes_for(720, 1280, None), 30)
    run(adaptive_size, 0.1, 200)
    height, width = adaptive_size.size
    assert 0.1 * height * width / 1e6 <= 1.05 / 30
    assert "33 wanted: now" in adaptive_size.note
    settled = set(run(adaptive_size, 0.1, 300))
    assert len(settled) == 1


def test_a_model_that_gets_faster_gets_its_size_back() -> None:
    adaptive_size = AdaptiveSize(sizes_for(480, 640, None), 30)
    run(adaptive_size, 1.0, 300)
    assert adaptive_size.size == sizes_for(480, 640, None)[0]
    run(adaptive_size, 0.01, 600)
    assert adaptive_size.size == (480, 640)


def test_one_slow_frame_changes_nothing() -> None:
    adaptive_size = AdaptiveSize(sizes_for(480, 640, None), 30)
    run(adaptive_size, 0.05, 50)
    adaptive_size.observe(0.05)
    run(adaptive_size, 0.05, 50)
    assert adaptive_size.size == (480, 640)


@pytest.mark.parametrize("target", [None, 1.0])
def test_without_haste_pictures_stay_large(target: float | None) -> None:
    adaptive_size = AdaptiveSize(sizes_for(480, 640, None), target)
    run(adaptive_size, 1.0, 100)
    assert adaptive_size.size == (480, 640)
    assert adaptive_size.note == ""
