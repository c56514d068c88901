"""The connection to Ray."""

from __future__ import annotations

import socket
import subprocess
import sys
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
