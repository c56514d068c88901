"""What a benchmark ran on."""

from __future__ import annotations

import os
import platform
from typing import Any

from nst_engine.environment import cpu_fields, package_version

_INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16")


def describe_machine(packages: tuple[str, ...]) -> dict[str, Any]:
    """Processor, cores, memory, system and versions, for the JSON of a result."""
    fields = cpu_fields()
    flags = fields.get("flags", "").split()
    return {
        "cpu": fields.get("model name", platform.processor()),
        "cores": os.cpu_count(),
        "instruction_sets": [name for name in _INSTRUCTION_SETS if name in flags],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: package_version(name) for name in packages},
    }
