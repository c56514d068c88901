"""Large pictures: peak memory of `nst stylize` on 24 megapixels, and what tiles change on 4.

The pictures are mosaics of the bundled photos and paintings: real detail everywhere, and parts that differ, so that
tiles on their own would show.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from bench_optimize import run_process
from numpy.typing import NDArray
from report import RESULTS

from nst_engine import Stylizer
from nst_engine.benchmark.machine import fingerprint
from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.image import load_image, resize_image, save_image
from nst_engine.runtimes.devices import Backend

MODELS = ("quality", "live")
BIG, MEDIUM = (4000, 6000), (2000, 2048)
STYLES = ("great-wave", "composition-vii", "tableau-no-2")
#: In float32, and in the precision that is fastest here.
BACKENDS: tuple[Backend, ...] = ("onnxruntime", "auto")


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        big = Path(folder) / "big.jpg"
        save_image(big, mosaic(*BIG))
        for model in MODELS:
            output = Path(folder) / f"{model}.jpg"
            command = [sys.executable, "-m", "nst_engine", "stylize", str(big), "--style", STYLES[0]]
            seconds, peak = run_process([*command, "--model", f"bundled:{model}", "--device", "cpu", "-o", str(output)])
            row = {"model": model, "seconds": round(seconds, 1), "peak_rss_mib": peak}
            rows.append(row | {"tiles": {backend: _difference(model, backend) for backend in BACKENDS}})
            print(rows[-1], flush=True)
    report = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": fingerprint(),
        "megapixels": BIG[0] * BIG[1] / 1e6,
        "compared_megapixels": MEDIUM[0] * MEDIUM[1] / 1e6,
        "styles": STYLES,
        "runs": rows,
    }
    (arguments.results / "big.json").write_text(json.dumps(report, indent=1) + "\n")


def mosaic(height: int, width: int) -> NDArray[np.uint8]:
    """The bundled pictures side by side, 6 x 4."""
    pictures = [load_image(each.path).pixels for each in (*bundled_contents().values(), *bundled_styles().values())]
    rows, columns = 4, 6
    lines = []
    for row in range(rows):
        top, bottom = (height * edge // rows for edge in (row, row + 1))
        cells = []
        for column in range(columns):
            left, right = (width * edge // columns for edge in (column, column + 1))
            cells.append(resize_image(pictures[(row * columns + column) % len(pictures)], bottom - top, right - left))
        lines.append(np.concatenate(cells, 1))
    return np.concatenate(lines)


def _difference(model: str, backend: Backend) -> dict[str, Any]:
    """PSNR and the largest difference of tiles against the whole at once, over some styles."""
    picture = mosaic(*MEDIUM)
    whole, tiled = (
        Stylizer(f"bundled:{model}", device="cpu", backend=backend, tile_above_px=limit) for limit in (1 << 30, 1)
    )
    errors, largest = [], 0
    for style in STYLES:
        difference = whole.stylize(picture, style).pixels.astype(float) - tiled.stylize(picture, style).pixels
        errors.append(float(np.mean(difference**2)))
        largest = max(largest, int(np.abs(difference).max()))
    mean_error = max(float(np.mean(errors)), 1e-12)
    psnr_db = round(10 * float(np.log10(255**2 / mean_error)), 1)
    computed_by = whole.device_report.partition(";")[0]
    return {"computed_by": computed_by, "psnr_db": psnr_db, "largest_difference": largest}


if __name__ == "__main__":
    main()
