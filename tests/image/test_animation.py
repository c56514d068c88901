from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from nst_engine.errors import ImageEncodeError, OptionError, OutputError
from nst_engine.image import load_image, resize_image, save_animation

from .samples import CONTENTS, noise


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _fading(count: int) -> list[NDArray[np.uint8]]:
    photo = resize_image(load_image(CONTENTS / "coffee.jpg").pixels, 61, 83).astype(float)
    static = photo[::-1, ::-1, ::-1]
    shares = np.linspace(0, 1, count)
    return [np.rint(photo * share + static * (1 - share)).astype(np.uint8) for share in shares]


@pytest.mark.parametrize(("suffix", "mean_error"), [(".gif", 10), (".webp", 18)])
def test_frames_times_and_loop(tmp_path: Path, suffix: str, mean_error: float) -> None:
    frames = _fading(7)
    path = save_animation(tmp_path / f"film{suffix}", iter(frames), fps=15)
    with Image.open(path) as film:
        assert film.info["loop"] == 0
        durations = []
        for frame, expected in zip(ImageSequence.Iterator(film), frames, strict=True):
            decoded = np.asarray(frame.convert("RGB")).astype(int)
            assert np.abs(decoded - expected).mean() < mean_error
            durations.append(frame.info["duration"])
    assert durations[-1] == 1500
    assert abs(sum(durations[:-1]) - 6 * 1000 / 15) <= 10
    assert _names(tmp_path) == [path.name]


def test_gif_of_the_photo_keeps_its_colours(tmp_path: Path) -> None:
    frames = _fading(3)
    with Image.open(save_animation(tmp_path / "film.gif", frames, fps=5)) as film:
        film.seek(2)
        decoded = np.asarray(film.convert("RGB")).astype(float)
    np.testing.assert_allclose(decoded.mean((0, 1)), frames[2].mean((0, 1)), atol=1.5)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_a_single_frame(tmp_path: Path, suffix: str) -> None:
    path = save_animation(tmp_path / f"still{suffix}", [noise(5, 6)], fps=10)
    assert load_image(path).pixels.shape == (5, 6, 3)


def _failing() -> Iterator[NDArray[np.uint8]]:
    yield noise(5, 6)
    raise ZeroDivisionError


def test_refused(tmp_path: Path) -> None:
    frames = [noise(5, 6), noise(5, 6)]
    with pytest.raises(ImageEncodeError, match=r"\.mp4 video .*\.gif or \.webp"):
        save_animation(tmp_path / "a.mp4", frames, fps=10)
    with pytest.raises(ImageEncodeError, match=r"'\.png', wanted one of \.gif, \.webp"):
        save_animation(tmp_path / "a.png", frames, fps=10)
    for fps in (0, -1, 51, float("nan"), float("inf")):
        with pytest.raises(OptionError, match="fps"):
            save_animation(tmp_path / "a.gif", frames, fps=fps)
    with pytest.raises(ImageEncodeError, match="no frames"):
        save_animation(tmp_path / "a.gif", [], fps=10)
    with pytest.raises(ImageEncodeError, match="differ in size"):
        save_animation(tmp_path / "a.gif", [noise(5, 6), noise(6, 5)], fps=10)
    with pytest.raises(OutputError, match="no folder"):
        save_animation(tmp_path / "none" / "a.gif", frames, fps=10)
    with pytest.raises(ZeroDivisionError):
        save_animation(tmp_path / "a.gif", _failing(), fps=10)
    assert _names(tmp_path) == []
