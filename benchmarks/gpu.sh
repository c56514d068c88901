#!/usr/bin/env bash
# All that is measured on an NVIDIA GPU, in one go; see docs/gpu.md. `gpu.sh bench train` measures these parts alone, and
# what is there already is not measured again. PYTHON is the environment's (default: python).
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python}" benchmarks/bench_gpu.py "$@"
