"""`nst serve` under load over the loopback: throughput beside the bare engine, latency, overload, and a soak.

The bare engine and the service, one process each, take turns: the same JPEG in, a JPEG out, the same threads. The
clients have a process of their own, on the same cores. Then 1, 8 and 64 clients; then ten times as many requests as
the service can paint, after which its latency is measured again; with `--soak MINUTES` resident memory over time. And
what batches would bring: pictures together in one run, or side by side as the service paints them.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
from report import RESULTS
from turns import answers_in_turn

from nst_engine.benchmark.machine import fingerprint
from nst_engine.catalogue import content_path
from nst_engine.environment import usable_cpus
from nst_engine.image import load_image, resize_image, save_image
from nst_engine.process import keep_freed_memory
from nst_engine.runtimes.options import suitable_streams

NETWORKS = ("quality", "live")
SIZES = {"512²": (512, 512), "720p": (720, 1280)}
CLIENTS = (1, 8, 64)
SATURATING = 8
STYLE, QUALITY = "great-wave", 90
_BATCHED = 48
#: Of the overload: requests a second in multiples of what is painted, and what `nst serve` is given.
OVERLOAD, OVERLOAD_TIMEOUT_S, OVERLOAD_QUEUE = 10, 5.0, 16


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each load")
    parser.add_argument("--threads", type=int, default=usable_cpus(), help="default: the CPUs to use")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="only this, and keep the other figures")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    arguments = parser.parse_args()
    path = arguments.results / "server.json"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_photos(folder)
        if arguments.soak:
            report = json.loads(path.read_text())
            report["soak"] = _soak(folder, arguments.threads, 60 * arguments.soak)
        else:
            report = json.loads(path.read_text()) if path.exists() else {}
            report |= {
                "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
                "machine": fingerprint("openvino"),
                "threads": arguments.threads,
                "throughput": _throughput(folder, arguments),
                "latency": _latency(folder, arguments),
                "overload": _overload(folder, arguments),
                "batches_ms": _batches(arguments),
            }
    path.write_text(json.dumps(report, indent=1) + "\n")


def write_photos(folder: Path) -> None:
    """The uploads, a JPEG of each size."""
    pixels = load_image(content_path("coffee")).pixels
    for name, size in SIZES.items():
        save_image(folder / f"{name}.jpg", resize_image(pixels, *size), quality=90)


def _throughput(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Pictures a second, by network and size: of the bare engine and of the service, a value for each round."""
    cases = [(network, size) for network in NETWORKS for size in SIZES]
    common = {"folder": str(folder), "seconds": arguments.seconds}
    runs = {
        f"{what} {network} {size}": {"what": what, "network": network, "size": size, **common}
        for network, size in cases
        for what in ("engine", "service")
    }
    answers = answers_in_turn("bench_server", runs, rounds=arguments.rounds, threads=arguments.threads)
    report: dict[str, Any] = {}
    for network, size in cases:
        engine, service = (answers[f"{what} {network} {size}"] for what in ("engine", "service"))
        shares = [ours / bare for ours, bare in zip(service, engine, strict=True)]
        report.setdefault(network, {})[size] = {
            "engine_per_s": [round(each, 2) for each in engine],
            "service_per_s": [round(each, 2) for each in service],
            "share": round(float(np.median(shares)), 3),
        }
    return report


