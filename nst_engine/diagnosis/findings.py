"""Problems of this installation, each with its fix."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nst_engine.environment import package_version, pip_install, requirement
from nst_engine.errors import NSTError
from nst_engine.wording import counted

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        kind: `ok`; `note`: works, but could work better or holds less; `problem`: does not work as one would expect.
        what: The result, in words.
        cure: What to type or do.
    """

    kind: Literal["ok", "note", "problem"]
    what: str
    cure: str = ""


def findings() -> Iterator[Finding]:
    """The results of all checks: conflicting packages, libraries, kernels, models, GPUs."""
    yield _kernels()
    yield from _runtime()
    yield from _models()
    yield from _gpu()
    yield _training()


def _kernels() -> Finding:
    from nst_engine import kernels

    active = kernels.active()
    if active.implementation == "native":
        return Finding("ok", f"native kernels: {active.isa} of {', '.join(active.available)}")
    if active.reason.startswith("NST_ENGINE_NO_EXT"):
        return Finding("note", f"NumPy kernels: {active.reason}", "type: unset NST_ENGINE_NO_EXT")
    return Finding(
        "problem",
        f"the native kernels are not active: {active.reason}",
        f"type: pip install --force-reinstall --no-deps {requirement('cpu')} (with a C++ compiler)",
    )


def _runtime() -> Iterator[Finding]:
    installed = {name: version for name in _RUNTIMES if (version := package_version(name)) is not None}
    summary = ", ".join(f"{name} {version}" for name, version in installed.items())
    if len(installed) > 1:
        package = "onnxruntime-gpu" if "onnxruntime-gpu" in installed else next(iter(installed))
        yield Finding(
            "problem",
            f"{summary} are installed over each other: they share their files, and one of them is broken",
            f"type: pip uninstall -y {' '.join(installed)} && pip install {package}",
        )
    elif not installed:
        yield Finding(
            "problem",
            "no ONNX Runtime: stylising in one pass does not work",
            f"type: {pip_install('cpu')} (or [gpu] for NVIDIA)",
        )
    else:
        yield Finding("ok", summary)
    if package_version("onnx") is None:
        yield Finding(
            "note",
            "onnx is not installed: pictures larger than a tile, and models with a fixed size, do not work",
            "type: pip install onnx",
        )


def _models() -> Iterator[Finding]:
    from nst_engine.models.find import bundled_models

    if not any(package_version(name) for name in _RUNTIMES):
        return
    import numpy as np

    from nst_engine.stylize.stylizer import Stylizer

    for name in bundled_models():
        started = time.perf_counter()
        try:
            stylizer = Stylizer(f"bundled:{name}", device="cpu")
            stylizer.warmup((64, 64))
            if stylizer.spec.style is not None:
                stylizer.encode_style(np.zeros((64, 64, 3), np.uint8))
        except NSTError as error:
            yield Finding("problem", f"bundled:{name} does not run: {error}")
        else:
            ms = 1e3 * (time.perf_counter() - started)
            styles = counted(len(stylizer.styles), "style") if stylizer.spec.style is None else "any style"
            summary = f"{styles}, loaded and run in {ms:.0f} ms on {stylizer.threads} threads"
            yield Finding("ok", f"bundled:{name}: {summary}")


def _gpu() -> Iterator[Finding]:
    """Whether an NVIDIA GPU is used if there is one, or why not."""
    has_gpu_runtime = package_version("onnxruntime-gpu") is not None
    if not _nvidia_gpus() and not has_gpu_runtime:
        return
    if not has_gpu_runtime:
        yield Finding(
            "note",
            "there is an NVIDIA GPU, and this ONNX Runtime does not use it",
            f"type: pip uninstall -y onnxruntime && {pip_install('gpu')}",
        )
        return
    from nst_engine.stylize.stylizer import Stylizer

    try:
        stylizer = Stylizer("bundled:live", device="cuda")
        stylizer.warmup((64, 64))
    except NSTError as error:
        yield Finding("problem", f"CUDA does not work: {error}")
    else:
        yield Finding("ok", f"CUDA works: {stylizer.provider}")


def _training() -> Finding:
    if package_version("torch") is None:
        return Finding("note", "torch is not installed: nst optimize, train and add-style do not work",
                       f"type: {pip_install('train')}")  # fmt: skip
    from nst_engine.vgg19.weights import load_vgg19_weights

    try:
        weights = load_vgg19_weights()
    except (NSTError, OSError) as error:
        return Finding("problem", f"torch is installed, but VGG-19's weights cannot be read: {error}")
    return Finding("ok", f"torch {package_version('torch')}, VGG-19 of {weights.source}")


def _nvidia_gpus() -> list[Path]:
    if sys.platform == "win32":
        return [path for path in [Path(r"C:\Windows\System32\nvcuda.dll")] if path.exists()]
    return sorted(Path("/dev").glob("nvidia[0-9]*"))
