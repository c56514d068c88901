#!/bin/sh
# Runs the kernels' self check, which uses up to five threads, under ThreadSanitizer.
# Uses g++ or $CXX.
set -eu
cd "$(dirname "$0")/.."

mkdir -p build
${CXX:-g++} -std=c++17 -O1 -g -ffp-contract=off -fsanitize=thread -Wall -Wextra -Werror -pthread \
  csrc/check_kernels.cpp csrc/dispatch.cpp csrc/cpu_features.cpp csrc/kernels/*.cpp \
  -o build/check_kernels_threads
TSAN_OPTIONS=halt_on_error=1 build/check_kernels_threads --few
