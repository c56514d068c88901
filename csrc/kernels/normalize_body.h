// The loops of the normalize kernel, shared by all instruction sets. Include once per file, after
// the instruction set is switched on. `Vec` brings kPixels (1: no vectors) and
// convert(pixels, channel, multiplier, offset, planes[3]) for kPixels pixels at once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "normalize.h"

namespace nst {
namespace {

// Where position i of a padded side lies on the side of n pixels.
std::size_t reflected(std::size_t i, std::size_t n) {
  if (i < n || n == 1) return i < n ? i : 0;
  const std::size_t period = 2 * (n - 1);
  const std::size_t phase = i % period;
  return phase < n ? phase : period - phase;
}

template <class Vec>
void normalize_row(const NormalizeImage& job, const std::uint8_t* pixels, float* const planes[3]) {
  std::size_t x = 0;
  if constexpr (Vec::kPixels > 1) {
    const auto convert = [&](std::size_t at) {
      float* const here[3] = {planes[0] + at, planes[1] + at, planes[2] + at};
      Vec::convert(pixels + 3 * at, job, here);
    };
    for (; x + Vec::kPixels <= job.width; x += Vec::kPixels) convert(x);
    if (x > 0 && x < job.width) {  // the last vector writes some pixels a second time
      convert(job.width - Vec::kPixels);
      x = job.width;
    }
  }
  for (; x < job.width; ++x) {
    for (std::size_t c = 0; c < 3; ++c) {
      const float value = static_cast<float>(pixels[3 * x + job.channel[c]]);
      planes[c][x] = value * job.multiplier[c] + job.offset[c];
    }
  }
  for (; x < job.padded_width; ++x) {
    const std::size_t from = reflected(x, job.width);
    for (std::size_t c = 0; c < 3; ++c) planes[c][x] = planes[c][from];
  }
}

template <class Vec>
void normalize_rows(const NormalizeImage& job, std::size_t begin, std::size_t end) {
  const std::size_t plane = job.padded_height * job.padded_width;
  for (std::size_t y = begin; y < end; ++y) {
    float* const row = job.tensor + y * job.padded_width;
    float* const planes[3] = {row, row + plane, row + 2 * plane};
    normalize_row<Vec>(job, job.image + 3 * job.width * reflected(y, job.height), planes);
  }
}

}  // namespace
}  // namespace nst
