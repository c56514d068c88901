"""`nst optimize` against pastiche 1.6.0: time, memory, and how good the written pictures are.

Both run as whole processes, in turn, on the same pictures with the same weights; content and style are brought to
512 px beforehand. pastiche takes 200 steps, ours its defaults. Both write snapshots on the way, for the curves;
each snapshot's time is that of its file. Every written picture is judged by `quality.Judge`. A portrait, a building, a
calm sky and a dark photo are painted by ours alone.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image
from quality import LONGER_SIDE_PX, Judge
from report import RESULTS
from tables import optimize_table

from nst_engine.benchmark.machine import fingerprint
from nst_engine.catalogue import content_path, style_path

PAIRS = (
    "chelsea:great-wave",
    "coffee:composition-vii",
    "rocket:woman-with-a-hat",
    "coffee:seaport",
)
_PHOTOS = Path(__file__).parent / "photos"
ALONE = (
    "astronaut:scream",
    f"{_PHOTOS / 'china.jpg'}:great-wave",
    f"{_PHOTOS / 'china.jpg'}:seaport",
    f"{_PHOTOS / 'flower.jpg'}:starry-night",
)
PASTICHE_STEPS = 200


@dataclass(frozen=True)
class Run:
    """One whole process.

    Attributes:
        engine: `pastiche` or `nst-engine`.
        content: Name.
        style: Name.
        seconds: Of the process, from start to end.
        peak_rss_mib: Its largest resident memory.
        style_distance: Of the written picture.
        content_distance: Of the written picture.
        grain: Of its calm areas, in multiples of the painting's.
        curve: Seconds, style and content distance of each snapshot.
    """

    engine: str
    content: str
    style: str
    seconds: float
    peak_rss_mib: float
    style_distance: float
    content_distance: float
    grain: float
    curve: list[tuple[float, float, float]]


def main() -> None:
    """Measure time and quality, write the JSON, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", nargs="+", default=PAIRS, metavar="CONTENT:STYLE", help="files or bundled names")
    parser.add_argument("--alone", nargs="*", default=ALONE, metavar="CONTENT:STYLE", help="painted by ours alone")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the pictures there")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    arguments = parser.parse_args()
    arguments.results.mkdir(parents=True, exist_ok=True)
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for pair in (*arguments.pairs, *arguments.alone):
            content, style = pair.split(":")
            runs += measure_pair(content, style, folder, with_peer=pair in arguments.pairs)
            report = {
                "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
                "machine": fingerprint("pastiche"),
                "longer_side_px": LONGER_SIDE_PX,
                "pastiche_steps": PASTICHE_STEPS,
                "runs": [asdict(run) for run in runs],
            }
            (arguments.results / "optimize.json").write_text(json.dumps(report, indent=1) + "\n")
    print(optimize_table(report))


def bring_to_size(content: str, style: str, folder: Path) -> tuple[Path, Path]:
    """Content and style, files or bundled names, as PNGs with the longer side at 512 px."""
    written = []
    for file in (content_path(content), style_path(style)):
        with Image.open(file) as image:
            shrink = LONGER_SIDE_PX / max(image.size)
            size = (round(image.width * shrink), round(image.height * shrink))
            written.append(folder / f"{file.stem}.png")
            image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(written[-1])
    return written[0], written[1]


def measure_pair(content_name: str, style_name: str, folder: Path, *, with_peer: bool) -> list[Run]:
    """Both engines on one pair, one after the other, or ours alone."""
    content, style = bring_to_size(content_name, style_name, folder)
    name = f"{content.stem}_{style.stem}"
    snapshots, ours_folder = folder / f"{name}_pastiche_steps", folder / f"{name}_nst_steps"
    for steps in (snapshots, ours_folder):
        shutil.rmtree(steps, ignore_errors=True)
        steps.mkdir()
    pastiche = [
        *(sys.executable, "-m", "pastiche", "--device", "cpu", "--seed", "0"),
        *("--content", str(content), "--styles", str(style)),
        *("--size-pixels", pixels_of(content), "--style-size-pixels", pixels_of(style)),
        *("--num-steps", str(PASTICHE_STEPS), "--workspace", str(snapshots), "--workspace-step", "20"),
        *("--output", str(folder / f"{name}_pastiche.png")),
    ]
    ours = [
        *(sys.executable, "-m", "nst_engine", "optimize", str(content), "--style", str(style)),
        *("--vgg-weights", "pastiche", "--save-every", "15", "--output", str(ours_folder / f"{name}.png")),
    ]
    judge = Judge(content, style)
    runs = []
    engines = [
        ("pastiche", pastiche, folder / f"{name}_pastiche.png", snapshots),
        ("nst-engine", ours, ours_folder / f"{name}.png", ours_folder),
    ]
    for engine, command, output, steps in engines if with_peer else engines[1:]:
        started = time.time()
        seconds, peak = run_process(command)
        written = sorted(
            (path for path in steps.glob("*.png") if path != output), key=lambda path: path.stat().st_mtime
        )
        curve = [(round(path.stat().st_mtime - started, 2), *judge.distances(path)) for path in (*written, output)]
        measures = judge.measures(output)
        run = Run(
            engine, content.stem, style.stem, seconds, peak, measures.style, measures.content, measures.grain, curve
        )
        print(
            f"{name} {engine}: {seconds:.1f} s, {peak:.0f} MiB, style {run.style_distance:.4f}, "
            f"content {run.content_distance:.4f}, grain {run.grain:.2f}",
            flush=True,
        )
        runs.append(run)
    return runs


def run_process(command: list[str]) -> tuple[float, float]:
    """Wall seconds and peak resident MiB of a process that must succeed.

    The peak is read from /proc while it runs: what wait4 tells includes this process, from which it was forked.
    """
    started, peak_kib = time.perf_counter(), 0
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            match = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
            peak_kib = max(peak_kib, int(match[1]) if match else 0)
            time.sleep(0.05)
        seconds = time.perf_counter() - started
        if process.returncode != 0:
            errors.seek(0)
            raise SystemExit(f"{' '.join(command)} failed with {process.returncode}:\n{errors.read().decode()}")
    return round(seconds, 2), round(peak_kib / 1024, 1)


def pixels_of(path: Path) -> str:
    """How many, for pastiche's options."""
    with Image.open(path) as image:
        return str(image.width * image.height)


if __name__ == "__main__":
    main()
