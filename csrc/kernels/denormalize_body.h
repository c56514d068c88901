// The loops of the denormalize kernel, shared by all instruction sets. Include once per file,
// after the instruction set is switched on. `Vec` brings kPixels (1: no vectors) and
// convert(planes[3], scale, pixels) for kPixels pixels at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "denormalize.h"

namespace nst {
namespace {

inline std::uint8_t denormalized(float value, float scale) {
  const float product = value * scale;
  const float above = product > 0.0f ? product : 0.0f;  // and 0 for no number
  const float clipped = above < 255.0f ? above : 255.0f;
  // Above 2^23 a float has no fraction: adding it rounds half to even into the lowest bits.
  const float shifted = clipped + 8388608.0f;
  std::uint32_t bits;
  std::memcpy(&bits, &shifted, sizeof(bits));
  return static_cast<std::uint8_t>(bits & 0xFF);
}

template <class Vec>
void denormalize_row(const DenormalizeTensor& job, const float* const planes[3],
                     std::uint8_t* pixels) {
  std::size_t x = 0;
  if constexpr (Vec::kPixels > 1) {
    const auto convert = [&](std::size_t at) {
      const float* const here[3] = {planes[0] + at, planes[1] + at, planes[2] + at};
      Vec::convert(here, job.scale, pixels + 3 * at);
    };
    for (; x + Vec::kPixels <= job.width; x += Vec::kPixels) convert(x);
    if (x > 0 && x < job.width) {  // the last vector writes some pixels a second time
      convert(job.width - Vec::kPixels);
      x = job.width;
    }
  }
  for (; x < job.width; ++x) {
    for (std::size_t c = 0; c < 3; ++c) pixels[3 * x + c] = denormalized(planes[c][x], job.scale);
  }
}

template <class Vec>
void denormalize_rows(const DenormalizeTensor& job, std::size_t begin, std::size_t end) {
  const std::size_t plane = job.padded_height * job.padded_width;
  for (std::size_t y = begin; y < end; ++y) {
    const float* const row = job.tensor + y * job.padded_width;
    const float* const planes[3] = {row + job.channel[0] * plane, row + job.channel[1] * plane,
                                    row + job.channel[2] * plane};
    denormalize_row<Vec>(job, planes, job.image + 3 * job.width * y);
  }
}

}  // namespace
}  // namespace nst
