"""Many pictures by Ray beside the plain loop of one machine, on one core and two; memory; what each picture costs.

Rates are those of whole processes: of runs of two lengths the times are subtracted, so that starting Ray and loading
models count for nothing. The plain loop is `nst stylize FOLDER`. Both read JPEGs of 720p and write JPEGs. On one core
each process is bound to it. Memory is what all of a run's processes hold, shared pages divided among them, at its
highest; the pictures are small there, so that ten thousand of them are painted within minutes. Of a film, the joints
are looked at (`film_joints.py`).
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from report import RESULTS
from turns import answers_in_turn

from nst_engine.benchmark.machine import fingerprint
from nst_engine.catalogue import content_path
from nst_engine.image import load_image, resize_image, save_image

SIZE, SMALL = (720, 1280), (144, 192)
STYLE, QUALITY = "great-wave", 90
#: Pictures of the shorter and the longer run.
LENGTHS = {"quality": (40, 320), "live": (150, 1350)}
WAYS = ("plain", "ray", "ray, apart")
PARTS = ("rates", "one_core", "parts", "film", "memory")
#: A file system may allow no more names of one file.
_MOST_LINKS = 50_000
MEMORY_COUNTS = (100, 10_000, 100_000)


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    parser.add_argument("--counts", type=int, nargs="+", default=MEMORY_COUNTS, help="of pictures, for memory")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="and keep the other figures")
    arguments = parser.parse_args()
    path = arguments.results / "scale.json"
    report = json.loads(path.read_text()) if path.exists() else {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        measures: dict[str, Callable[[], Any]] = {
            "rates": lambda: _rates(folder, arguments.rounds),
            "one_core": lambda: _one_core(folder, arguments.rounds),
            "parts": lambda: _parts(folder),
            "film": _film,
            "memory": lambda: {str(count): _memory(folder, count) for count in arguments.counts},
        }
        for name in arguments.only:
            report[name] = measures[name]()
            report |= {
                "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
                "machine": fingerprint("openvino"),
            }
            path.write_text(json.dumps(report, indent=1) + "\n")  # each may take minutes


def _rates(folder: Path, rounds: int) -> dict[str, Any]:
    """Pictures a second, by network and way, a value for each round."""
    report: dict[str, Any] = {network: {way: [] for way in WAYS} for network in LENGTHS}
    for number in range(rounds):
        for network, lengths in LENGTHS.items():
            for way in WAYS:
                report[network][way].append(_rate(folder, way, network, lengths, os.sched_getaffinity(0)))
                print(number + 1, network, way, report[network][way][-1], flush=True)
    return report


def _one_core(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Pictures a second of `live` where there is one core."""
    core = {min(os.sched_getaffinity(0))}
    shorter, longer = LENGTHS["live"]
    return {
        way: [_rate(folder, way, "live", (shorter // 2, longer // 2), core) for _ in range(rounds)]
        for way in ("plain", "ray")
    }


def _rate(folder: Path, way: str, network: str, lengths: tuple[int, int], cores: set[int]) -> float:
    short, long = (_seconds(folder, way, network, count, cores) for count in lengths)
    return round((lengths[1] - lengths[0]) / (long - short), 2)


def _seconds(folder: Path, way: str, network: str, count: int, cores: set[int]) -> float:
    """Of a whole command."""
    photos, output = photos_of(folder, SIZE, count), folder / "out"
    shutil.rmtree(output, ignore_errors=True)
    begun = time.perf_counter()
    subprocess.run(
        command_of(way, network, photos, output),
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),  # no threads here
    )
    seconds = time.perf_counter() - begun
    painted = len(list(output.glob("*.jpg")))
    assert painted == count, (way, painted)
    return seconds


def command_of(way: str, network: str, photos: Path, output: Path) -> list[str]:
    """What a user types."""
    nst = [sys.executable, "-m", "nst_engine"]
    common = ["--style", STYLE, "--model", network, "--quality", str(QUALITY)]
    if way == "plain":
        return [*nst, "stylize", str(photos), "-o", str(output), *common]
    stages = ["--stages", "apart"] if "apart" in way else []
    return [*nst, "cluster", "stylize", str(photos), str(output), *common, *stages]


def photos_of(folder: Path, size: tuple[int, int], count: int) -> Path:
    """A folder with so many JPEGs of this height and width; links to few files."""
    place = folder / f"{size[0]}x{size[1]}" / str(count)
    if not place.exists():
        place.mkdir(parents=True)
        photo = resize_image(load_image(content_path("coffee")).pixels, *size)
        for number in range(count):
            path, first = (place / f"{each:06d}.jpg" for each in (number, number - number % _MOST_LINKS))
            if path == first:
                save_image(first, photo, quality=90)
            else:
                os.link(first, path)
    return place


def _film() -> dict[str, Any]:
    """What is seen at the joints of a film, by style."""
    runs = {style: {"style": style} for style in ("scream", "starry-night")}
    answers = answers_in_turn("film_joints", runs, rounds=1, threads=len(os.sched_getaffinity(0)))
    return {style: answer for style, (answer,) in answers.items()}


def _parts(folder: Path) -> dict[str, Any]:
    """Milliseconds of a core that a picture's parts take where all are busy, and bytes that are moved for it."""
    photo = str(photos_of(folder, SIZE, 1) / "000000.jpg")
    runs = {network: {"network": network, "photo": photo} for network in LENGTHS}
    answers = answers_in_turn("bench_scale", runs, rounds=1, threads=1)
    return {network: answer for network, (answer,) in answers.items()}


def measure(network: str, *, photo: str, threads: int) -> dict[str, float]:
    """Of reading, painting and writing one picture on one core, while the others do the same; for a process of its own.

    Cores share memory and heat: what they do alone is done faster than beside each other.
    """
    with contextlib.ExitStack() as others:
        for _ in range(1, len(os.sched_getaffinity(0))):
            others.enter_context(_busy_beside(network, photo))
        with _Picture(network, Path(photo).read_bytes(), threads) as picture:
            times = [picture.parts() for _ in range(40)]
            parts = {f"{name}_ms": round(float(np.median([each[name] for each in times[10:]])), 2) for name in times[0]}
            return {**parts, "bytes_in": len(picture.content), "bytes_out": len(picture.written)}


class _Picture:
    """A picture that is read, painted and written again and again."""

    def __init__(self, network: str, content: bytes, threads: int) -> None:
        from nst_engine import Stylizer
        from nst_engine.process import keep_freed_memory

        keep_freed_memory()
        self.content, self.written = content, b""
        self._stylizer = Stylizer(f"bundled:{network}", threads=threads)

    def __enter__(self) -> _Picture:
        return self

    def __exit__(self, *_: object) -> None:
        self._stylizer.close()

    def parts(self) -> dict[str, float]:
        """Milliseconds."""
        from nst_engine.image import encode_image

        times = [time.perf_counter()]
        pixels = load_image(self.content).pixels
        times.append(time.perf_counter())
        painted = self._stylizer.stylize(pixels, STYLE).pixels
        times.append(time.perf_counter())
        self.written = encode_image(painted, "jpeg", quality=QUALITY)
        times.append(time.perf_counter())
        return dict(zip(("read", "paint", "write"), (1e3 * np.diff(times)).tolist(), strict=True))


@contextlib.contextmanager
def _busy_beside(network: str, photo: str) -> Iterator[None]:
    """A process that does the same on another core, from when it has begun until the block ends."""
    endless = (
        "import sys; from pathlib import Path; from bench_scale import _Picture; "
        "picture = _Picture(sys.argv[1], Path(sys.argv[2]).read_bytes(), 1); picture.parts(); print(flush=True)\n"
        "while True: picture.parts()"
    )
    command = [sys.executable, "-c", endless, network, photo]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()


def _memory(folder: Path, count: int) -> dict[str, float]:
    """MiB of a run of so many small pictures, at its highest; and how fast it went."""
    photos, output = photos_of(folder, SMALL, count), folder / "out"
    shutil.rmtree(output, ignore_errors=True)
    begun, most = time.perf_counter(), 0.0
    command = command_of("ray", "live", photos, output)
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while run.poll() is None:
        most = max(most, _held_mib(run.pid))
        time.sleep(0.5)
    seconds = time.perf_counter() - begun
    painted = len(list(output.glob("*.jpg")))
    assert painted == count, painted
    print("memory", count, most, seconds, flush=True)
    return {"mib": round(most), "seconds": round(seconds, 1)}


def _held_mib(process: int) -> float:
    """Of a process and all below it; pages that several share count once."""
    return sum(_proportional_kib(each) for each in _with_children(process)) / 1024


def _with_children(process: int) -> Sequence[int]:
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [process]
    for each in found:
        found += parents.get(each, [])
    return found


def _proportional_kib(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(next((line.split()[1] for line in text.splitlines() if line.startswith("Pss:")), 0))


if __name__ == "__main__":
    main()
