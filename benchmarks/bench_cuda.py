"""On an NVIDIA GPU: one pass beside the same machine's CPU, large pictures whole and by tiles, and optimisation.

`nst bench` measures the first and the last, each case in a process of its own, against the pixels of the CPU. Large
pictures go through `Stylizer`, whole and by tiles; the second of two runs counts, since the first chooses algorithms.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from report import RESULTS

from nst_engine import Stylizer
from nst_engine.benchmark.pictures import photos_of

_MODELS = ("live", "quality")
_SIZES = ("512x512", "640x480", "1280x720", "1920x1080", "3840x2160")
_ON_CPU_UP_TO = "1920x1080"
_LARGE = (3840, 2160)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    args = parser.parse_args()
    backends = [f"onnxruntime-{args.device}", "onnxruntime-cpu"]
    small = _SIZES[: _SIZES.index(_ON_CPU_UP_TO) + 1]
    report: dict[str, Any] = {"models": {}, "large": {}}
    for model in _MODELS:
        of = ["--model", f"bundled:{model}", "--seconds", "0.5"]
        beside = measured(*of, *(f"--backend={name}" for name in backends), "--sizes", *small)
        largest = measured(*of, f"--backend={backends[0]}", "--sizes", _SIZES[-1])
        report |= {key: beside[key] for key in ("machine", "date")}
        report["models"][model] = [row_of(row) for row in (*beside["rows"], *largest["rows"])]
        report["large"][model] = large_ms(model, args.device)
    optimized = measured("optimize", "--sizes", "1024x1024", "--iterations", "25", "--device", args.device)
    report["optimize"] = [row_of(row) for row in optimized["rows"]]
    (args.results / "cuda.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def measured(*arguments: str) -> dict[str, Any]:
    """The report of `nst bench`."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "found.json"
        subprocess.run([sys.executable, "-m", "nst_engine", "bench", *arguments, "-o", str(into)], check=True)
        report: dict[str, Any] = json.loads(into.read_text(encoding="utf-8"))
    return report


def row_of(row: dict[str, Any]) -> dict[str, Any]:
    """A case with its figures, without the single times."""
    return {**row["case"], **row["figures"], "p50_ms": row["summary_ms"]["p50"]}


def large_ms(model: str, device: str) -> dict[str, float]:
    """Milliseconds for one large picture, whole and by tiles."""
    picture: np.ndarray = photos_of(*_LARGE, 1)[0]
    times_ms = {}
    for name, limit in (("whole", _LARGE[0] * _LARGE[1]), ("tiles", 1_000_000)):
        stylizer = Stylizer(f"bundled:{model}", device=device, tile_above_px=limit)
        for _ in range(2):
            begun = time.perf_counter()
            # strokes of the network's own size: one run, whatever the size of the picture
            stylizer.stylize(picture, stylizer.styles[0], stroke_size=1280 / max(_LARGE))
            times_ms[name] = 1e3 * (time.perf_counter() - begun)
    return times_ms


if __name__ == "__main__":
    main()
