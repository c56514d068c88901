"""Builds nst_engine.kernels._native; everything else stands in pyproject.toml.

NST_ENGINE_SANITIZE=1 builds it with the address and undefined-behaviour sanitizers.
"""

import os
import sys
from pathlib import Path

from pybind11.setup_helpers import ParallelCompile, Pybind11Extension, build_ext
from setuptools import setup  # type: ignore[import-untyped]

SOURCES = Path("csrc")
NOT_IN_THE_EXTENSION = {"check_kernels.cpp", "count_kernels.cpp"}

sanitize = os.environ.get("NST_ENGINE_SANITIZE") == "1"
if sanitize:
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    compile_args = [*sanitizers, "-O1", "-ffp-contract=off", "-g", "-fno-omit-frame-pointer"]
    link_args = sanitizers
else:
    # No -march=native: each file switches its own instruction set on (csrc/target.h).
    # No a * b + c in one rounding unless it is asked for: all instruction sets shall give the same bytes.
    compile_args = [] if sys.platform == "win32" else ["-O3", "-ffp-contract=off"]
    link_args = []

native = Pybind11Extension(
    "nst_engine.kernels._native",
    sorted(path.as_posix() for path in SOURCES.rglob("*.cpp") if path.name not in NOT_IN_THE_EXTENSION),
    depends=sorted(path.as_posix() for path in SOURCES.rglob("*.h")),
    include_dirs=[SOURCES.as_posix()],
    define_macros=[("NST_ENGINE_SANITIZE", "1")] if sanitize else [],
    extra_compile_args=compile_args,
    extra_link_args=link_args,
    cxx_std=17,
    optional=not sanitize,  # without a compiler the package installs and NumPy does the work
)

ParallelCompile(default=os.cpu_count() or 1).install()
setup(ext_modules=[native], cmdclass={"build_ext": build_ext})
