"""Measures one row of optimisation: time per iteration, and the loss reached."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from nst_engine.benchmark.machine import gpu_memory_mib, peak_rss_mib
from nst_engine.benchmark.pictures import photos_of
from nst_engine.benchmark.row import TOTAL
from nst_engine.errors import OptimizationError
from nst_engine.optimization import Progress
from nst_engine.optimization.options import Precision
from nst_engine.wording import counted


def measure(
    *, size: tuple[int, int], style: str, iterations: int, precision: Precision, device: str, threads: int
) -> dict[str, Any]:
    """Optimise a bundled photo for a few iterations, all at full size.

    Returns:
        What `nst_engine.benchmark.jobs.measured` makes a `Row` of.

    Raises:
        OptimizationError: Fewer than two iterations were made.
        NSTError: What `nst_engine.optimize` raises.
    """
    (photo,) = photos_of(*size, 1)
    gpu_before, begun = gpu_memory_mib(), time.perf_counter()
    from nst_engine.optimization import optimize  # this imports torch

    imported = time.perf_counter()
    seconds: list[float] = []

    def note(progress: Progress) -> None:
        seconds.append(progress.seconds)

    result = optimize(
        photo,
        style,
        on_progress=note,
        image_size=max(size),
        num_iterations=iterations,
        pyramid=False,
        precision=precision,
        device=device,
        threads=threads,
    )
    if len(seconds) < 2:
        raise OptimizationError(f"ended after {counted(len(seconds), 'iteration')}: nothing improved any more")
    gpu_after = gpu_memory_mib()
    return {
        "times_ms": {TOTAL: [float(each) for each in np.diff(seconds) * 1e3]},
        "figures": {
            "loss": result.losses.total,
            "content_loss": result.losses.content,
            "style_loss": result.losses.style,
            "iterations": result.iterations,
            "import_ms": (imported - begun) * 1e3,
            "first_iteration_ms": seconds[0] * 1e3,
            "total_ms": result.seconds * 1e3,
            "peak_rss_mib": peak_rss_mib(),
            "gpu_memory_mib": None if gpu_after is None else max(0.0, gpu_after - (gpu_before or 0.0)),
        },
        "is_wrong": False,
        "remarks": [f"{len(seconds)} iterations of {iterations} wanted, on {result.device}"],
    }
