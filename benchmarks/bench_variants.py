"""Variants of the bundled networks: is any of them as good, and faster?

float32 in ONNX Runtime with our kernels around it against the self-contained graph, float16, int8 (QDQ, calibrated on
the bundled paintings), and OpenVINO in float32, bfloat16 and int8: times in turn, and PSNR of the pictures against
float32 over the bundled photos in all styles. A variant is worth its place where it is faster at a PSNR of at least
35 dB, or 28 dB for int8. Besides: what it takes to load a model as it is, and with ONNX Runtime's optimised graph from
the disk; and which of ONNX Runtime's providers for CPUs this build has.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray
from report import RESULTS

from nst_engine import Stylizer
from nst_engine.benchmark.machine import fingerprint
from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.errors import ProviderUnavailableError
from nst_engine.exporting.int8 import with_int8
from nst_engine.graphs.float16 import with_float16
from nst_engine.graphs.self_contained import self_contained
from nst_engine.image import load_image
from nst_engine.models.find import bundled_models
from nst_engine.runtimes.devices import Precision
from nst_engine.training.photos import sized

SIZES = {"512²": (512, 512), "640×480": (480, 640), "1080p": (1080, 1920)}
ROUNDS, RUNS = 1, 4
#: Of fixed styles, on which int8 is calibrated.
NETWORKS = ("quality", "live")


def main() -> None:
    """Build, time in turn, compare, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        networks = {name: _compared(name, Path(folder)) for name in NETWORKS}
        loading = {name: _load_ms(bundled_models()[name].path, Path(folder)) for name in networks}
    report = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": fingerprint(),
        "providers": onnxruntime.get_available_providers(),
        "load_ms": loading,
        "networks": networks,
    }
    (arguments.results / "variants.json").write_text(json.dumps(report, indent=1) + "\n")


def _compared(name: str, folder: Path) -> dict[str, Any]:
    model = bundled_models()[name].path.read_bytes()
    spec = json.loads(_metadata(model))
    calibration = [sized(load_image(style.path).pixels, 384) for style in bundled_styles().values()]
    variants = {
        "float32": model,
        "self-contained": self_contained(model, spec),
        "float16": with_float16(model),
        "int8": with_int8(model, calibration, len(spec["styles"])),
    }
    paths = {variant: folder / f"{name}-{variant}.onnx" for variant in variants}
    stylizers = {}
    for variant, content in variants.items():
        paths[variant].write_bytes(content)
        stylizers[variant] = Stylizer(paths[variant], device="cpu", backend="onnxruntime")
    openvino: dict[str, tuple[str, Precision]] = {
        "OpenVINO float32": ("float32", "float32"),
        "OpenVINO bfloat16": ("float32", "bfloat16"),
        "OpenVINO int8": ("int8", "float32"),
        "OpenVINO int8 and bfloat16": ("int8", "bfloat16"),
    }
    for variant, (file, precision) in openvino.items():
        with contextlib.suppress(ProviderUnavailableError):  # a CPU without bfloat16
            stylizers[variant] = Stylizer(paths[file], device="cpu", backend="openvino", precision=precision)
        variants[variant] = variants[file]
    times = _times(stylizers)
    rows = {}
    for variant, stylizer in stylizers.items():
        rows[variant] = {
            "bytes": len(variants[variant]),
            "median_ms": times[variant],
            "psnr_db": None if variant == "float32" else _psnr(stylizers["float32"], stylizer),
        }
        print(name, variant, rows[variant], flush=True)
    return rows


def _times(stylizers: dict[str, Stylizer]) -> dict[str, dict[str, float]]:
    times: dict[str, dict[str, list[float]]] = {variant: {size: [] for size in SIZES} for variant in stylizers}
    for _ in range(ROUNDS):
        for variant, stylizer in stylizers.items():
            for size, (height, width) in SIZES.items():
                photo = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
                stylizer.stylize(photo, "great-wave")
                for _ in range(RUNS):
                    started = time.perf_counter()
                    stylizer.stylize(photo, "great-wave")
                    times[variant][size].append((time.perf_counter() - started) * 1e3)
    return {
        variant: {size: round(float(np.median(runs)), 2) for size, runs in sizes.items()}
        for variant, sizes in times.items()
    }


def _load_ms(path: Path, folder: Path) -> dict[str, float]:
    """Milliseconds to make a session of ONNX Runtime of the model, and of its optimised graph, in turn."""
    optimised = folder / f"{path.stem}-optimised.onnx"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(optimised)
    options.log_severity_level = 3  # it warns that the file suits this machine only
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    plain, ready = onnxruntime.SessionOptions(), onnxruntime.SessionOptions()
    ready.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    times: dict[str, list[float]] = {"as it is": [], "optimised": []}
    for _ in range(9):
        for name, file, how in (("as it is", path, plain), ("optimised", optimised, ready)):
            started = time.perf_counter()
            onnxruntime.InferenceSession(file, how, providers=["CPUExecutionProvider"])
            times[name].append((time.perf_counter() - started) * 1e3)
    return {name: round(float(np.median(runs)), 2) for name, runs in times.items()}


def _psnr(reference: Stylizer, candidate: Stylizer) -> float:
    errors = []
    for photo in bundled_contents().values():
        picture: NDArray[np.uint8] = load_image(photo.path).pixels
        for style in reference.styles:
            expected = reference.stylize(picture, style).pixels.astype(float)
            errors.append(float(np.mean((candidate.stylize(picture, style).pixels - expected) ** 2)))
    mean_error = max(float(np.mean(errors)), 1e-12)
    return round(10 * float(np.log10(255**2 / mean_error)), 1)


def _metadata(model: bytes) -> str:
    import onnx

    metadata = {each.key: each.value for each in onnx.load_model_from_string(model).metadata_props}
    return str(metadata["nst_engine"])


if __name__ == "__main__":
    main()
