"""The connection to Ray."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from nst_engine.catalogue import content_path

_RUN = "import sys; from nst_engine.cli.main import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("protocol", ["", "ray://"])
def test_an_address_at_which_nobody_answers_is_told_at_once(tmp_path: Path, protocol: str) -> None:
    with socket.socket() as unused:  # bound, and nobody listens
        unused.bind(("127.0.0.1", 0))
        address = f"{protocol}127.0.0.1:{unused.getsockname()[1]}"
        command = [
            "cluster",
            "stylize",
            str(content_path("coffee")),
            str(tmp_path / "out"),
            "--style",
            "scream",
            "--address",
            address,
        ]
        ended = subprocess.run(
            [sys.executable, "-c", _RUN, *command], capture_output=True, text=True, timeout=60, check=False
        )
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"nst: there is no cluster of Ray at '{address}' (")
    assert list(tmp_path.iterdir()) == []


def test_sigterm_while_ray_starts_ends_as_any_other_time(tmp_path: Path) -> None:
    command = ["cluster", "stylize", str(content_path("coffee")), str(tmp_path / "out"), "--style", "scream"]
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    with tempfile.TemporaryDirectory(prefix="nst-") as folder:  # names of sockets have to be short
        environment["RAY_TMPDIR"] = folder
        with subprocess.Popen(
            [sys.executable, "-c", _RUN, *command], stderr=subprocess.PIPE, text=True, env=environment
        ) as running:
            deadline = time.monotonic() + 60
            while not [*Path(folder).glob("ray/session_*")] and time.monotonic() < deadline:  # it has begun
                time.sleep(0.01)
            running.terminate()
            _, said = running.communicate(timeout=60)
    assert (running.returncode, said) == (143, "nst: interrupted; go on with the same command and --resume\n")
    assert not (tmp_path / "out").exists()
