"""Measures one row of stylisation, from the backend's import to its steady state."""

from __future__ import annotations

import gc
import importlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nst_engine.benchmark.backends import backend_named
from nst_engine.benchmark.backends.backend import Backend, check_precision
from nst_engine.benchmark.machine import gpu_memory_mib, peak_rss_mib
from nst_engine.benchmark.model import BenchModel, model_from_json
from nst_engine.benchmark.pictures import least_psnr_db, photos_of
from nst_engine.benchmark.row import TOTAL
from nst_engine.runtimes.devices import Precision

FEWEST_RUNS = 5

_WARM_UPS, _WARM_UP_SHARE = 2, 0.2
_STEADY_RUNS = 3


def measure(
    *,
    backend: str,
    model: Mapping[str, Any],
    size: Sequence[int],
    batch: int,
    threads: int,
    precision: Precision,
    seconds: float,
    reference: str,
) -> dict[str, Any]:
    """Measure one backend at one size, for some seconds after the warm-up but at least `FEWEST_RUNS` runs.

    Returns:
        What `nst_engine.benchmark.jobs.measured` makes a `Row` of.

    Raises:
        NSTError: The backend cannot run this model, or not with these options.
    """
    runner, bench_model = backend_named(backend), model_from_json(model)
    check_precision(runner, precision)
    width, height = size
    expected, gpu_before = np.load(reference), gpu_memory_mib()
    figures = _started(runner, bench_model, threads, precision)
    photos = runner.prepared(photos_of(width, height, batch))
    begun = time.perf_counter()
    first, _ = runner.paint(photos)
    figures["first_run_ms"] = (time.perf_counter() - begun) * 1e3
    at_first = least_psnr_db(runner.pixels_of(first), expected)
    times, last = _steady(runner, photos, seconds)
    figures["psnr_db"] = psnr_db = min(at_first, least_psnr_db(runner.pixels_of(last), expected))
    figures["peak_rss_mib"] = peak_rss_mib()
    gpu_after = gpu_memory_mib()
    figures["gpu_memory_mib"] = None if gpu_after is None else max(0.0, gpu_after - (gpu_before or 0.0))
    remarks = [*runner.remarks]
    try:
        figures["new_size_ms"] = _new_size_ms(runner, bench_model.spec.min_side_px, size, batch)
    except Exception as error:  # any of the backend's; its times at the first size remain valid
        remarks.append(
            f"fails at another size after this one: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        )
    runner.close()
    return {
        "times_ms": times,
        "figures": figures,
        "is_wrong": not psnr_db >= runner.least_psnr_db(precision),
        "remarks": remarks,
    }


def _started(runner: Backend, model: BenchModel, threads: int, precision: Precision) -> dict[str, float | None]:
    """Times of import and loading, ms."""
    begun = time.perf_counter()
    for module in runner.modules:
        importlib.import_module(module)
    imported = time.perf_counter()
    runner.load(model, threads, precision)
    return {"import_ms": (imported - begun) * 1e3, "load_ms": (time.perf_counter() - imported) * 1e3}


def _new_size_ms(runner: Backend, smallest_px: int, size: Sequence[int], batch: int) -> float:
    """Extra inference time of the first run at another size, over later runs there."""
    width, height = (max(smallest_px, side * 3 // 4 // 8 * 8) for side in size)
    if [width, height] == [*size]:
        width += 8
    photos = runner.prepared(photos_of(width, height, batch))
    times = [runner.paint(photos)[1]["inference"] for _ in range(1 + _STEADY_RUNS)]
    return max(0.0, float(times[0] - np.median(times[1:])))


def _steady(runner: Backend, photos: Sequence[Any], seconds: float) -> tuple[dict[str, list[float]], Sequence[Any]]:
    """All times after the warm-up, by stage, and the last pictures."""
    gc.collect()
    gc.disable()  # garbage collections would show as outliers
    begun, done = time.perf_counter(), 0
    while done < _WARM_UPS or time.perf_counter() - begun < _WARM_UP_SHARE * seconds:
        runner.paint(photos)
        done += 1
    runs: list[Mapping[str, float]] = []
    begun = time.perf_counter()
    while len(runs) < FEWEST_RUNS or time.perf_counter() - begun < seconds:
        pictures, stages_ms = runner.paint(photos)
        runs.append(stages_ms)
    gc.enable()
    stages = [stage for stage in runs[0] if stage == TOTAL or all(run[stage] > 0 for run in runs)]
    return {stage: [run[stage] for run in runs] for stage in stages}, pictures
