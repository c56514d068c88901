"""The machine, and the memory that a process takes."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from nst_engine.environment import cpu_fields, package_version, usable_cpus
from nst_engine.version import __version__

_PACKAGES = (
    "numpy",
    "pillow",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-openvino",
    "onnxruntime-directml",
    "openvino",
    "opencv-python",
    "opencv-python-headless",
    "tensorrt",
    "torch",
)
_INSTRUCTION_SETS = (
    "avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8",
    "amx_bf16", "asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve", "sve2",
)  # fmt: skip
_ANSWER_S = 10


def fingerprint(*more_packages: str) -> dict[str, Any]:
    """Hardware, system and package versions, which make results comparable."""
    from nst_engine import kernels

    active = kernels.active()
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "usable_cpus": usable_cpus(),
        "instruction_sets": _instruction_sets(),
        "memory_gib": _memory_gib(),
        "gpus": _gpus(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "nst_engine": __version__,
        "kernels": f"{active.implementation} {active.isa}",
        "packages": {name: version for name in (*_PACKAGES, *more_packages) if (version := package_version(name))},
    }


def differences(one: Any, other: Any, name: str = "") -> list[str]:
    """Differences of two fingerprints, such as `packages.numpy: 2.3.1, 2.4.6`."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return [] if one == other else [f"{name}: {_shown_text(one)}, {_shown_text(other)}"]
    different = []
    for key in dict.fromkeys([*one, *other]):
        different += differences(one.get(key), other.get(key), f"{name}.{key}" if name else str(key))
    return different


def load_average() -> float | None:
    """Load average of the last minute; None where the system has none."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def peak_rss_mib() -> float | None:
    """Peak resident memory of this process, in MiB; None where the system does not say."""
    if sys.platform == "win32":
        return None
    # not getrusage on Linux: there it begins with the peak of the process that started this one
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)


def gpu_memory_mib() -> float | None:
    """Memory in use on all NVIDIA GPUs together, in MiB; None without one.

    Not of this process alone: in a container the driver reports process ids of the host.
    """
    lines = _ask("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits")
    numbers = [float(line) for line in lines if line.replace(".", "", 1).isdigit()]
    return sum(numbers) if numbers else None


def _gpus() -> list[str]:
    return _ask("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")


def _cpu_name() -> str:
    if name := cpu_fields().get("model name"):
        return name
    if sys.platform == "darwin" and (answer := _ask("sysctl", "-n", "machdep.cpu.brand_string")):
        return answer[0]
    return platform.processor() or platform.machine()


def _instruction_sets() -> list[str]:
    fields = cpu_fields()
    flags = (fields.get("flags") or fields.get("Features", "")).split()
    return [name for name in _INSTRUCTION_SETS if name in flags]


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):  # not on Windows
        return None


def _ask(*command: str) -> list[str]:
    """Output lines of a system tool; none where it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_ANSWER_S)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _shown_text(value: Any) -> str:
    if value in (None, [], {}):
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
