#include "denormalize.h"

#include <cstring>

#include "../target.h"

#if NST_TARGET_X86
#include <immintrin.h>

NST_BEGIN_AVX512

#include "denormalize_body.h"
#include "pixels_x86.h"

namespace nst {
namespace {

struct Vec {
  static constexpr std::size_t kPixels = 16;

  static void convert(const float* const planes[3], float scale, std::uint8_t* pixels) {
    const __m512 factor = _mm512_set1_ps(scale);
    __m128i bytes[3];
    for (std::size_t c = 0; c < 3; ++c) {
      const __m512 product = _mm512_mul_ps(_mm512_loadu_ps(planes[c]), factor);
      // max gives its second operand where the first is no number.
      const __m512 above = _mm512_max_ps(product, _mm512_setzero_ps());
      const __m512 clipped = _mm512_min_ps(above, _mm512_set1_ps(255.0f));
      bytes[c] = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(clipped));
    }
    store_pixels(pixels, bytes);
  }
};

}  // namespace

void denormalize_rows_avx512(const DenormalizeTensor& job, std::size_t begin, std::size_t end) {
  denormalize_rows<Vec>(job, begin, end);
}

}  // namespace nst

NST_END_TARGET
#endif
