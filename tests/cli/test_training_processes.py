"""`--devices` and `torchrun` as they are typed: one voice, one end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from nst_engine import Stylizer
from nst_engine.catalogue import bundled_contents
from nst_engine.training import load_checkpoint

from .running import ENVIRONMENT, assert_refused, nst, python, started

SMALL = ("--crop-px", "64", "--style-size-px", "64", "--batch-size", "2", "--precision", "float32", "--device", "cpu")
COMMAND = ("train", "scream", "great-wave", "-o", "m.onnx", "--photos", "photos", "--likeness-weight", "0", *SMALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the command is typed, with a folder of one photo."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "coffee.jpg").write_bytes(bundled_contents()["coffee"].path.read_bytes())
    return tmp_path


def first_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def endless(folder: Path) -> subprocess.Popen[str]:
    """A training on two devices, which has made its first step."""
    process = started("-m", "nst_engine", *COMMAND, "--devices", "2", "--steps", "100000", cwd=folder)
    assert first_line(process.stderr).startswith("training for 100,000 steps, 2 pictures a step on 2 devices; ")
    return process


def test_ctrl_c_stops_both_with_a_checkpoint_that_is_gone_on_with(folder: Path) -> None:
    with endless(folder) as process:
        time.sleep(0.5)  # before its first step, a process stops without a checkpoint
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    step = load_checkpoint(folder / "m.training" / "checkpoint.safetensors").step
    assert stderr.count("stopped at step") == 1
    assert stderr.rstrip().endswith(f"stopped at step {step}; go on with the same command and --resume")
    on = nst(*COMMAND, "--devices", "2", "--steps", str(step + 1), "--resume", cwd=folder)
    assert on.returncode == 0, on.stderr
    assert on.stdout.startswith("m.onnx: 2 styles")
    assert on.stdout.count("\n") == 1
    assert Stylizer("m.onnx", device="cpu").spec.training["devices"] == 2


def test_a_process_that_dies_ends_the_other_in_one_line(folder: Path) -> None:
    with endless(folder) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        os.kill(int(children[1]), signal.SIGKILL)
        _, stderr = process.communicate(timeout=120)
    assert process.returncode == 1
    lines = [line for line in stderr.splitlines() if not line.startswith("m.onnx step ")]  # but for the bar
    assert [line for line in lines if line] == [
        "nst: process 2 of 2 was ended by signal 9, Killed; all were ended; go on from the last checkpoint, if there "
        "is one yet, with the same command and --resume"
    ]
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert not (folder / "m.onnx").exists()


def test_torchrun_starts_it_as_well(folder: Path) -> None:
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "nst_engine")
    done = python(*torchrun, *COMMAND, "--steps", "2", cwd=folder, environment=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("m.onnx: 2 styles") == 1
    assert done.stderr.count("training for 2 steps, 2 pictures a step on 2 devices") == 1
    assert load_checkpoint(folder / "m.training" / "checkpoint.safetensors").training["devices"] == 2


def test_of_one_style_torch_says_nothing(folder: Path) -> None:
    done = nst("train", "scream", *COMMAND[3:], "--devices", "2", "--steps", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("training for 1 step,")
    assert "Warning" not in done.stderr


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        (0, "--devices: 0 came; wanted a whole number from 1"),
        (3, "--batch-size 2 pictures cannot be shared by 3 devices evenly; take --batch-size {enough}"),
    ],
)
@pytest.mark.parametrize(
    ("command", "enough"),
    [  # of a photo in two styles, or in the one that is added
        (COMMAND, 6),
        (("train-any", *COMMAND[3:]), 6),
        (("add-style", *COMMAND[1:2], *COMMAND[3:]), 3),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_step_that_cannot_be_shared_is_refused_before_anything_starts(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...], enough: int, devices: int, message: str
) -> None:
    assert_refused(capsys, message.format(enough=enough), *command, "--steps", 1, "--devices", devices)


def test_what_both_refuse_is_said_once(folder: Path) -> None:
    (folder / "photos" / "coffee.jpg").write_bytes(b"none")
    refused = nst(*COMMAND, "--devices", "2", "--steps", "1", cwd=folder)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith("nst: no picture to train on is left")
    assert sys.executable not in refused.stderr
