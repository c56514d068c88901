"""Engines in turn, each in a process of its own, by the harness of `nst bench`.

So a machine that slows down slows all of them, and no engine finds what another one has left.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nst_engine.benchmark.jobs import Job, answer_of

_HERE = Path(__file__).parent


def answers_in_turn(
    module: str, runs: Mapping[str, Mapping[str, Any]], *, rounds: int, threads: int
) -> dict[str, list[Any]]:
    """What a script's `measure` returned, by run, a value for each round.

    Args:
        module: The script, such as `bench_stylize`.
        runs: By name, the arguments of `measure` beside the threads; `environment` is of the process.
        rounds: How often each has its turn.
        threads: Of the CPU.
    """
    answers: dict[str, list[Any]] = {name: [] for name in runs}
    # what `auto` takes is measured once, as on a user's machine, and not in each process
    with tempfile.TemporaryDirectory() as cache:
        for number in range(rounds):
            for name, arguments in runs.items():
                answers[name].append(_answer(module, dict(arguments), threads, cache))
                print(number + 1, name, flush=True)
    return answers


def quartiles(times: Sequence[float]) -> dict[str, float]:
    """Of milliseconds."""
    quarter, median, three_quarters = (float(each) for each in np.percentile(times, (25, 50, 75)))
    return {"p25": round(quarter, 3), "p50": round(median, 3), "p75": round(three_quarters, 3), "runs": len(times)}


def _answer(module: str, arguments: dict[str, Any], threads: int, cache: str) -> Any:
    path = os.pathsep.join(filter(None, [str(_HERE), os.environ.get("PYTHONPATH", "")]))
    environment = {"PYTHONPATH": path, "NST_ENGINE_CACHE": cache, **arguments.pop("environment", {})}
    with tempfile.TemporaryDirectory() as folder:
        return answer_of(Job(module, {}, {**arguments, "threads": threads}, threads, environment), Path(folder))
