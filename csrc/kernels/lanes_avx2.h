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
  static void stream(float* to, const Floats& value) {
    _mm256_stream_ps(to, value.low);
    _mm256_stream_ps(to + 8, value.high);
  }
  static void stream(std::uint16_t* to, const Floats& value) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(to), halves(value.low));
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + 8), halves(value.high));
  }
  static void fence() { _mm_sfence(); }

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

  static Pixels split(const std::uint8_t* pixels) { return load_pixels(pixels); }
  static void join(std::uint8_t* pixels, const Pixels& from) { store_pixels(pixels, from); }
  static Floats floats(const Pixels& pixels, std::size_t channel) {
    const __m128i bytes = pixels.channel[channel];
    return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)),
            _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)))};
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
