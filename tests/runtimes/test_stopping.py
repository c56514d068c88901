"""Models that are stopped."""

from __future__ import annotations

import shutil
from pathlib import Path

from cli.running import ENVIRONMENT, python

from nst_engine.models.find import bundled_models

#: Ctrl-C comes when the model's thread has been started, and before anything waits for it.
INTERRUPTED = """
import sys, threading
import numpy as np
from nst_engine import Stylizer

stylizer = Stylizer(sys.argv[1], device="cpu", backend="onnxruntime")
start = threading.Thread.start

def interrupted(thread):
    start(thread)
    if thread.name == "model":
        raise KeyboardInterrupt

threading.Thread.start = interrupted
try:
    stylizer.stylize(np.zeros((1200, 1200, 3), np.uint8), "scream")
except KeyboardInterrupt:
    raise SystemExit(7)
"""


def test_a_process_ends_as_it_wants_to_while_a_model_runs_that_nobody_waits_for(tmp_path: Path) -> None:
    own = tmp_path / "own.onnx"  # bundled ones run in the thread that asks
    shutil.copyfile(bundled_models()["live"].path, own)
    completed = python("-c", INTERRUPTED, own, cwd=tmp_path, environment=ENVIRONMENT)
    assert (completed.returncode, completed.stderr) == (7, "")
