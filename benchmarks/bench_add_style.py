"""How near `nst add-style` comes to paintings that the network has never seen, against the network's own styles.

python benchmarks/bench_add_style.py PAINTING... --photos DIR   # the photos of results/quality.json

Each painting is added to the shipped model by the command as it is typed, with the default photos; then its pictures of
the same photos as in results/quality.json are judged, and compared with that file's mean over the model's own styles.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from quality import LONGER_SIDE_PX, Judge, Measures, means
from report import RESULTS

from nst_engine import Stylizer
from nst_engine.benchmark.machine import fingerprint
from nst_engine.catalogue import bundled_contents
from nst_engine.image import contact_sheet, load_image, save_image
from nst_engine.training.photos import find_photos, sized

_MODEL = "live"


def main() -> None:
    """Add each painting, measure its quality, and write the JSON and a contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paintings", nargs="+", type=Path, metavar="PAINTING")
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR", help="as for bench_quality.py")
    parser.add_argument("--minutes", type=float, default=5.0, metavar="M", help="of each training (default: 5)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    arguments = parser.parse_args()
    photos = [*(photo.path for photo in bundled_contents().values()), *find_photos(arguments.photos)]
    quality = json.loads((RESULTS / "quality.json").read_text())
    if quality["photos"] != [photo.name for photo in photos]:
        raise SystemExit("--photos: these are not the photos of results/quality.json")
    (trained,) = (network["mean"] for network in quality["networks"] if network["name"] == _MODEL)
    rows, stylizers = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for painting in arguments.paintings:
            seconds, stylizers[painting] = _added(painting, arguments.minutes, Path(folder))
            rows.append(
                {"painting": painting.stem, "seconds": seconds, **_judged(stylizers[painting], painting, photos)}
            )
            print(rows[-1], flush=True)
    report = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": fingerprint(),
        "model": _MODEL,
        "minutes": arguments.minutes,
        "longer_side_px": LONGER_SIDE_PX,
        "photos": quality["photos"],
        "own_styles_mean": trained,
        "paintings": rows,
    }
    (arguments.results / "add_style.json").write_text(json.dumps(report, indent=1) + "\n")
    save_image(arguments.results / "add_style.jpg", _sheet(stylizers), quality=85, overwrite=True)


def _added(painting: Path, minutes: float, folder: Path) -> tuple[float, Stylizer]:
    model = folder / f"{painting.stem}.onnx"
    command = ["add-style", painting, "--model", f"bundled:{_MODEL}", "--minutes", minutes, "-o", model]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "nst_engine", *map(str, command)], check=True, capture_output=True)
    return round(time.perf_counter() - started, 1), Stylizer(model, device="cpu", backend="onnxruntime")


def _judged(stylizer: Stylizer, painting: Path, photos: list[Path]) -> dict[str, Any]:
    measures: list[Measures] = []
    for photo in photos:
        picture = sized(load_image(photo).pixels, LONGER_SIDE_PX)
        measures.append(Judge(photo, painting).measures(stylizer.stylize(picture, stylizer.styles[-1]).image))
    return means(measures)


def _sheet(stylizers: dict[Path, Stylizer]) -> Any:
    contents = [load_image(photo.path).pixels for photo in bundled_contents().values()]
    return contact_sheet(
        [
            [each.stylize(photo, each.styles[-1], max_side=512).image for photo in contents]
            for each in stylizers.values()
        ],
        cell_px=200,
        column_labels=list(bundled_contents()),
        row_labels=[painting.stem for painting in stylizers],
        column_images=contents,
        row_images=[load_image(painting).pixels for painting in stylizers],
    )


if __name__ == "__main__":
    main()
