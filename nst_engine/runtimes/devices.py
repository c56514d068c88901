"""ONNX Runtime's execution providers: their devices and options, and why one cannot be used."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import platformdirs

from nst_engine.environment import cpu_quota, package_version, requirement
from nst_engine.errors import OptionError

Precision = Literal["auto", "float32", "float16", "bfloat16", "int8"]

Backend = Literal["auto", "onnxruntime", "openvino"]

#: PSNR against float32 by ONNX Runtime below which pixels are wrong, dB.
LEAST_PSNR_DB: Mapping[str, float] = {"float32": 35.0, "float16": 35.0, "bfloat16": 35.0, "int8": 28.0}

CPU = "CPUExecutionProvider"
PROVIDERS: Mapping[str, str] = {
    "cpu": CPU,
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
#: What `auto` tries, best first. TensorRT takes minutes to build an engine, so it is used only on request.
AUTO_ORDER = ("cuda", "coreml", "directml", "openvino", "cpu")
#: With a float16 option; the others compute in the precision of the file.
FLOAT16_DEVICES = ("tensorrt", "openvino")
DEVICES = ("auto", "cpu", "cuda", "cuda:N", "tensorrt", "openvino", "coreml", "directml")

#: The package that brings each, and what to type for it. All of them install the same module `onnxruntime`.
_PACKAGES: Mapping[str, tuple[str, str]] = {
    "cpu": ("onnxruntime", requirement("cpu")),
    "cuda": ("onnxruntime-gpu", requirement("gpu")),
    "tensorrt": ("onnxruntime-gpu", requirement("gpu")),
    "openvino": ("onnxruntime-openvino", "onnxruntime-openvino"),
    "coreml": ("onnxruntime", f"{requirement('cpu')} (on a Mac)"),
    "directml": ("onnxruntime-directml", "onnxruntime-directml (on Windows)"),
}
_LIBRARIES = {"cuda": "onnxruntime_providers_cuda", "tensorrt": "onnxruntime_providers_tensorrt"}
_TYPE_FOR_LIBRARIES = {
    "cuda": "pip install 'onnxruntime-gpu[cuda,cudnn]', or install CUDA and cuDNN of the versions this build asks for",
    "tensorrt": "pip install tensorrt (of the version this build asks for) beside CUDA and cuDNN",
}


@dataclass(frozen=True)
class Device:
    """Where to compute: a key of `PROVIDERS` or `auto`, and for `cuda` the index of the GPU."""

    kind: str
    index: int = 0

    def __str__(self) -> str:
        return f"{self.kind}:{self.index}" if self.index else self.kind

    @property
    def provider(self) -> str:
        """ONNX Runtime's name."""
        return PROVIDERS[self.kind]


def parse_device(name: str) -> Device:
    """Read one of `DEVICES`.

    Raises:
        OptionError: It is none of them.
    """
    if isinstance(name, str):
        if matched := re.fullmatch(r"cuda:(\d{1,3})", name):
            return Device("cuda", int(matched[1]))
        if name == "auto" or name in PROVIDERS:
            return Device(name)
    raise OptionError(f"{name!r} came; choose from {', '.join(DEVICES)}", option="device")


def check_precision(precision: Precision, device: Device) -> None:
    """Refuse a precision that the device does not offer.

    Raises:
        OptionError: The value is not allowed.
    """
    if precision == "float16" and device.kind not in FLOAT16_DEVICES:
        raise OptionError(
            f"`precision='float16'`: `device='{device}'` computes in the model's own precision; use "
            "`precision='auto'`, or `device='tensorrt'` or openvino"
        )


def check_backend(backend: str, precision: str) -> Backend:
    """The requested backend; `NST_ENGINE_BACKEND` answers for `auto`.

    Raises:
        OptionError: There is no such backend, or it does not compute in that precision.
    """
    option: str | None = "backend"
    if backend == "auto" and os.environ.get("NST_ENGINE_BACKEND"):
        option, backend = None, os.environ["NST_ENGINE_BACKEND"]
    for known in get_args(Backend):
        if backend == known:
            chosen: Backend = known
            break
    else:
        problem = f"{backend!r} came; choose from {', '.join(get_args(Backend))}"
        raise OptionError(problem if option else f"NST_ENGINE_BACKEND: {problem}", option=option)
    if precision == "bfloat16" and chosen == "onnxruntime":
        raise OptionError("`precision='bfloat16'`: ONNX Runtime does not compute in it; use `backend='openvino'`")
    return "openvino" if precision == "bfloat16" else chosen


