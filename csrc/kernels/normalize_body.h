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
    const typename Some::Pixels bytes = Some::split(pixels + 3 * from);
    return Some::multiply_add(Some::floats(bytes, channel), Some::set(multiplier),
                              Some::set(offset));
  }

  void write(std::size_t width, std::size_t padded_width, bool streams) const {
    std::size_t x = 0;
    if (width >= Lanes::kPixels) {
      if (streams) x = stream(width);
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

  // Past the caches from the first aligned place to the last; how far that is.
  std::size_t stream(std::size_t width) const {
    constexpr std::size_t kAlignment = Lanes::kPixels * sizeof(Number);
    const auto beyond = reinterpret_cast<std::uintptr_t>(to) % kAlignment;
    std::size_t x = (kAlignment - beyond) % kAlignment / sizeof(Number);
    if (beyond % sizeof(Number) != 0 || x + Lanes::kPixels > width) return 0;
    if (x > 0)
      Lanes::store(to, value<Lanes>(0));  // before the first aligned place, and some beyond
    for (; x + Lanes::kPixels <= width; x += Lanes::kPixels) Lanes::stream(to + x, value<Lanes>(x));
    return x;
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
      to.write(job.width, job.padded_width, job.streams);
    }
  }
  if (job.streams) Lanes::fence();
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
