from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nst_engine.errors import ImageDecodeError, ImageEncodeError
from nst_engine.files import write_through
from nst_engine.image import Animation, animation_writer, encode_frame

from .samples import noise

DURATIONS = [20, 30, 1500, 70]


def written(path: Path, frames: list[NDArray[np.uint8]], loop: int | None = 0) -> Path:
    height, width = frames[0].shape[:2]
    parts = [
        encode_frame(frame[..., :3], frame[..., 3] if frame.shape[2] == 4 else None, path.suffix) for frame in frames
    ]
    timed = zip(parts, DURATIONS, strict=True)
    write_through(path, animation_writer(timed, path.suffix, width=width, height=height, loop=loop))
    return path


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 64)])
def test_equal_frames_stay_apart_and_all_times_exact(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    frame = np.full((*size, 3), (200, 40, 90), np.uint8)
    path = written(tmp_path / f"a{suffix}", [frame] * 4)
    animation = Animation(path)
    assert (animation.frame_count, animation.height, animation.width, animation.loop) == (4, *size, 0)
    frames = list(animation)
    assert [each.duration_ms for each in frames] == DURATIONS
    assert all(np.abs(each.pixels.astype(int) - frame).max() <= 8 for each in frames)
    assert animation.damage is None
    with Image.open(path) as opened:
        opened.seek(3)
        assert opened.size == size[::-1]


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_noise_and_holes_come_back(tmp_path: Path, suffix: str) -> None:
    frames = []
    for seed in range(4):
        alpha = np.zeros((24, 31, 1), np.uint8)
        alpha[5 * seed :] = 255
        frames.append(np.concatenate([noise(24, 31, seed=seed), alpha], axis=2))
    for result, frame in zip(Animation(written(tmp_path / f"a{suffix}", frames)), frames, strict=True):
        opacity = np.full((24, 31), 255) if result.alpha is None else result.alpha
        np.testing.assert_array_equal(opacity, frame[..., 3])


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_nothing_of_an_opaque_frame_shows_through_the_holes_of_the_next(tmp_path: Path, suffix: str) -> None:
    hole = np.zeros((16, 20, 1), np.uint8)
    hole[4:9, 3:11] = 255
    red, blue = (np.full((16, 20, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 0, 255)))
    path = written(tmp_path / f"a{suffix}", [red, np.dstack([blue, hole]), red, np.dstack([blue, hole])])
    for number, frame in enumerate(Animation(path)):
        alpha = np.full((16, 20), 255) if frame.alpha is None else frame.alpha
        np.testing.assert_array_equal(alpha, hole[..., 0] if number % 2 else np.full((16, 20), 255))


def test_frames_of_no_time_are_shown_as_viewers_do(tmp_path: Path) -> None:
    stills = [Image.fromarray(noise(8, 8, seed=seed)) for seed in range(3)]
    stills[0].save(tmp_path / "a.gif", save_all=True, append_images=stills[1:], duration=[10, 20, 0])
    assert [frame.duration_ms for frame in Animation(tmp_path / "a.gif")] == [100, 20, 100]


def test_what_is_no_animation_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(b"GIF89a\0\0")
    with pytest.raises(ImageDecodeError, match="damaged"):
        Animation(tmp_path / "a.gif")
    with pytest.raises(ImageEncodeError, match="uint8"):
        encode_frame(np.zeros((4, 4), np.uint8), None, ".gif")
    with pytest.raises(ImageEncodeError, match="16383"):
        encode_frame(np.zeros((1, 16_400, 3), np.uint8), None, ".webp")
