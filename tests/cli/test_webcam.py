"""`nst webcam` as people run it: without a screen, and in a window."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from cli.running import ENVIRONMENT, python, started
from nst_engine.catalogue import content_path, style_path
from nst_engine.image import load_image
from nst_engine.video import write_video

WEBCAM = ["-m", "nst_engine", "webcam", "--style", "scream"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photo = load_image(content_path("coffee")).pixels
    path = tmp_path_factory.mktemp("clip") / "camera.mp4"
    frames = (photo[n : n + 120, n : n + 160] for n in range(60))
    write_video(path, frames, fps=30, hold_seconds=4)
    return path


def webcam(
    folder: Path, *arguments: str | Path, environment: dict[str, str] = ENVIRONMENT
) -> subprocess.CompletedProcess[str]:
    return python(*WEBCAM, *arguments, cwd=folder, environment=environment)


def test_a_file_is_painted_without_a_screen(clip: Path, tmp_path: Path) -> None:
    what = ("--camera", clip, "--no-window", "--frames", "20", "--json", "--record", "out.mp4")
    completed = webcam(tmp_path, *what, "--target-fps", "25", "--mirror", "--strength", "0.8")
    assert (completed.returncode, completed.stderr) == (0, "nst: warming up\n")
    statistics = json.loads(completed.stdout)
    assert statistics["frames"] == 20
    assert statistics["styles"] == {"scream": 1.0}
    assert (statistics["width"], statistics["height"]) in {(160, 120), (96, 72)}
    assert statistics["provider"] == "CPUExecutionProvider"
    assert statistics["frames_per_second"] > 0
    assert (tmp_path / "out.mp4").stat().st_size > 1000
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_the_end_of_a_file_is_the_end(clip: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.mp4"
    write_video(short, (np.full((48, 64, 3), 9 * n, np.uint8) for n in range(12)), fps=30, hold_seconds=0)
    completed = webcam(tmp_path, "--camera", short, "--no-window")
    assert completed.returncode == 0
    assert "from camera to screen" in completed.stdout


def greys(path: Path) -> list[float]:
    with av.open(path) as container:
        return [float(frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]


def test_a_recording_of_a_file_begins_with_its_first_frame(tmp_path: Path) -> None:
    """Nothing is lost while the model warms up and the recording is opened: every frame has a grey of its own."""
    write_video(
        tmp_path / "ramp.mp4", (np.full((48, 64, 3), 20 + 6 * n, np.uint8) for n in range(36)), fps=60, hold_seconds=0
    )
    done = webcam(tmp_path, "--camera", "ramp.mp4", "--no-window", "--strength", "0", "--record", "out.mp4", "--json")
    assert done.returncode == 0, done.stderr
    came, recorded = (greys(tmp_path / name) for name in ("ramp.mp4", "out.mp4"))
    assert abs(recorded[0] - came[0]) < 2
    assert recorded == sorted(recorded)
    assert abs(recorded[-1] - came[-1]) < 2
    assert 1 < len(recorded) <= json.loads(done.stdout)["frames"]


def test_a_file_that_is_shorter_than_the_warming_up_is_shown(tmp_path: Path) -> None:
    short = tmp_path / "short.mp4"
    write_video(short, (np.full((48, 64, 3), 90 * n, np.uint8) for n in range(2)), fps=30, hold_seconds=0)
    completed = webcam(tmp_path, "--camera", short, "--no-window", "--record", "out.mp4", "--json")
    assert completed.returncode == 0
    assert json.loads(completed.stdout)["frames"] >= 1
    assert (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--camera", "nowhere.mp4"], "--camera nowhere.mp4: no such file"),
        (["--camera", "93"], "--camera 93: there is no such camera"),
        (["--camera", "PHOTO"], "holds one picture only; type: nst stylize"),
        (["--camera", "http://127.0.0.1:9/x"], "does not answer; check the address"),
        (["--target-fps", "0"], "--target-fps: 0.0 came"),
        (["--frames", "0"], "--frames: 0 came"),
        (["--strength", "2"], "--strength: 2.0 came"),
        (["--stroke-size", "0"], "--stroke-size: 0.0 came"),
        (["--camera", "CLIP", "--style", "poppies"], "--style: came twice"),
        (["--camera", "CLIP", "--record", "out.txt"], "wanted one of .mp4"),
    ],
)
def test_bad_input_is_one_line(clip: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    places = {"CLIP": str(clip), "PHOTO": str(content_path("coffee"))}
    options = [places.get(each, each) for each in arguments]
    completed = webcam(tmp_path, *options, "--no-window")
    assert completed.returncode == 2
    assert message in completed.stderr
    assert all(line.startswith("nst") for line in completed.stderr.splitlines()), completed.stderr  # none of FFmpeg's
    assert not list(tmp_path.iterdir())


def test_a_misspelt_style_gets_a_hint(clip: Path, tmp_path: Path) -> None:
    misspelt = ["screem" if each == "scream" else each for each in WEBCAM]
    completed = python(*misspelt, "--camera", clip, "--no-window", cwd=tmp_path)
    assert completed.returncode == 2
    assert "did you mean scream" in completed.stderr


def test_without_a_display_the_error_says_what_to_do(clip: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    for added in ({}, {"DISPLAY": ":987"}):
        completed = webcam(tmp_path, "--camera", clip, environment={**environment, **added})
        assert completed.returncode == 2
        assert "on a machine without a screen: --no-window" in completed.stderr


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An X server of 400 x 300, and the file in which its pixels stand."""
    install_xvfb()
    folder = tmp_path_factory.mktemp("x")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "400x300x24", "-fbdir", str(folder), "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as number:
            yield f":{number.readline().strip()}", folder / "Xvfb_screen0"
    finally:
        server.terminate()
        server.wait()


