"""Closed streams, odd locales, pipes, and names that would steer a terminal: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_models import own_spec, painter, write_own

from .running import ENVIRONMENT, python

ESCAPES = "\x1b]0;other title\x07\x1b[2J"
NST = [sys.executable, "-m", "nst_engine"]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(np.full((24, 32, 3), 90, np.uint8)).save(path)
    return path


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", command.replace("nst ", " ".join(NST) + " ")],
        cwd=folder,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("nst stylize photo.png --model own.onnx --style wave --threads 1 -o out.png >&-", 0),
        ("nst stylize photo.png --model own.onnx --style wave --threads 1 -o out.png 2>&-", 0),
        ("nst stylize photo.png --model own.onnx --style wave --threads 1 -o out.png <&- >&- 2>&-", 0),
        ("nst stylize - --model own.onnx --style wave --threads 1 -o out.png <&-", 2),
        ("nst --version >/dev/full", 1),
        ("nst styles --model own.onnx >/dev/full", 1),
        ("nst stylize photo.png --model own.onnx --style wave --threads 1 -o - >/dev/full", 1),
    ],
)
def test_closed_and_full_streams_are_no_traceback(tmp_path: Path, photo: Path, command: str, code: int) -> None:
    write_own(tmp_path, name="own.onnx")
    completed = shell(command, tmp_path)
    assert b"Traceback" not in completed.stderr
    assert completed.returncode == code
    assert (tmp_path / "out.png").exists() == ("out.png" in command and code == 0)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_json_is_ascii_in_every_locale(tmp_path: Path, encoding: str) -> None:
    write_own(tmp_path, name="own.onnx")
    Image.new("RGB", (24, 32)).save(tmp_path / "größe 😀.png")
    command = "nst stylize 'größe 😀.png' --model own.onnx --style wave --threads 1 -o o.png --json"
    completed = shell(command, tmp_path, PYTHONIOENCODING=encoding)
    assert json.loads(completed.stdout.decode("ascii"))["input"] == "größe 😀.png"


def test_names_do_not_steer_the_terminal(tmp_path: Path) -> None:
    write_own(tmp_path, name="own.onnx")
    (tmp_path / "in").mkdir()
    Image.new("RGB", (24, 32)).save(tmp_path / "in" / f"good{ESCAPES}.png")
    (tmp_path / "in" / f"broken{ESCAPES}.png").write_bytes(b"x")
    (tmp_path / "in" / f"other.a{ESCAPES}").write_bytes(b"x")
    completed = shell("nst stylize in --model own.onnx --style wave --threads 1 -o out", tmp_path)
    assert completed.returncode == 3
    assert b"good\\x1b]0;other title\\x07" in completed.stdout
    assert b"broken\\x1b]0;other title\\x07" in completed.stderr
    assert b"\x1b]" not in completed.stdout + completed.stderr


def test_styles_of_a_model_have_printable_names(tmp_path: Path) -> None:
    (tmp_path / "own.onnx").write_bytes(painter(spec=own_spec(styles=["wave", f"s{ESCAPES}", "poppies"])))
    completed = shell("nst styles --model own.onnx", tmp_path)
    assert completed.returncode == 2
    assert b"without control characters" in completed.stderr
    assert b"\x1b]" not in completed.stdout + completed.stderr


def test_what_is_left_out_of_a_folder_is_said(tmp_path: Path, photo: Path) -> None:
    write_own(tmp_path, name="own.onnx")
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("1.png", "2.jfif", "3.jpe"):
        Image.open(photo).save(folder / name, format="PNG" if name == "1.png" else "JPEG")
    for name in ("4.jxl", "5.jxl", "6.psd", "notes"):
        (folder / name).write_bytes(b"no picture")
    os.mkfifo(folder / "7.png")
    completed = shell("nst stylize in --model own.onnx --style wave --threads 1 -o out", tmp_path)
    assert completed.returncode == 0
    assert b"left out: 2 \xc3\x97 .jxl, 1 \xc3\x97" in completed.stderr
    for kind in (b".psd", b"no suffix", b"no plain file"):
        assert kind in completed.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1_wave.png", "2_wave.jpg", "3_wave.jpg"]


def test_a_pipe_is_no_video(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "clip.mp4")
    completed = shell("nst video clip.mp4 --style scream --threads 1 -o out.gif", tmp_path)
    assert completed.returncode == 2
    assert b"clip.mp4: is a named pipe, not a file" in completed.stderr


def test_stdin_without_an_end_is_left_at_the_limit(tmp_path: Path) -> None:
    write_own(tmp_path, name="own.onnx")
    completed: Any = shell("nst stylize - --model own.onnx --style wave -o out.png < /dev/zero", tmp_path)
    assert completed.returncode == 2
    assert b"stdin: the picture has more than 268,435,456 bytes" in completed.stderr


def test_an_account_without_a_home_paints(tmp_path: Path, photo: Path) -> None:
    write_own(tmp_path, name="own.onnx")
    code = (
        "import pwd\n"
        "def nobody(uid): raise KeyError(f'getpwuid(): uid not found: {uid}')\n"
        "pwd.getpwuid = nobody\n"
        "from nst_engine import Stylizer\n"
        "print(Stylizer('own.onnx', threads=1, backend='auto').stylize('photo.png', 'wave').height)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    for name in ("NST_ENGINE_CACHE", "NST_ENGINE_BACKEND"):  # the choice of a backend is what is kept there
        environment.pop(name, None)
    completed = python("-c", code, cwd=tmp_path, environment=environment)
    assert completed.stdout == "24\n", completed.stderr
