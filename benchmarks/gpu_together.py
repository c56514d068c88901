"""Pictures of one size that many threads hand to one `Stylizer`, for `bench_gpu.py`: painted in turn, or together."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from turns import quartiles

from nst_engine import Stylizer
from nst_engine.benchmark.pictures import photos_of

_CALLERS = 16


def measure(*, model: str, size: str, device: str, together: int, seconds: float, threads: int) -> dict[str, Any]:
    """Pictures a second, and the milliseconds of each call.

    Args:
        model: A bundled one.
        size: Of the pictures, px.
        device: `cuda` or `cpu`.
        together: `max_batch_size`.
        seconds: To measure for.
        threads: Of the CPU.
    """
    width, height = map(int, size.split("x"))
    (photo,) = photos_of(width, height, 1)
    given: Any = {"device": device, "backend": "onnxruntime", "threads": threads, "max_batch_size": together}
    with Stylizer(f"bundled:{model}", **given) as stylizer, ThreadPoolExecutor(_CALLERS) as callers:
        styles = itertools.cycle(stylizer.styles)

        def paint(end: float) -> list[float]:
            times: list[float] = []
            while not times or time.perf_counter() < end:
                begun = time.perf_counter()
                stylizer.stylize(photo, next(styles))
                times.append(1e3 * (time.perf_counter() - begun))
            return times

        list(callers.map(paint, [0.0] * 4 * _CALLERS))  # each number of pictures is new to the device once
        begun = time.perf_counter()
        times = list(itertools.chain(*callers.map(paint, [begun + seconds] * _CALLERS)))
        passed = time.perf_counter() - begun
    return {**quartiles(times), "together": together, "pictures_per_s": round(len(times) / passed, 1)}
