"""What ends a command from outside: a terminal that closes, signals that are ignored, a manager of services."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .running import ENVIRONMENT, nst, painting, pixels_of, started, write


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """An optimisation without an end, that shows when it has begun."""
    content = write(tmp_path / "content.png", painting(45, 60, seed=1))
    style = write(tmp_path / "style.png", painting(56, 40, seed=2))
    options = ["--image-size", "64", "--num-iterations", "5000", "--save-every", "1", "-o", "painted.png"]
    return [sys.executable, "-m", "nst_engine", "optimize", str(content), "--style", str(style), *options]


def wait_for(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_terminal_that_closes_costs_no_picture(tmp_path: Path, command: list[str]) -> None:
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        os.execvpe(command[0], command, ENVIRONMENT)
    wait_for((tmp_path / "painted_00002.png").exists)
    os.close(terminal)  # all who have it as theirs get SIGHUP, and can write to it no more
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    assert pixels_of(tmp_path / "painted.png").ndim == 3


@pytest.mark.parametrize("when", ["early", "late"])
def test_where_ctrl_c_is_ignored_a_manager_is_not(tmp_path: Path, command: list[str], when: str) -> None:
    """As in the background of a shell's script."""
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); from nst_engine.cli.main import main; "
        "print(flush=True); sys.exit(main(sys.argv[1:]))"
    )
    with started("-c", program, *command[3:], cwd=tmp_path) as process:
        if when == "late":
            wait_for((tmp_path / "painted_00002.png").exists)
        else:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.3)
        process.terminate()
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Traceback" not in stderr
    assert (tmp_path / "painted.png").exists() == (when == "late")


def test_who_ignores_that_the_terminal_closes_goes_on(tmp_path: Path, command: list[str]) -> None:
    with subprocess.Popen(["nohup", *command], cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.DEVNULL) as process:
        wait_for((tmp_path / "painted_00002.png").exists)
        process.send_signal(signal.SIGHUP)
        there = len(list(tmp_path.glob("painted_*.png")))
        wait_for(lambda: len(list(tmp_path.glob("painted_*.png"))) > there + 2)
        assert process.poll() is None
        process.terminate()
    assert process.returncode == 143
    assert (tmp_path / "painted.png").exists()


def test_a_reader_that_goes_away_ends_a_folder_run_with_a_code_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(12):
        write(tmp_path / "in" / f"{number:02}.png", painting(24, 24, seed=number))
    program = ["-m", "nst_engine", "stylize", "in", "--style", "scream", "-o", "out", "--json"]
    process = started(*program, "--model", "bundled:live", cwd=tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith("{")
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr.read() == ""
    process.stderr.close()
    assert len(list((tmp_path / "out").iterdir())) < 12


def test_ctrl_c_in_a_folder_leaves_whole_pictures_and_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    photos = [write(tmp_path / "in" / f"{number:02}.png", painting(400, 400, seed=number)) for number in range(30)]
    command = ["-m", "nst_engine", "stylize", "in", "--style", "scream", "-o", "out", "--model", "bundled:live"]
    with started(*command, "--streams", "2", cwd=tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.endswith("nst: interrupted; go on with the same command and --resume\n")
    assert "Traceback" not in stderr
    outputs = list((tmp_path / "out").iterdir())
    assert 1 <= len(outputs) < len(photos)
    assert all(pixels_of(path).shape == (400, 400, 3) for path in outputs)
    again = nst("stylize", "in", "--style", "scream", "-o", "out", "--model", "bundled:live", "--resume", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert f"{len(outputs)} done before, skipped" in again.stderr
    assert len(list((tmp_path / "out").iterdir())) == len(photos)
