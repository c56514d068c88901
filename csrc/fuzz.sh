#!/bin/sh
# Throws arrays of all kinds at the sanitized extension for so many seconds: csrc/fuzz.sh [SECONDS]
# Runs after csrc/sanitize.sh, whose build it uses. Uses the `python` of the active environment.
set -eu
cd "$(dirname "$0")/.."
repository=$(pwd)
tree=$repository/build/sanitize
compiler=${CXX:-g++}

LD_PRELOAD="$("$compiler" -print-file-name=libasan.so) $("$compiler" -print-file-name=libstdc++.so)"
export LD_PRELOAD
# huge arrays are to be refused by NumPy, as without the sanitizer, and not end the run
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
export PYTHONPATH="$tree" PYTHONDONTWRITEBYTECODE=1
unset NST_ENGINE_NO_EXT NST_ENGINE_ISA
mkdir -p "$repository/build/corpus"
cd "$tree"
"${PYTHON:-python}" "$repository/tests/fuzz/fuzz_kernels.py" -max_total_time="${1:-20}" -timeout=20 \
  -max_len=512 -len_control=0 \
  -print_final_stats=1 "$repository/build/corpus"
