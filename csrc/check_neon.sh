#!/bin/sh
# Cross-compiles the kernels for AArch64 and runs their self check under an emulator.
# Needs aarch64-linux-gnu-g++ and qemu-aarch64; installs nothing.
set -eu
cd "$(dirname "$0")/.."

for tool in aarch64-linux-gnu-g++ qemu-aarch64; do
  if ! command -v "$tool" >/dev/null; then
    echo "check_neon: $tool is missing; on Debian or Ubuntu type:" >&2
    echo "  apt-get install -y g++-aarch64-linux-gnu qemu-user" >&2
    exit 1
  fi
done

mkdir -p build
aarch64-linux-gnu-g++ -std=c++17 -O3 -ffp-contract=off -Wall -Wextra -Werror -static -pthread \
  csrc/check_kernels.cpp csrc/dispatch.cpp csrc/cpu_features.cpp csrc/kernels/*.cpp \
  -o build/check_kernels_aarch64
qemu-aarch64 build/check_kernels_aarch64 neon scalar
