// The loops of the normalize kernel, shared by all instruction sets. Include once per file, after
// the instruction set is switched on and its `Lanes` are there.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lanes_scalar.h"
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

// One row of one plane.
template <class Lanes, class Number>
struct NormalizedRow {
  const std::uint8_t* pixels;
  std::size_t channel;
  float multiplier;
  float offset;
  Number* to;

  template <class Some>
  typename Some::Floats value(std::size_t from) const {
    return Some::multiply_add(Some::channel(pixels + 3 * from, channel), Some::set(multiplier),
                              Some::set(offset));
  }

  void write(std::size_t width, std::size_t padded_width) const {
    std::size_t x = 0;
    if (width >= Lanes::kPixels) {
      for (; x + Lanes::kPixels <= width; x += Lanes::kPixels) {
        Lanes::store(to + x, value<Lanes>(x));
      }
      if (x < width) {  // the last vector writes some pixels a second time
        Lanes::store(to + width - Lanes::kPixels, value<Lanes>(width - Lanes::kPixels));
        x = width;
      }
    }
    for (; x < padded_width; ++x) {
      ScalarLanes::store(to + x, value<ScalarLanes>(reflected(x, width)));
    }
  }
};

template <class Lanes, class Number>
void normalize_rows_to(Number* tensor, const NormalizeImage& job, std::size_t begin,
                       std::size_t end) {
  const std::size_t plane = job.padded_height * job.padded_width;
  for (std::size_t y = begin; y < end; ++y) {
    const auto row = static_cast<std::ptrdiff_t>(reflected(y, job.height));
    for (std::size_t c = 0; c < 3; ++c) {
      const NormalizedRow<Lanes, Number> to = {job.image + row * job.row_stride, job.channel[c],
                                               job.multiplier[c], job.offset[c],
                                               tensor + c * plane + y * job.padded_width};
      to.write(job.width, job.padded_width);
    }
  }
}

template <class Lanes>
void normalize_rows(const NormalizeImage& job, std::size_t begin, std::size_t end) {
  if (job.half) {
    normalize_rows_to<Lanes>(static_cast<std::uint16_t*>(job.tensor), job, begin, end);
  } else {
    normalize_rows_to<Lanes>(static_cast<float*>(job.tensor), job, begin, end);
  }
}

}  // namespace
}  // namespace nst