def install_xvfb() -> None:
    if shutil.which("Xvfb") is None:
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "xvfb"]
        for command in (["apt-get", "update", "-qq"], install):
            subprocess.run(command, check=True, capture_output=True, timeout=600)


def screenshot(file: Path) -> NDArray[np.uint8]:
    """Of an X window dump: H×W×3, RGB."""
    dump = file.read_bytes()
    header = struct.unpack(">25I", dump[:100])
    begin, width, height, row_bytes, colours = header[0], header[4], header[5], header[12], header[19]
    rows = np.frombuffer(dump, np.uint8, row_bytes * height, begin + 12 * colours).reshape(height, row_bytes)
    return rows.reshape(height, -1, 4)[:, :width, 2::-1]


def test_a_window_shows_the_painting_with_its_figures(clip: Path, tmp_path: Path, display: tuple[str, Path]) -> None:
    # on a busy machine Qt may draw nothing in the four seconds that the clip lasts
    seen = (painting_in_a_window(clip, tmp_path, display) for _ in range(4))
    window = next((each for each in seen if each is not None), np.zeros((300, 400, 3), np.uint8))
    columns = np.flatnonzero((window.max(axis=2).astype(int) - window.min(axis=2)).max(axis=0) > 30)
    assert len(columns) > 120
    # white letters on a ground made darker
    assert (window[:40] > 240).all(axis=2).sum() > 100


def painting_in_a_window(clip: Path, folder: Path, display: tuple[str, Path]) -> NDArray[np.uint8] | None:
    """What the screen shows last, H×W×3, while a painting is on it."""
    name, file = display
    arguments = [*WEBCAM, "--camera", clip, "--frames", 120, "--json"]
    process = started(*arguments, cwd=folder, DISPLAY=name, QT_QPA_PLATFORM="xcb")
    window = None
    while process.poll() is None:
        now = screenshot(file)
        # a painting has many colours; looked for in so many pixels that no frame is missed meanwhile
        if len({tuple(pixel) for pixel in now[::5, ::5].reshape(-1, 3).tolist()}) > 200:
            window = now
        time.sleep(0.01)
    stdout, complaints = process.communicate()
    assert (process.returncode, complaints) == (0, "nst: warming up\n")
    assert json.loads(stdout)["frames"] == 120
    return window


def test_a_folder_of_style_images_begins_with_its_first(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "paintings"
    folder.mkdir()
    for name in ("scream", "great-wave"):
        (folder / f"{name}.jpg").write_bytes(style_path(name).read_bytes())
    command = [each for each in WEBCAM if each not in ("--style", "scream")]
    what = ["--camera", str(clip), "--no-window", "--frames", "5", "--json", "--style-image"]
    for source, style in ((folder, "great-wave"), (folder / "scream.jpg", "scream")):
        completed = python(*command, *what, source, cwd=tmp_path)
        assert completed.returncode == 0, completed.stderr
        assert json.loads(completed.stdout)["styles"] == {style: 1.0}
    (tmp_path / "empty").mkdir()
    completed = python(*command, *what, "empty", cwd=tmp_path)
    assert completed.returncode == 2
    assert "--style-image empty: no pictures in this folder" in completed.stderr
