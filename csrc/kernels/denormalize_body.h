// The loops of the denormalize kernel, shared by all instruction sets. Include once per file,
// after the instruction set is switched on and its `Lanes` are there.
#pragma once

#include <cstddef>
#include <cstdint>

#include "denormalize.h"
#include "lanes_scalar.h"

namespace nst {
namespace {

// One row of the image; `photo` is null without a blend.
template <class Number>
struct DenormalizedRow {
  const DenormalizeTensor& job;
  const Number* planes[3];
  const std::uint8_t* photo;
  std::uint8_t* to;

  template <class Lanes, bool Blends>
  void write(std::size_t x) const {
    typename Lanes::Pixels pixels;
    for (std::size_t c = 0; c < 3; ++c) {
      typename Lanes::Floats value =
          Lanes::clip(Lanes::multiply(Lanes::load(planes[c] + x), Lanes::set(job.scale)));
      if constexpr (Blends) {
        const typename Lanes::Floats under = Lanes::channel(photo + 3 * x, c);
        const typename Lanes::Floats more = Lanes::subtract(value, under);
        value = Lanes::add(under, Lanes::multiply(more, Lanes::set(job.strength)));
      }
      if (job.half_up) {
        Lanes::put_truncated(pixels, c, Lanes::add(value, Lanes::set(0.5f)));
      } else {
        Lanes::put_rounded(pixels, c, value);
      }
    }
    Lanes::join(to + 3 * x, pixels);
  }

  template <class Lanes, bool Blends>
  void write_all() const {
    std::size_t x = 0;
    for (; x + Lanes::kPixels <= job.width; x += Lanes::kPixels) write<Lanes, Blends>(x);
    if constexpr (!Blends) {
      // The last vector writes some pixels a second time. Not in a blend, which may be in place.
      if (x > 0 && x < job.width) {
        write<Lanes, Blends>(job.width - Lanes::kPixels);
        return;
      }
    }
    for (; x < job.width; ++x) write<ScalarLanes, Blends>(x);
  }
};

template <class Lanes, class Number>
void denormalize_rows_of(const Number* tensor, const DenormalizeTensor& job, std::size_t begin,
                         std::size_t end) {
  const std::size_t plane = job.padded_height * job.padded_width;
  for (std::size_t y = begin; y < end; ++y) {
    const Number* const from = tensor + y * job.padded_width;
    const auto row = static_cast<std::ptrdiff_t>(y);
    const DenormalizedRow<Number> to = {
        job,
        {from + job.channel[0] * plane, from + job.channel[1] * plane,
         from + job.channel[2] * plane},
        job.photo == nullptr ? nullptr : job.photo + row * job.photo_stride,
        job.image + row * job.row_stride};
    if (job.photo == nullptr) {
      to.template write_all<Lanes, false>();
    } else {
      to.template write_all<Lanes, true>();
    }
  }
}

template <class Lanes>
void denormalize_rows(const DenormalizeTensor& job, std::size_t begin, std::size_t end) {
  if (job.half) {
    denormalize_rows_of<Lanes>(static_cast<const std::uint16_t*>(job.tensor), job, begin, end);
  } else {
    denormalize_rows_of<Lanes>(static_cast<const float*>(job.tensor), job, begin, end);
  }
}

}  // namespace
}  // namespace nst
