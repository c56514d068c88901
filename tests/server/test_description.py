"""The API is as it describes itself: schemathesis asks for all that the description allows, and what it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cli.running import ENVIRONMENT

from .running import service

HERE = Path(__file__).parent


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text("a-key\n")
    options = ("--models", "live,any-fast", "--api-key-file", "keys.txt", "--jobs-waiting", "3")
    found = os.pathsep.join([str(HERE.parent), str(HERE), ENVIRONMENT["PYTHONPATH"]])
    with service(tmp_path, *options) as running:
        completed = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
                *("run", f"{running.address}/openapi.json", "--header", "Authorization: Bearer a-key"),
                # DELETE cancels a job, which goes on telling so
                *("--exclude-checks", "use_after_free"),
                *("--checks", "all", "--seed", "1", "--max-examples", "4", "--max-time", "25"),
                *("--generation-database", "none", "--continue-on-failure", "--no-color", "--no-shrink"),
            ],
            cwd=tmp_path,
            env={**ENVIRONMENT, "PYTHONPATH": found},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert completed.returncode == 0, completed.stdout[-6000:]
        assert "Selected: 19/19" in completed.stdout
        statuses = running.log.read_text()
    assert '"path": "/v1/stylize", "status": 200' in statuses
    assert '"path": "/v1/styles/encode", "status": 201' in statuses
    assert '"status": 500' not in statuses