def _batches(arguments: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds a picture."""
    runs = {network: {"what": "batches", "network": network} for network in NETWORKS}
    answers = answers_in_turn("bench_server", runs, rounds=1, threads=arguments.threads)
    return {network: answer for network, (answer,) in answers.items()}


def measure(what: str, *, network: str, threads: int, size: str = "", folder: str = "", seconds: float = 0.0) -> Any:
    """Pictures a second, or milliseconds of batches, in a process of its own."""
    if what == "batches":
        return {f"{side}²": _batch_times(network, side, threads) for side in (256, 512)}
    photo = Path(folder) / f"{size}.jpg"
    if what == "engine":
        return _engine_rate(network, photo, seconds, threads)
    with service(Path(folder), threads, "--models", network, "--queue", str(SATURATING)) as running:
        running.load(photo, clients=SATURATING, seconds=2)
        return float(running.load(photo, clients=SATURATING, seconds=seconds)["pictures_per_s"])


def _engine_rate(network: str, photo: Path, seconds: float, threads: int) -> float:
    """As many side by side as the service has, one more being decoded or encoded."""
    from nst_engine import Stylizer

    keep_freed_memory()  # as the service does
    streams = suitable_streams(None, threads)
    content = photo.read_bytes()
    with Stylizer(f"bundled:{network}", threads=threads, streams=streams) as stylizer:

        def paint(_: int) -> int:
            return len(stylizer.stylize(content, STYLE).encode("jpeg", quality=QUALITY))

        with ThreadPoolExecutor(streams + 1) as workers:
            list(workers.map(paint, range(2 * streams + 4)))
            begun, count = time.perf_counter(), 0
            while time.perf_counter() - begun < seconds:
                count += len(list(workers.map(paint, range(4 * streams + 4))))
            return count / (time.perf_counter() - begun)


def _batch_times(network: str, side: int, threads: int) -> dict[str, float]:
    """Of one picture: side by side, and several in one run."""
    from nst_engine import Stylizer

    photo = resize_image(load_image(content_path("coffee")).pixels, side, side)
    streams = suitable_streams(None, threads)
    ways: dict[str, float] = {}
    stylizer = Stylizer(f"bundled:{network}", threads=threads, streams=streams)
    with stylizer, ThreadPoolExecutor(streams + 1) as workers:
        for _ in range(2):  # the first time warms up
            started = time.perf_counter()
            list(workers.map(lambda _: stylizer.stylize(photo, STYLE).width, range(_BATCHED)))
            ways["side by side"] = 1e3 * (time.perf_counter() - started) / _BATCHED
    with Stylizer(f"bundled:{network}", threads=threads, streams=1) as stylizer:
        for count in (1, 4, 8):
            for _ in range(2):
                started = time.perf_counter()
                for _ in range(_BATCHED // count):
                    stylizer.stylize_batch([photo] * count, STYLE)
                ways[f"batches of {count}"] = 1e3 * (time.perf_counter() - started) / _BATCHED
    return {way: round(ms, 1) for way, ms in ways.items()}


def _latency(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    report: dict[str, Any] = {}
    for network in NETWORKS:
        for size in SIZES:
            options = ("--models", network, "--queue", str(max(CLIENTS)), "--timeout", "120")
            with service(folder, arguments.threads, *options) as running:
                running.load(folder / f"{size}.jpg", clients=2, seconds=2)
                loads = [
                    running.load(folder / f"{size}.jpg", clients=each, seconds=arguments.seconds) for each in CLIENTS
                ]
                report.setdefault(network, {})[size] = {"loads": loads, "peak_mib": running.peak_mib()}
            print("latency", network, size, [each["ms"] for each in loads], flush=True)
    return report


def _overload(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Ten times the requests that can be answered, for twice the usual time."""
    photo = folder / "720p.jpg"
    limits = ("--queue", str(OVERLOAD_QUEUE), "--timeout", f"{OVERLOAD_TIMEOUT_S:g}")
    with service(folder, arguments.threads, "--models", "live", *limits) as running:
        rate = running.load(photo, clients=SATURATING, seconds=arguments.seconds)["pictures_per_s"]
        before = running.load(photo, clients=1, seconds=arguments.seconds)
        over = running.load(photo, clients=128, seconds=2 * arguments.seconds, rate=OVERLOAD * rate)
        time.sleep(1)
        after = running.load(photo, clients=1, seconds=arguments.seconds)
        report = {"times": OVERLOAD, "timeout_s": OVERLOAD_TIMEOUT_S, "queue": OVERLOAD_QUEUE, "capacity_per_s": rate}
        report |= {"before": before, "over": over, "after": after, "peak_mib": running.peak_mib()}
    print("overload", report, flush=True)
    return report


def _soak(folder: Path, threads: int, seconds: float) -> dict[str, Any]:
    """Resident memory while four clients ask without pause, by the minute."""
    with service(folder, threads, "--models", "live,quality") as running:
        running.load(folder / "720p.jpg", clients=4, seconds=20)
        mib, pictures = [running.resident_mib()], 0
        begun = time.perf_counter()
        while time.perf_counter() - begun < seconds:
            load = running.load(folder / "720p.jpg", clients=4, seconds=min(60.0, seconds))
            assert set(load["answers"]) == {"200"}, load
            assert not load["lost"], load
            pictures += load["answers"]["200"]
            mib.append(running.resident_mib())
            print("soak", mib, pictures, flush=True)
        spent = time.perf_counter() - begun
    return {"minutes": round(spent / 60, 1), "pictures": pictures, "resident_mib": mib}


@dataclass
class Service:
    """A running service.

    Attributes:
        address: Of it.
        process: Its process.
    """

    address: str
    process: subprocess.Popen[bytes]

    def load(self, photo: Path, *, clients: int, seconds: float, rate: float | None = None) -> dict[str, Any]:
        """See `load.Load`."""
        fields = {"style": STYLE, "quality": str(QUALITY)}
        options: dict[str, Any] = {"address": self.address, "photo": str(photo), "fields": fields}
        options |= {"clients": clients, "seconds": seconds, "rate": rate}
        script = Path(__file__).parent / "load.py"
        command = [sys.executable, str(script), json.dumps(options)]
        said = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        report: dict[str, Any] = json.loads(said.stdout)
        return report

    def resident_mib(self) -> int:
        """Now, of the process and those that it has started."""
        return round(sum(_resident_bytes(pid) for pid in self._processes()) / 2**20)

    def peak_mib(self) -> int:
        """The most that each has ever had."""
        return round(sum(_peak_kib(pid) for pid in self._processes()) / 1024)

    def _processes(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]


@contextlib.contextmanager
def service(folder: Path, threads: int, *options: str) -> Iterator[Service]:
    """`nst serve`, ready."""
    log = folder / "serve.log"
    command = [sys.executable, "-m", "nst_engine", "serve", "--port", "0", "--data-folder", str(folder / "data")]
    command += ["--threads", str(threads), *options]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stderr=file, env={**os.environ, "NST_ENGINE_JOBS": "0"})
    try:
        while not (said := re.search(r"at (http://\S+);", log.read_text())):
            time.sleep(0.1)
            assert process.poll() is None, log.read_text()
        while not _is_ready(said[1]):
            time.sleep(0.1)
        yield Service(said[1], process)
    finally:
        process.terminate()
        process.wait()


def _is_ready(address: str) -> bool:
    try:
        with urlopen(f"{address}/readyz") as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def _peak_kib(pid: int) -> int:
    (line,) = (each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1])


if __name__ == "__main__":
    main()
