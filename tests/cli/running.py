"""How the tests of the command run it, and the small pictures they give it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import nst_engine
from nst_engine.cli.main import main

_PATH = [str(Path(nst_engine.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
#: For interpreters that tests start: the package can be imported even where it is not installed.
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(_PATH)}
for _name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):  # a test's pipe is no terminal
    ENVIRONMENT.pop(_name, None)


def nst(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = ["-W", "error", "-m", "nst_engine", *arguments]
    return python(*command, cwd=cwd, environment={**ENVIRONMENT, **environment})


def python(
    *arguments: object, cwd: Path, environment: dict[str, str] = ENVIRONMENT, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run this Python in a process of its own."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        input=stdin,
        cwd=cwd,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def started(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.Popen[str]:
    """Start this Python in a process of its own, whose output is read through pipes."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**ENVIRONMENT, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def code_of(*arguments: object) -> object:
    """Exit code of the command, run in this process: starting one takes a second, and with torch three."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as leaving:
        return leaving.code


def assert_refused(capsys: pytest.CaptureFixture[str], message: str, *arguments: object) -> None:
    """The command ends with code 2 and one line with this message on stderr."""
    assert code_of(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1, captured.err


def painting(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Soft blobs with some grain, uint8 H x W x 3: a picture that VGG-19 finds something in."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(rng.uniform(0.1, 0.5) * x + rng.uniform(0.1, 0.5) * y + rng.uniform(0, 6)) for _ in range(3)]
    grain = rng.normal(0, 6, (height, width, 3))
    pixels: NDArray[np.uint8] = np.clip(np.stack(waves, -1) * 90 + 128 + grain, 0, 255).astype(np.uint8)
    return pixels


def write(path: Path, pixels: NDArray[np.uint8], **options: Any) -> Path:
    """Write a picture with Pillow."""
    Image.fromarray(pixels).save(path, **options)
    return path


def pixels_of(path: Path) -> NDArray[np.uint8]:
    """Decode a picture with Pillow, uint8 H x W x 3 or x 4."""
    with Image.open(path) as image:
        return np.asarray(image).copy()
