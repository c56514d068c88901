// Sixteen pixels in AVX-512; see lanes_scalar.h. Include after the instruction set is switched on.
#pragma once

#include "pixels_x86.h"

namespace nst {
namespace {

struct Lanes {
  static constexpr std::size_t kPixels = 16;
  using Floats = __m512;
  using Pixels = PixelPlanes;

  static Floats set(float value) { return _mm512_set1_ps(value); }
  static Floats load(const float* from) { return _mm512_loadu_ps(from); }
  static Floats load(const std::uint16_t* from) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static __m256i halves(Floats value) {
    return _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static void store(float* to, Floats value) { _mm512_storeu_ps(to, value); }
  static void store(std::uint16_t* to, Floats value) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), halves(value));
  }

  static Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
  static Floats subtract(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
  static Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  static Floats multiply_add(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
  static Floats clip(Floats value) {
    // max gives its second operand where the first is no number.
    return _mm512_min_ps(_mm512_max_ps(value, _mm512_setzero_ps()), _mm512_set1_ps(255.0f));
  }

  static void join(std::uint8_t* pixels, const Pixels& from) { store_pixels(pixels, from); }
  static Floats channel(const std::uint8_t* pixels, std::size_t channel) {
    // twelve bytes, four pixels, to each quarter
    const __m512i quarters = _mm512_set_epi32(11, 11, 10, 9, 8, 8, 7, 6, 5, 5, 4, 3, 2, 2, 1, 0);
    const __m512i bytes =
        _mm512_permutexvar_epi32(quarters, _mm512_maskz_loadu_epi32(0x0FFF, pixels));
    return _mm512_cvtepi32_ps(
        _mm512_shuffle_epi8(bytes, _mm512_broadcast_i32x4(spread_shuffle(0, channel))));
  }
  static void put_rounded(Pixels& pixels, std::size_t channel, Floats value) {
    pixels.channel[channel] = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(value));
  }
  static void put_truncated(Pixels& pixels, std::size_t channel, Floats value) {
    pixels.channel[channel] = _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(value));
  }
};

}  // namespace
}  // namespace nst
