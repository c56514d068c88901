"""Where a file is expected, anything else is reported at once: nothing blocks on a pipe."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_models import write_own

from .running import ENVIRONMENT, nst, painting, write

KINDS = {"pipe": "is a named pipe", "socket": "is a socket", "folder": "is a folder", "device": "is a device"}
# Options that make a command short, should it run after all.
SHORT = ["--image-size", 48, "--num-iterations", 1]
FIT = ["--photos", "photos", "--steps", 1, "-o", "new.onnx"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """For each kind and suffix a thing that is no file, and inputs that are."""
    root = tmp_path_factory.mktemp("no-files")
    write(root / "photo.png", painting(48, 64))
    (root / "photos").mkdir()
    write(root / "photos" / "1.png", painting(48, 64))
    write_own(root, name="own.onnx")
    here = Path.cwd()
    sockets = []
    for suffix in (".png", ".onnx", ".safetensors", ".pth", ".json", ".mp4"):
        os.mkfifo(root / f"pipe{suffix}")
        (root / f"folder{suffix}").mkdir()
        (root / f"device{suffix}").symlink_to("/dev/zero")
        os.chdir(root)  # a socket's path has to be short
        sockets.append(socket.socket(socket.AF_UNIX))
        sockets[-1].bind(f"socket{suffix}")
        os.chdir(here)
    for place in ("training", "spec"):
        (root / place).mkdir()
    os.mkfifo(root / "training" / "checkpoint.safetensors")
    yield root
    for each in sockets:
        each.close()


PAINTINGS = ["--style-image", "photo.png"] * 2
DOORS: dict[str, list[object]] = {
    "photo": ["stylize", "KIND.png", "--style", "wave", "--model", "own.onnx", "-o", "out/"],
    "style image": ["stylize", "photo.png", "--style-image", "KIND.png", "-o", "out.png"],
    "embedding": ["stylize", "photo.png", "--style-image", "KIND.safetensors", "-o", "out.png"],
    "model": ["stylize", "photo.png", "--model", "KIND.onnx", "--style", "wave", "-o", "out.png"],
    "mask": ["stylize", "photo.png", *PAINTINGS, *("--style-mask", "KIND.png") * 2, "-o", "out.png"],
    "painting to encode": ["encode-style", "KIND.png", "-o", "code.safetensors"],
    "content": ["optimize", "KIND.png", "--style", "photo.png", *SHORT, "-o", "out.png"],
    "painting": ["optimize", "photo.png", "--style", "KIND.png", *SHORT, "-o", "out.png"],
    "content mask": ["optimize", "photo.png", "--style", "photo.png", "--content-mask", "KIND.png", *SHORT],
    "mask of a painting": ["optimize", "photo.png", "--style", "photo.png", "--style-mask", "KIND.png", *SHORT],
    "first picture": ["optimize", "photo.png", "--style", "photo.png", "--init", "KIND.png", *SHORT],
    "weights": ["optimize", "photo.png", "--style", "photo.png", "--vgg-weights", "KIND.pth", *SHORT],
    "safe weights": ["optimize", "photo.png", "--style", "photo.png", "--vgg-weights", "KIND.safetensors", *SHORT],
    "sidecar": ["optimize", "--replay", "KIND.json", "-o", "out.png"],
    "painting to train on": ["train", "KIND.png:a", *FIT],
    "network to begin with": ["train", "photo.png:a", "--start-from", "KIND.onnx", *FIT],
    "painting to add": ["add-style", "KIND.png", "--name", "a", *FIT],
    "model to add to": ["add-style", "photo.png", "--model", "KIND.onnx", *FIT],
    "any style to begin with": ["train-any", "--start-from", "KIND.safetensors", *FIT],
    "result of a bench": ["bench", "compare", "KIND.json", "KIND.json"],
    "model to bench": ["bench", "--model", "KIND.onnx"],
    "camera": ["webcam", "--camera", "KIND.mp4", "--no-window", "--frames", 1],
    "video": ["video", "KIND.mp4", "--style", "wave", "--model", "own.onnx", "-o", "out.gif"],
}
NAMED = ["photo", "embedding", "model", "safe weights", "sidecar", "result of a bench", "camera"]


@pytest.mark.parametrize("door", DOORS)
def test_no_door_waits_at_a_pipe(folder: Path, door: str) -> None:
    completed = nst(*(str(each).replace("KIND", "pipe") for each in DOORS[door]), cwd=folder)
    assert completed.returncode == 2
    assert "is a named pipe, not a file" in completed.stderr
    assert "Traceback" not in completed.stderr


@pytest.mark.parametrize(
    ("door", "kind"),
    # the pictures in a folder of photos are stylized
    [(door, kind) for door in NAMED for kind in ("socket", "folder", "device") if (door, kind) != ("photo", "folder")],
)
def test_each_kind_is_called_by_its_name(folder: Path, door: str, kind: str) -> None:
    completed = nst(*(str(each).replace("KIND", kind) for each in DOORS[door]), cwd=folder)
    assert completed.returncode == 2
    assert f"{KINDS[kind]}, not a file" in completed.stderr


def test_a_training_does_not_wait_at_its_checkpoint(folder: Path) -> None:
    completed = nst("train", "photo.png:a", *FIT, "--folder", "training", "--resume", cwd=folder)
    assert completed.returncode == 2
    assert "checkpoint.safetensors: is a named pipe, not a file" in completed.stderr


def test_a_model_does_not_wait_at_its_specification(folder: Path) -> None:
    model = write_own(folder / "spec")
    model.write_bytes(model.read_bytes().replace(b"nst_engine", b"not_engine"))
    os.mkfifo(model.with_suffix(".json"))
    completed = nst("stylize", "photo.png", "--model", model, "--style", "wave", "-o", "out.png", cwd=folder)
    assert completed.returncode == 2
    assert "is a named pipe, not a file" in completed.stderr


def test_a_pipe_that_a_shell_has_opened_is_read(folder: Path) -> None:
    nst_command = f"{sys.executable} -m nst_engine stylize <(cat photo.png) --model own.onnx --style wave --threads 1"
    completed = subprocess.run(
        ["bash", "-c", f"{nst_command} -o out.png"],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert completed.returncode == 0, completed.stderr
    assert (folder / "out.png").is_file()
