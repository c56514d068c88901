// Sixteen pixels in AVX2 and F16C; see lanes_scalar.h. Include after the instruction set is
// switched on.
#pragma once

#include "pixels_x86.h"

namespace nst {
namespace {

struct Lanes {
  static constexpr std::size_t kPixels = 16;
  struct Floats {
    __m256 low;
    __m256 high;
  };
  using Pixels = PixelPlanes;

  static Floats set(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }
  static Floats load(const float* from) {
    return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
  }
  static Floats load(const std::uint16_t* from) {
    const auto part = [&](std::size_t at) {
      return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at)));
    };
    return {part(0), part(8)};
  }
  static __m128i halves(__m256 value) {
    return _mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static void store(float* to, const Floats& value) {
    _mm256_storeu_ps(to, value.low);
    _mm256_storeu_ps(to + 8, value.high);
  }
  static void store(std::uint16_t* to, const Floats& value) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), halves(value.low));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 8), halves(value.high));
  }

  static Floats add(const Floats& a, const Floats& b) {
    return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
  }
  static Floats subtract(const Floats& a, const Floats& b) {
    return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
  }
  static Floats multiply(const Floats& a, const Floats& b) {
    return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
  }
  static Floats multiply_add(const Floats& a, const Floats& b, const Floats& c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
  }
  static __m256 clipped(__m256 value) {
    // max gives its second operand where the first is no number.
    return _mm256_min_ps(_mm256_max_ps(value, _mm256_setzero_ps()), _mm256_set1_ps(255.0f));
  }
  static Floats clip(const Floats& value) { return {clipped(value.low), clipped(value.high)}; }

  static void join(std::uint8_t* pixels, const Pixels& from) { store_pixels(pixels, from); }
  static __m256i both(__m128i low, __m128i high) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  }
  static __m256i sixteen_bytes(const std::uint8_t* low, const std::uint8_t* high) {
    return both(_mm_loadu_si128(reinterpret_cast<const __m128i*>(low)),
                _mm_loadu_si128(reinterpret_cast<const __m128i*>(high)));
  }
  static Floats channel(const std::uint8_t* pixels, std::size_t channel) {
    const __m128i straight = spread_shuffle(0, channel);
    const __m128i shifted = spread_shuffle(1, channel);
    // four pixels to each half; the last four are read from before them, not to read beyond
    const __m256i low =
        _mm256_shuffle_epi8(sixteen_bytes(pixels, pixels + 12), both(straight, straight));
    const __m256i high =
        _mm256_shuffle_epi8(sixteen_bytes(pixels + 24, pixels + 32), both(straight, shifted));
    return {_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high)};
  }
  static void put_rounded(Pixels& pixels, std::size_t channel, const Floats& value) {
    pixels.channel[channel] = packed(_mm256_cvtps_epi32(value.low), _mm256_cvtps_epi32(value.high));
  }
  static void put_truncated(Pixels& pixels, std::size_t channel, const Floats& value) {
    pixels.channel[channel] =
        packed(_mm256_cvttps_epi32(value.low), _mm256_cvttps_epi32(value.high));
  }
  static __m128i packed(__m256i low, __m256i high) {
    // The permutation undoes the pack's lanes.
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xD8);
    return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  }
};

}  // namespace
}  // namespace nst
