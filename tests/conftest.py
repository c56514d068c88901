"""What all tests share."""

from __future__ import annotations

import os
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# small pictures on few cores: threads that wait for each other cost more than they bring
os.environ.setdefault("OMP_NUM_THREADS", "1")
# what is installed shall not decide what is tested: tests of other backends ask for them
os.environ.setdefault("NST_ENGINE_BACKEND", "onnxruntime")
# for tests that import ONNX Runtime themselves
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


@pytest.fixture(scope="session")
def judge_of() -> Callable[[Path, Path], Any]:
    """The benchmarks' `Judge` of a photo and a painting, which looks at each of them once."""
    judge: Callable[[Path, Path], Any] = runpy.run_path(
        str(Path(__file__).parent.parent / "benchmarks" / "quality.py")
    )["Judge"]
    return judge
