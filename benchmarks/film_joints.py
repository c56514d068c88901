"""A film painted in stretches beside the same painted by one, for `bench_scale.py`: what is seen at the joints."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from bench_video import error_of
from moving_photos import MovingFrame, moving_frames
from numpy.typing import NDArray

from nst_engine import Stylizer, VideoOptions
from nst_engine.catalogue import content_path
from nst_engine.image import load_image
from nst_engine.motion.options import FrameOptions
from nst_engine.ray import stylize_film
from nst_engine.video import VideoProgress, stylize_video, write_video
from nst_engine.video.ends import open_reader

#: Frames of each scene; stretches, of some three seconds, end elsewhere.
SCENES = {"pan": 100, "shake": 90, "zoom": 60, "still": 50}
HEIGHT, WIDTH, RATE = 480, 640, 25
#: Frames after a cut that are not counted: nothing was seen before.
_SETTLED = 8
#: Lossless: segments end elsewhere, and what an encoder makes of a frame depends on the following ones.
_OPTIONS = VideoOptions(crf=0)


def measure(*, style: str, threads: int) -> dict[str, Any]:
    """Warping errors by the true motion, at the joints and elsewhere, of both; and how much their frames differ.

    Args:
        style: Of `live`.
        threads: Of the CPU.
    """
    frames = list(_film())
    with tempfile.TemporaryDirectory() as name, Stylizer("bundled:live", threads=threads) as stylizer:
        folder, joints = Path(name), []
        clip = folder / "film.mp4"
        write_video(clip, (frame.pixels for frame in frames), fps=RATE, hold_seconds=0)
        stylize_video(clip, folder / "alone.mp4", stylizer, style, stability="low", options=_OPTIONS)

        def take(progress: VideoProgress) -> None:
            joints.append(progress.frames)

        looks = FrameOptions(stability="low")
        stylize_film(clip, folder / "stretches.mp4", stylizer, style, looks=looks, options=_OPTIONS, on_progress=take)
        painted = {way: list(_frames_of(folder / f"{way}.mp4")) for way in ("alone", "stretches")}
    found: dict[str, Any] = {"frames": len(frames), "joints": joints[:-1]}
    for way, pictures in painted.items():
        errors = {
            place: error_of(*pair, frames[place]) for place, pair in enumerate(pairwise(pictures), 1) if _counts(place)
        }
        found[way] = {
            "at_joints": round(float(np.mean([errors[place] for place in found["joints"]])), 6),
            "elsewhere": round(float(np.mean([error for place, error in errors.items() if place not in joints])), 6),
        }
    differences = [np.abs(one.astype(int) - other).mean() for one, other in zip(*painted.values(), strict=True)]
    return {**found, "most_levels_apart": round(float(np.max(differences)), 3)}


def _film() -> Iterator[MovingFrame]:
    photos = [load_image(content_path(name)) for name in ("coffee", "astronaut")]
    for number, (move, count) in enumerate(SCENES.items()):
        yield from moving_frames(photos[number % 2], move, frames=count, height=HEIGHT, width=WIDTH, seed=number)


def _counts(place: int) -> bool:
    """Whether the scene has settled in that frame."""
    begins = np.cumsum([0, *SCENES.values()])
    return bool(place - begins[np.searchsorted(begins, place, "right") - 1] >= _SETTLED)


def _frames_of(path: Path) -> Iterator[NDArray[np.uint8]]:
    reader = open_reader(path, VideoOptions())
    try:
        for frame in reader.frames(lambda index, number: True):
            yield frame.pixels.copy()
    finally:
        reader.close()