def provider_options(device: Device, precision: str, model: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Providers with their options, the device's own first, the CPU last, for what the first cannot compute.

    Args:
        device: To compute on.
        precision: As for `check_precision`.
        model: ONNX, of which TensorRT keeps what it has built.
    """
    chosen = [(device.provider, _options(device, precision, model))]
    if device.kind == "tensorrt":  # what TensorRT does not take stays on the GPU
        cuda = Device("cuda", device.index)
        chosen.append((cuda.provider, _options(cuda, precision, model)))
    return chosen if device.kind == "cpu" else [*chosen, (CPU, {})]


def _options(device: Device, precision: str, model: bytes) -> dict[str, Any]:
    if device.kind == "cuda":
        return {
            "device_id": str(device.index),
            # the default, EXHAUSTIVE, measures every algorithm anew for every size of picture: seconds each
            "cudnn_conv_algo_search": "HEURISTIC",
            # not powers of two: a large picture would take twice the memory it needs
            "arena_extend_strategy": "kSameAsRequested",
            "use_tf32": "0" if precision == "float32" else "1",
        }
    if device.kind == "tensorrt":
        folder = cache_folder() / "tensorrt"
        # ONNX Runtime names engines by the names in a graph: another training's have the same, and other weights
        engines = folder / hashlib.sha256(model).hexdigest()[:16]
        engines.mkdir(parents=True, exist_ok=True)
        return {
            "device_id": str(device.index),
            "trt_fp16_enable": str(precision == "float16"),
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(engines),
            "trt_timing_cache_enable": "True",
            "trt_timing_cache_path": str(folder),
        }
    if device.kind == "openvino":
        precisions = {"float32": {"precision": "FP32"}, "float16": {"precision": "FP16"}}
        return {"device_type": "AUTO", **precisions.get(precision, {})}
    return {"ModelFormat": "MLProgram"} if device.kind == "coreml" else {}


def cache_folder() -> Path:
    """The cache folder for builds and measurements: `NST_ENGINE_CACHE`, or the user's."""
    own = os.environ.get("NST_ENGINE_CACHE")
    if own:
        return Path(own)
    try:
        users = platformdirs.user_cache_path("nst-engine", appauthor=False)
    except RuntimeError:  # an account without a home, as in some containers
        users = Path("~")  # as earlier versions of platformdirs say it
    return users if users.is_absolute() else Path(_folder_of_this_process().name)


@cache
def _folder_of_this_process() -> tempfile.TemporaryDirectory[str]:
    """A private temporary folder, removed at exit: a folder that others can write to is no cache."""
    return tempfile.TemporaryDirectory(prefix="nst-engine-", ignore_cleanup_errors=True)


def session_config() -> Mapping[str, str]:
    """Settings of every session, on any device."""
    # spinning threads respond sooner, but use up a container's CPU quota
    return {"session.intra_op.allow_spinning": "1" if cpu_quota() is None else "0"}


def why_not_built_in(device: Device, available: Sequence[str]) -> str | None:
    """Why this build of ONNX Runtime cannot use the device, and what to type; None if it has the provider."""
    if device.provider in available:
        return None
    return f"the installed onnxruntime has only {', '.join(available)}; {_cure(device)}"


def why_it_failed(device: Device, library_folder: Path, message: str) -> str:
    """Why a provider that ONNX Runtime was built with does not work, and what to type.

    Call it only after ONNX Runtime has tried: a provider's library that is loaded earlier does not find its host.

    Args:
        device: Not `auto`.
        library_folder: Where ONNX Runtime's own libraries are.
        message: ONNX Runtime's, which is often empty.
    """
    library = _LIBRARIES.get(device.kind)
    missing = library and _load_error(library_folder, library)
    if missing and re.search(r"libcuda\.so|nvcuda\.dll", missing):
        return f"there is no NVIDIA driver ({missing}): install it, or start the container with --gpus all"
    if missing:
        return f"its libraries cannot be loaded ({missing}); type: {_TYPE_FOR_LIBRARIES[device.kind]}"
    return f"{device.provider} does not work ({message}): see what the device's own tool (nvidia-smi, ...) says"


def _cure(device: Device) -> str:
    package, to_install = _PACKAGES[device.kind]
    installed = [name for name in dict.fromkeys(name for name, _ in _PACKAGES.values()) if _is_installed(name)]
    if len(installed) > 1:
        both = " and ".join(installed)
        return (
            f"{both} are installed over each other, which leaves one of them broken; "
            f"type: pip uninstall -y {' '.join(installed)} && pip install {to_install}"
        )
    if installed and installed != [package]:
        return f"type: pip uninstall -y {installed[0]} && pip install {to_install}"
    return f"it comes with: pip install {to_install}"


def _is_installed(distribution: str) -> bool:
    return package_version(distribution) is not None


def _load_error(folder: Path, library: str) -> str | None:
    """The dynamic loader's error for one of ONNX Runtime's libraries; None if it loads."""
    pattern = {"win32": "{}.dll", "darwin": "lib{}.dylib"}.get(sys.platform, "lib{}.so")
    path = folder / pattern.format(library)
    if not path.is_file():
        return None  # built in, or put elsewhere
    try:
        # the provider's symbols come from this one
        ctypes.CDLL(str(folder / pattern.format("onnxruntime_providers_shared")), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(path))
    except OSError as error:
        return str(error)
    return None
