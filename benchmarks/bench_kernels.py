"""The native kernels against NumPy, OpenCV, torch and BLAS: one 1080p frame, and Gram matrices of VGG-19's layers.

Besides, what the Gram kernel would bring to `nst optimize`, whose features have another layout: with the change of it
the kernel is slower, so it is not used there.

Every thread count has a process of its own, so that all libraries get the same number. In it all contenders of a task
take turns, each with some calls before the one that counts, round after round, and the medians are compared. Every
contender that computes the same must give the right result first; `blobFromImage` knows one scale for all channels.
Outputs are written into memory that is there already, by all that can do so.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from report import RESULTS
from turns import answers_in_turn

from nst_engine.benchmark.machine import fingerprint

ROUNDS = 15
#: Of calls before each one that counts: threads of BLAS and OpenMP go on spinning after their work, and slow the next.
_UNTIMED_S = 0.1
HEIGHT, WIDTH = 1080, 1920
#: Channels and side of the features.
GRAMS = ((64, 512), (128, 256), (256, 128), (512, 64), (512, 32))

Calls = dict[str, Callable[[], Any]]


def main() -> None:
    """Measure with one and with two threads, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=(1, 2))
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    arguments = parser.parse_args()
    runs = {}
    for threads in arguments.threads:
        (runs[str(threads)],) = answers_in_turn("bench_kernels", {"all": {}}, rounds=1, threads=threads)["all"]
        print(threads, json.dumps(runs[str(threads)], indent=1), flush=True)
    from nst_engine import kernels

    report = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": fingerprint("scipy"),
        "isa": kernels.active().isa,
        "rounds": ROUNDS,
        "median_ms_by_threads": runs,
    }
    (arguments.results / "kernels.json").write_text(json.dumps(report, indent=1) + "\n")


def measure(threads: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of each contender, by task."""
    import cv2
    import torch

    cv2.setNumThreads(threads)
    torch.set_num_threads(threads)
    tasks = {"normalize 1080p": _normalize(threads), "denormalize 1080p": _denormalize(threads)}
    tasks |= {f"gram {channels}×{side}²": _gram(channels, side, threads) for channels, side in GRAMS}
    tasks |= {f"statistics {channels}×{side}²": _statistics(channels, side, threads) for channels, side in GRAMS[1::2]}
    return {name: in_turn(calls) for name, calls in tasks.items()}


def in_turn(calls: Calls) -> dict[str, float]:
    """Median of the rounds, ms."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(ROUNDS + 2):
        for name, call in calls.items():
            begun = time.perf_counter()
            while time.perf_counter() - begun < _UNTIMED_S:
                call()
            started = time.perf_counter()
            call()
            if number >= 2:
                times[name].append((time.perf_counter() - started) * 1e3)
    return {name: round(float(np.median(each)), 3) for name, each in times.items()}


def _normalize(threads: int) -> Calls:
    import cv2

    from nst_engine.kernels import normalize

    image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    out = np.empty((1, 3, HEIGHT, WIDTH), np.float32)
    other = np.ones_like(out)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

    def by_numpy() -> NDArray[np.float32]:
        scaled = (image.astype(np.float32) / 255 - np.array(mean, np.float32)) / np.array(std, np.float32)
        return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])

    calls: Calls = {
        "ours": lambda: normalize(image, mean=mean, std=std, out=out, threads=threads),
        "numpy": by_numpy,
        # one scale for all channels is all it can do
        "cv2.dnn.blobFromImage": lambda: cv2.dnn.blobFromImage(image, 1 / 255, mean=(123.7, 116.3, 103.5)),
        "copy of the tensor": lambda: np.copyto(out, other),
    }
    assert np.abs(calls["ours"]() - by_numpy()).max() < 1e-5
    return calls


def _denormalize(threads: int) -> Calls:
    import cv2

    from nst_engine.kernels import denormalize

    multiply: Any = cv2.multiply  # its stubs know no floats
    tensor = np.random.default_rng(0).uniform(-0.1, 1.1, (1, 3, HEIGHT, WIDTH)).astype(np.float32)
    out = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    floats = np.empty_like(tensor)
    expected = np.clip(np.rint(tensor[0] * np.float32(255)), 0, 255).astype(np.uint8).transpose(1, 2, 0)

    def by_numpy() -> NDArray[np.uint8]:
        return np.ascontiguousarray(np.clip(np.round(tensor[0] * 255), 0, 255).astype(np.uint8).transpose(1, 2, 0))

    def by_planes() -> Any:
        return cv2.merge([multiply(plane, 255.0, dtype=cv2.CV_8U) for plane in tensor[0]])

    def by_pixels() -> Any:
        return multiply(cv2.merge(list(tensor[0])), (255.0, 255.0, 255.0, 0.0), dtype=cv2.CV_8U)

    calls: Calls = {
        "ours": lambda: denormalize(tensor, out=out, threads=threads),
        "numpy": by_numpy,
        "OpenCV, planes first": by_planes,
        "OpenCV, pixels first": by_pixels,
        "copy of the tensor": lambda: np.copyto(floats, tensor),
    }
    for name in ("ours", "numpy", "OpenCV, planes first", "OpenCV, pixels first"):
        assert np.abs(calls[name]().astype(int) - expected).max() <= (0 if name == "ours" else 1), name
    return calls


def _gram(channels: int, side: int, threads: int) -> Calls:
    import torch
    from scipy.linalg.blas import ssyrk  # type: ignore[import-untyped]

    from nst_engine.kernels import gram_matrix

    features = np.random.default_rng(0).standard_normal((channels, side, side), np.float32)
    rows = features.reshape(channels, -1)
    in_torch, columns = torch.from_numpy(rows), rows.T
    calls: Calls = {
        "ours": lambda: gram_matrix(features, normalize="none", threads=threads),
        "numpy": lambda: rows @ rows.T,
        "torch": lambda: in_torch @ in_torch.T,
        "BLAS ssyrk": lambda: ssyrk(1.0, columns, trans=1),
    }
    expected = rows.astype(np.float64) @ rows.T.astype(np.float64)
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    errors = {name: np.abs(np.triu(np.asarray(call()) - expected) / size).max() for name, call in calls.items()}
    assert max(errors.values()) < 1e-4, errors
    assert errors["ours"] <= errors["numpy"], errors
    return calls


def _statistics(channels: int, side: int, threads: int) -> Calls:
    """What `nst optimize` needs of features as it has them: bfloat16, channels last. Ours wants planes of float32."""
    import torch

    from nst_engine.kernels import gram_matrix
    from nst_engine.vgg19.losses import FeatureStatistics

    features = torch.randn(1, channels, side, side, generator=torch.Generator().manual_seed(0)).bfloat16()
    features = features.contiguous(memory_format=torch.channels_last)

    def ours() -> NDArray[np.float32]:
        planes = features.float().contiguous(memory_format=torch.contiguous_format)
        gram: NDArray[np.float32] = gram_matrix(planes.numpy(), normalize="hw", threads=threads)[0]
        return gram

    def theirs() -> NDArray[np.float32]:
        second_moment: NDArray[np.float32] = FeatureStatistics.of(features).second_moment.numpy()
        return second_moment

    assert np.abs(ours() - theirs()).max() < 1e-4
    return {"ours": ours, "torch, as nst optimize": theirs}


if __name__ == "__main__":
    main()
