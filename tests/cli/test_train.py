"""`nst train` and `nst add-style` as they are typed; a few steps on a few photos."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nst_engine import Stylizer
from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.training import load_checkpoint

from .running import ENVIRONMENT, nst, painting, pixels_of, write

SMALL = ("--crop-px", "64", "--style-size-px", "96", "--batch-size", "2", "--precision", "float32", "--device", "cpu")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("coffee", "astronaut"):
        (folder / f"{name}.jpg").write_bytes(bundled_contents()[name].path.read_bytes())
    return folder


def test_a_network_is_trained_written_and_painted_with(tmp_path: Path, photos: Path) -> None:
    own = write(tmp_path / "my painting.png", painting(80, 100))
    command = ("train", own, "scream", "-o", "my.onnx", "--photos", photos, "--steps", "4", *SMALL)
    done = nst(*command, "--licence", "CC0-1.0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "my.onnx: 2 styles" in done.stdout
    stylizer = Stylizer(tmp_path / "my.onnx", device="cpu")
    assert stylizer.styles == ("my painting", "scream")
    assert stylizer.spec.licence == "CC0-1.0"
    assert stylizer.spec.training["steps_made"] == 4
    painted = stylizer.stylize(painting(50, 40), "scream")
    assert painted.pixels.shape == (50, 40, 3)
    assert pixels_of(tmp_path / "my.preview.jpg").ndim == 3
    assert (tmp_path / "my.training" / "checkpoint.safetensors").exists()
    again = nst(*command, cwd=tmp_path)
    assert again.returncode == 2
    assert "--overwrite" in again.stderr


def test_an_interrupted_training_is_resumed(tmp_path: Path, photos: Path) -> None:
    command = ["train", "scream", "-o", "m.onnx", "--photos", str(photos), *SMALL]
    process = subprocess.Popen(
        [sys.executable, "-m", "nst_engine", *command, "--steps", "100000"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (tmp_path / "m.training").exists():
        time.sleep(0.05)
    time.sleep(2.0)  # the folder is made right before the first step
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "--resume" in said
    assert not (tmp_path / "m.onnx").exists()
    steps = load_checkpoint(tmp_path / "m.training" / "checkpoint.safetensors").step
    assert steps >= 1
    done = nst(*command, "--steps", str(steps + 2), "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Stylizer(tmp_path / "m.onnx").spec.training["steps_made"] == steps + 2


def test_a_style_is_added_to_a_bundled_network(tmp_path: Path) -> None:
    own = write(tmp_path / "mine.png", painting(90, 90))
    done = nst("add-style", own, "-o", "more.onnx", "--steps", "3", *SMALL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    grown, base = Stylizer(tmp_path / "more.onnx", device="cpu"), Stylizer("bundled:live", device="cpu")
    assert grown.styles == (*bundled_styles(), "mine")
    photo = painting(64, 64)
    before = base.stylize(photo, "scream").pixels.astype(int)
    assert int(np.abs(grown.stylize(photo, "scream").pixels - before).max()) <= 1
    assert float(np.abs(grown.stylize(photo, "mine").pixels - before).mean()) > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "scream", "-o", "m.onnx", "--photos", "nothing", "--steps", "1"), "nothing: no such folder"),
        (("train", "scream", "-o", "m.onnx", "--photos", "."), "--minutes"),
        (("train", "scream", "-o", "m.pt", "--photos", ".", "--steps", "1"), "-o m.onnx"),
        (("train", "scream", "-o", "no/m.onnx", "--photos", ".", "--steps", "1"), "mkdir -p no"),
        (("train", "screem", "-o", "m.onnx", "--photos", ".", "--steps", "1"), "did you mean scream"),
        (("train", "scream", "scream", "-o", "m.onnx", "--photos", ".", "--steps", "1"), "FILE:NAME"),
        (("train", "scream", "-o", "m.onnx", "--photos", ".", "--steps", "1", "--device", "cuda"), "cuda"),
        (
            ("train", "scream", "-o", "m.onnx", "--photos", "photos", "--steps", "1", "--start-from", "bundled:live"),
            "the same paintings in the same order",
        ),
        (("add-style", "scream", "-o", "m.onnx"), "--name"),
        (("add-style", "nothing.jpg", "-o", "m.onnx"), "nothing.jpg"),
        (("add-style", "p.png", "-o", "m.onnx", "--model", "p.png"), "p.png"),
    ],
)
def test_bad_input_is_one_line_and_code_2(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    write(tmp_path / "p.png", painting(64, 64))
    (tmp_path / "photos").mkdir()
    write(tmp_path / "photos" / "a.png", painting(64, 64))
    done = nst(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.glob("*.onnx"))
