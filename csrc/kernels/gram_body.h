// The loops of the Gram kernel for vectors of float32, shared by their instruction sets. Include
// once per file, after the instruction set is switched on. `Vec` brings Reg, kWidth (divides
// kGramVector), kTileRows (divides kStrip), zero(), load(pointer), fma(a, b, sum) and add_sums(four
// Regs, double[4]).
#pragma once

#include <cstddef>
#include <cstring>

#include "gram.h"

namespace nst {
namespace {

constexpr std::size_t kTileColumns = 4;
constexpr std::size_t kStrip = 12;
constexpr std::size_t kMargin = 16;  // floats between packed rows: no power of two, for cache sets

// Rows lie side by side; where there are weights, the rows times them come first.
struct FloatRows {
  const float* weighted;
  const float* plain;
  std::size_t stride;

  explicit FloatRows(const GramPacked& packed) {
    stride = packed.room + kMargin;
    weighted = static_cast<const float*>(packed.bytes);
    plain = packed.weighted ? weighted + packed.padded * stride : weighted;
  }
};

[[maybe_unused]] std::size_t packed_float_bytes(std::size_t padded, std::size_t room,
                                                bool weighted) {
  return (weighted ? 2 : 1) * padded * (room + kMargin) * sizeof(float);
}

[[maybe_unused]] void pack_floats(const GramRun& run, const GramPacked& packed) {
  const FloatRows rows(packed);
  const std::size_t end = (run.pixels + kGramVector - 1) / kGramVector * kGramVector;
  for (std::size_t channel = 0; channel < packed.padded; ++channel) {
    float* const plain = const_cast<float*>(rows.plain) + channel * rows.stride;
    float* const weighted = const_cast<float*>(rows.weighted) + channel * rows.stride;
    std::size_t p = 0;
    if (channel < run.channels) {
      const float* const from = run.features + channel * run.row_stride;
      std::memcpy(plain, from, run.pixels * sizeof(float));
      if (packed.weighted) {
        for (std::size_t i = 0; i < run.pixels; ++i) weighted[i] = from[i] * run.weights[i];
      }
      p = run.pixels;
    }
    for (; p < end; ++p) plain[p] = weighted[p] = 0.0f;
  }
}

// sums[r][c] += dot(a[r], b[c]).
template <class Vec>
void gram_tile(const float* a, const float* b, std::size_t stride, std::size_t pixels, double* sums,
               std::size_t sums_stride) {
  typename Vec::Reg dots[Vec::kTileRows][kTileColumns];
  for (std::size_t r = 0; r < Vec::kTileRows; ++r) {
    for (std::size_t c = 0; c < kTileColumns; ++c) dots[r][c] = Vec::zero();
  }
  for (std::size_t p = 0; p < pixels; p += Vec::kWidth) {
    typename Vec::Reg left[Vec::kTileRows];
    for (std::size_t r = 0; r < Vec::kTileRows; ++r) left[r] = Vec::load(a + r * stride + p);
    for (std::size_t c = 0; c < kTileColumns; ++c) {
      const typename Vec::Reg right = Vec::load(b + c * stride + p);
      for (std::size_t r = 0; r < Vec::kTileRows; ++r) {
        dots[r][c] = Vec::fma(left[r], right, dots[r][c]);
      }
    }
  }
  for (std::size_t r = 0; r < Vec::kTileRows; ++r) {
    Vec::add_sums(dots[r][0], dots[r][1], dots[r][2], dots[r][3], sums + r * sums_stride);
  }
}

template <class Vec>
void sum_floats(const GramBlock& block) {
  static_assert(kGramVector % Vec::kWidth == 0 && kStrip % Vec::kTileRows == 0 &&
                kStrip % kTileColumns == 0);
  const FloatRows rows(block.packed);
  const std::size_t padded = block.packed.padded;
  for (std::size_t strip = block.first * kStrip; strip < block.channels;
       strip += block.step * kStrip) {
    // A tile of rows stays in the first cache while all columns pass by.
    for (std::size_t i = strip; i < strip + kStrip && i < block.channels; i += Vec::kTileRows) {
      const float* const left = rows.weighted + i * rows.stride + block.first_pixel;
      for (std::size_t j = i / kTileColumns * kTileColumns; j < block.channels; j += kTileColumns) {
        gram_tile<Vec>(left, rows.plain + j * rows.stride + block.first_pixel, rows.stride,
                       block.pixels, block.sums + i * padded + j, padded);
      }
    }
  }
}

}  // namespace
}  // namespace nst
