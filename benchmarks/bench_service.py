"""What a service asks of a `Stylizer`: that it stops when told, copes with ever new sizes, and gives memory back.

A photo of 24 megapixels is cancelled at many moments of its way (decoding, tiles, the last stage): how long until the
call is over. Pictures of fifty sizes, none of which comes again, by each backend in turn. Eight pictures of 1080p at
once: resident memory at the peak, two seconds later, and after `close`.
"""

from __future__ import annotations

import argparse
import datetime
import io
import json
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from report import RESULTS
from turns import answers_in_turn

from nst_engine.benchmark.machine import fingerprint
from nst_engine.environment import usable_cpus

NETWORKS = ("quality", "live")
BACKENDS = ("onnxruntime", "openvino", "auto")
LARGE = (4000, 6000)
MOMENTS = 10
NEW_SIZES = 50
BURST, BURST_SIZE = 8, (1080, 1920)
ALLOCATORS: dict[str, dict[str, str]] = {"as it is": {}, "MALLOC_ARENA_MAX=2": {"MALLOC_ARENA_MAX": "2"}}


def main() -> None:
    """Measure in turn and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=usable_cpus(), help="default: the CPUs to use")
    parser.add_argument("--only-cancel", action="store_true", help="keep the other figures")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    arguments = parser.parse_args()
    runs: dict[str, dict[str, Any]] = {
        **{f"cancel {network}": {"what": "cancel", "network": network} for network in NETWORKS},
        **{f"sizes {backend}": {"what": "sizes", "backend": backend} for backend in BACKENDS},
        **{
            f"burst {backend}, {name}": {"what": "burst", "backend": backend, "environment": environment}
            for backend in BACKENDS
            for name, environment in ALLOCATORS.items()
        },
    }
    path = arguments.results / "service.json"
    if arguments.only_cancel:
        runs = {name: run for name, run in runs.items() if run["what"] == "cancel"}
    answers = answers_in_turn("bench_service", runs, rounds=arguments.rounds, threads=arguments.threads)
    report = json.loads(path.read_text()) if arguments.only_cancel else {}
    report |= {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": fingerprint("openvino"),
        "threads": arguments.threads,
        "cancel": {
            network: _cancelled([each for answer in answers[f"cancel {network}"] for each in answer])
            for network in NETWORKS
        },
    }
    if not arguments.only_cancel:
        report |= {
            "new_sizes_s": {backend: round(float(np.median(answers[f"sizes {backend}"])), 2) for backend in BACKENDS},
            "burst_mib": {
                backend: {name: answers[f"burst {backend}, {name}"][-1] for name in ALLOCATORS} for backend in BACKENDS
            },
        }
    path.write_text(json.dumps(report, indent=1) + "\n")


def _cancelled(moments: list[dict[str, float]]) -> dict[str, Any]:
    after = [each["over_after_ms"] for each in moments]
    return {
        "whole_ms": round(float(np.median([each["whole_ms"] for each in moments])), 0),
        "over_after_ms": {"p50": round(float(np.median(after)), 1), "most": round(max(after), 1), "times": len(after)},
        "moments": moments,
    }


def measure(what: str, threads: int, network: str = "live", backend: str = "auto") -> Any:
    """One scenario in a process of its own."""
    from nst_engine import Stylizer

    stylizer = Stylizer(f"bundled:{network}", device="cpu", threads=threads, backend=backend)  # type: ignore[arg-type]
    if what == "cancel":
        return _cancel_at_moments(stylizer)
    if what == "sizes":
        photo = _photo(NEW_SIZES + 300, 3 * NEW_SIZES + 200)
        stylizer.warmup((300, 200))
        started = time.perf_counter()
        for number in range(NEW_SIZES):
            stylizer.stylize(photo[: 300 + number, : 200 + 3 * number], "great-wave")
        return time.perf_counter() - started
    return _burst(stylizer)


def _cancel_at_moments(stylizer: Any) -> list[dict[str, float]]:
    """A JPEG's way, cancelled at moments spread over all of it."""
    from nst_engine import CancelledError, CancelToken

    file = io.BytesIO()
    Image.fromarray(_photo(*LARGE)).save(file, "JPEG", quality=90)
    whole_ms = 0.0
    for _ in range(2):  # the first loads the parts
        started = time.perf_counter()
        stylizer.stylize(file.getvalue(), "great-wave")
        whole_ms = 1e3 * (time.perf_counter() - started)
    found = []
    for number in range(MOMENTS):
        token = CancelToken()
        moment_ms = whole_ms * (number + 0.5) / MOMENTS
        asked: list[float] = []

        def cancel(token: CancelToken = token, asked: list[float] = asked) -> None:
            asked.append(time.perf_counter())
            token.cancel()

        timer = threading.Timer(moment_ms / 1e3, cancel)
        timer.start()
        try:
            stylizer.stylize(file.getvalue(), "great-wave", cancel=token)
        except CancelledError:
            over_ms = 1e3 * (time.perf_counter() - asked[0])
            found.append({"moment_ms": round(moment_ms), "over_after_ms": round(over_ms, 1), "whole_ms": whole_ms})
        timer.cancel()
    return found


def _burst(stylizer: Any) -> dict[str, int]:
    photo = _photo(*BURST_SIZE)
    before = _resident_bytes()
    peak, is_over = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not is_over.wait(0.005):
            peak = max(peak, _resident_bytes())

    watching = threading.Thread(target=watch)
    watching.start()
    with ThreadPoolExecutor(BURST) as threads:
        list(threads.map(lambda _: stylizer.stylize(photo, "great-wave").width, range(2 * BURST)))
    is_over.set()
    watching.join()
    time.sleep(2)
    after = _resident_bytes()
    stylizer.close()
    closed = _resident_bytes()
    sizes = {"loaded": before, "peak": peak, "two seconds after": after, "closed": closed}
    return {name: round(size / 2**20) for name, size in sizes.items()}


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def _photo(height: int, width: int) -> NDArray[np.uint8]:
    from nst_engine.catalogue import content_path
    from nst_engine.image import load_image, resize_image

    return resize_image(load_image(content_path("coffee")).pixels, height, width)


if __name__ == "__main__":
    main()
