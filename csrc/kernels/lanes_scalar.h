// One pixel at a time: the vocabulary of all `Lanes` structs, in plain C++.
//
// Floats is a vector of kPixels numbers, Pixels the bytes of kPixels pixels by channel. `Number` is
// float, or std::uint16_t for IEEE half precision, which is rounded to nearest even.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "half.h"

namespace nst {
namespace {

struct ScalarLanes {
  static constexpr std::size_t kPixels = 1;
  using Floats = float;
  struct Pixels {
    std::uint8_t channel[3];
  };

  static Floats set(float value) { return value; }
  static Floats load(const float* from) { return *from; }
  static Floats load(const std::uint16_t* from) { return float_of_half(*from); }
  static void store(float* to, Floats value) { *to = value; }
  static void store(std::uint16_t* to, Floats value) { *to = half_of_float(value); }

  static Floats add(Floats a, Floats b) { return a + b; }
  static Floats subtract(Floats a, Floats b) { return a - b; }
  static Floats multiply(Floats a, Floats b) { return a * b; }
  static Floats multiply_add(Floats a, Floats b, Floats c) {
    return a * b + c;
  }  // one or two roundings
  // Within 0 … 255; 0 for no number.
  static Floats clip(Floats value) {
    const float above = value > 0.0f ? value : 0.0f;
    return above < 255.0f ? above : 255.0f;
  }

  static void join(std::uint8_t* pixels, const Pixels& from) {
    std::memcpy(pixels, from.channel, 3);
  }
  static Floats channel(const std::uint8_t* pixels, std::size_t channel) {
    return static_cast<float>(pixels[channel]);
  }
  // Of values in 0 … 255, rounded half to even.
  static void put_rounded(Pixels& pixels, std::size_t channel, Floats value) {
    // Above 2^23 a float has no fraction: adding it rounds half to even into the lowest bits.
    const float shifted = value + 8388608.0f;
    std::uint32_t bits;
    std::memcpy(&bits, &shifted, sizeof(bits));
    pixels.channel[channel] = static_cast<std::uint8_t>(bits & 0xFF);
  }
  // Of values in 0 … 255.5, without their fraction.
  static void put_truncated(Pixels& pixels, std::size_t channel, Floats value) {
    pixels.channel[channel] = static_cast<std::uint8_t>(static_cast<std::int32_t>(value));
  }
};

}  // namespace
}  // namespace nst
