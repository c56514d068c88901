#!/bin/sh
# Builds the extension with the address and undefined-behaviour sanitizers, in a package tree of its
# own under build/sanitize, and runs tests/kernels on it, with every instruction set of this machine.
# Uses the `python` of the active environment ($PYTHON overrides it), and g++ or $CXX.
set -eu
cd "$(dirname "$0")/.."
repository=$(pwd)
tree=$repository/build/sanitize
python=${PYTHON:-python}
compiler=${CXX:-g++}

rm -rf "$tree"
export NST_ENGINE_SANITIZE=1
"$python" setup.py --quiet build_py --build-lib "$tree" \
  build_ext --build-lib "$tree" --build-temp "$tree-tmp"

# libstdc++ too: the sanitizer looks for its exception functions before the extension brings them.
LD_PRELOAD="$("$compiler" -print-file-name=libasan.so) $("$compiler" -print-file-name=libstdc++.so)"
export LD_PRELOAD
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
export PYTHONPATH="$tree" PYTHONDONTWRITEBYTECODE=1
unset NST_ENGINE_NO_EXT NST_ENGINE_ISA
cd "$tree" # so that no child process finds the repository's own package first

# One process loads the extension, makes sure of what it is, and runs the tests on that module: they try every
# instruction set that the extension has here, whichever is the active one.
"$python" - "$repository" "$tree" <<'PYTHON'
import sys
from pathlib import Path

import pytest

from nst_engine import kernels
from nst_engine.kernels import _native

repository, tree = sys.argv[1:]
if not _native.SANITIZED or not Path(_native.__file__).is_relative_to(tree):
    sys.exit(f"sanitize: {_native.__file__} is not the sanitized extension under {tree}")
if kernels.active().implementation != "native":
    sys.exit(f"sanitize: {kernels.active()} is active, wanted native")
print("sanitized:", *_native.available())
options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", f"--rootdir={repository}"]
options += ["-c", f"{repository}/pyproject.toml"]
options += ["--capture=sys"]  # not fd: a sanitizer's report must survive the abort that follows it
sys.exit(pytest.main([*options, f"{repository}/tests/kernels"]))
PYTHON
