"""Measures one kernel of one contender at one picture size."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from nst_engine.benchmark.kernel_contenders import Kernel, call_of, task_of
from nst_engine.benchmark.row import TOTAL

_FEWEST_TIMES = 9
#: Shorter calls are timed in groups, since the clock's resolution would dominate.
_SHORTEST_TIME_S = 1e-3


def measure(*, kernel: Kernel, contender: str, size: tuple[int, int], threads: int, seconds: float) -> dict[str, Any]:
    """Measure one kernel.

    Returns:
        What `nst_engine.benchmark.jobs.measured` makes a `Row` of.
    """
    task = task_of(kernel, *size)
    call = call_of(contender, kernel, task.input_array, threads)
    output = call()
    is_shaped = output.shape == task.expected.shape
    difference = float(np.abs(output - task.expected).max()) if is_shaped else math.inf
    calls = _calls_per_time(call, seconds)
    return {
        "times_ms": {TOTAL: _times(call, calls, seconds)},
        "figures": {"max_difference": difference if math.isfinite(difference) else None, "calls_per_time": calls},
        # NaN counts as wrong
        "is_wrong": not difference <= task.tolerance,
        "remarks": [f"each time is the mean of {calls} calls"] if calls > 1 else [],
    }


def _calls_per_time(call: Callable[[], object], seconds: float) -> int:
    """Warm up, and find how many calls take long enough to be timed."""
    begun, done = time.perf_counter(), 0
    while done < 2 or time.perf_counter() - begun < 0.2 * seconds:
        call()
        done += 1
    return max(1, math.ceil(_SHORTEST_TIME_S * done / (time.perf_counter() - begun)))


def _times(call: Callable[[], object], calls: int, seconds: float) -> list[float]:
    """Times of one call, ms."""
    gc.collect()
    gc.disable()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < _FEWEST_TIMES or time.perf_counter() - began < seconds:
        begun = time.perf_counter()
        for _ in range(calls):
            call()
        times.append((time.perf_counter() - begun) * 1e3 / calls)
    gc.enable()
    return times
