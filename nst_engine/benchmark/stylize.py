"""One row of stylisation: what a backend takes from its import to a stream of pictures."""

from __future__ import annotations

import gc
import importlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.benchmark.backends import BACKENDS
from nst_engine.benchmark.backends.backend import Backend, BenchModel, Precision, model_from_json
from nst_engine.benchmark.machine import gpu_memory_mib, peak_rss_mib
from nst_engine.benchmark.pictures import least_psnr_db, photos_of
from nst_engine.benchmark.row import TOTAL
from nst_engine.runtimes.devices import LEAST_PSNR_DB
from nst_engine.stylize.one_pass import one_pass
from nst_engine.stylize.result import Stopwatch

FEWEST_RUNS = 5

_STAGES = ("preprocess", "inference", "postprocess")
_WARM_UPS, _WARM_UP_SHARE = 2, 0.2
_STEADY_RUNS = 3

_Pictures = Sequence[NDArray[np.uint8]]


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
    """Measure one backend at one size.

    Args:
        backend: Its name.
        model: A `BenchModel` for JSON.
        size: Width and height.
        batch: Pictures in a run.
        threads: Of the CPU.
        precision: Of the convolutions.
        seconds: To measure for, after the warm-up; at least `FEWEST_RUNS` are made.
        reference: File of the pictures that should come: uint8 N×H×W×3.

    Returns:
        What `nst_engine.benchmark.jobs.measured` makes a `Row` of.

    Raises:
        NSTError: The backend cannot run this model, or not so.
    """
    line = _Line(BACKENDS[backend], model_from_json(model), threads)
    width, height = size
    photos, wanted = photos_of(width, height, batch), np.load(reference)
    gpu_before = gpu_memory_mib()
    figures: dict[str, float | None] = line.started(precision)
    begun = time.perf_counter()
    first = line.paint(photos)
    figures["first_run_ms"] = (time.perf_counter() - begun) * 1e3
    at_first = least_psnr_db(first, wanted)
    times, last = _steady(line, photos, seconds)
    figures["psnr_db"] = psnr_db = min(at_first, least_psnr_db(last, wanted))
    figures["peak_rss_mib"] = peak_rss_mib()
    gpu_after = gpu_memory_mib()
    figures["gpu_memory_mib"] = None if gpu_after is None else max(0.0, gpu_after - (gpu_before or 0.0))
    remarks = []
    try:
        figures["new_size_ms"] = line.new_size_ms(size, batch)
    except Exception as error:  # of the backend; what it did at its own size stands
        remarks.append(
            f"fails at another size after this one: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        )
    line.backend.close()
    return {
        "times_ms": times,
        "figures": figures,
        "is_wrong": not psnr_db >= LEAST_PSNR_DB[precision],
        "remarks": remarks,
    }


class _Line:
    """Photos in, pictures out, with one backend in the middle."""

    def __init__(self, backend: Backend, model: BenchModel, threads: int) -> None:
        self.backend, self._model, self._threads = backend, model, threads
        self.stage_ms: Mapping[str, float] = {}

    def started(self, precision: Precision) -> dict[str, float | None]:
        """How long import and loading take, ms."""
        begun = time.perf_counter()
        for module in self.backend.modules:
            importlib.import_module(module)
        imported = time.perf_counter()
        self.backend.load(self._model, self._threads, precision)
        return {"import_ms": (imported - begun) * 1e3, "load_ms": (time.perf_counter() - imported) * 1e3}

    def paint(self, photos: _Pictures) -> _Pictures:
        """One run; what each stage took is kept."""
        stopwatch = Stopwatch()
        pictures = one_pass(
            photos,
            self._model.spec,
            lambda tensor, _: self.backend.run(tensor),
            model=self._model.name,
            threads=self._threads,
            stopwatch=stopwatch,
        )
        timings_ms = stopwatch.timings_ms()
        self.stage_ms = {stage: timings_ms[stage] for stage in _STAGES}
        return pictures

    def new_size_ms(self, size: Sequence[int], batch: int) -> float:
        """What the first run at another size takes beyond the later ones there; inference only."""
        smallest = self._model.spec.min_side_px
        width, height = (max(smallest, side * 3 // 4 // 8 * 8) for side in size)
        if [width, height] == [*size]:
            width += 8
        photos, times = photos_of(width, height, batch), []
        for _ in range(1 + _STEADY_RUNS):
            self.paint(photos)
            times.append(self.stage_ms["inference"])
        return max(0.0, float(times[0] - np.median(times[1:])))


def _steady(line: _Line, photos: _Pictures, seconds: float) -> tuple[dict[str, list[float]], _Pictures]:
    """Every time after the warm-up, by stage, and the last pictures."""
    gc.collect()
    gc.disable()  # a collection now and then would be an outlier now and then
    begun, done = time.perf_counter(), 0
    while done < _WARM_UPS or time.perf_counter() - begun < _WARM_UP_SHARE * seconds:
        line.paint(photos)
        done += 1
    times: dict[str, list[float]] = {stage: [] for stage in (*_STAGES, TOTAL)}
    begun = time.perf_counter()
    while len(times[TOTAL]) < FEWEST_RUNS or time.perf_counter() - begun < seconds:
        pictures = line.paint(photos)
        for stage, ms in line.stage_ms.items():
            times[stage].append(ms)
        times[TOTAL].append(sum(line.stage_ms.values()))
    gc.enable()
    return times, pictures
