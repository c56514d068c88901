"""What all tests share."""

from __future__ import annotations

import os
import runpy
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# small pictures on few cores: threads that wait for each other cost more than they bring
os.environ.setdefault("OMP_NUM_THREADS", "1")
# more threads than are free, where a test asks for them, shall wait asleep for each other
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# what is installed shall not decide what is tested: tests of other backends ask for them
os.environ.setdefault("NST_ENGINE_BACKEND", "onnxruntime")
# for tests that import ONNX Runtime themselves
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# a shell has Ctrl-C ignored in what it starts in the background, and nohup SIGHUP: so would be all that tests start
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)  # of others it is the default then


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test begins first: begun last, it would have the other processes wait for a minute."""
    items.sort(key=lambda item: "test_page_in_browser" not in item.nodeid)


@pytest.fixture
def few_first_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder looks at 64 pictures before its first step, which takes longer than all steps of a test."""
    from nst_engine.training import any_style  # torch is for those alone that ask for this

    monkeypatch.setattr(any_style, "_FIRST_PICTURES", 16)


@pytest.fixture(scope="session")
def judge_of() -> Callable[[Path, Path], Any]:
    """The benchmarks' `Judge` of a photo and a painting, which looks at each of them once."""
    judge: Callable[[Path, Path], Any] = runpy.run_path(
        str(Path(__file__).parent.parent / "benchmarks" / "quality.py")
    )["Judge"]
    return judge
