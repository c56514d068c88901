#include "normalize.h"

#include "../target.h"

#if NST_TARGET_X86
#include <immintrin.h>

NST_BEGIN_AVX2

#include "normalize_body.h"
#include "pixels_x86.h"

namespace nst {
namespace {

struct Vec {
  static constexpr std::size_t kPixels = 16;

  static void convert(const std::uint8_t* pixels, const NormalizeImage& job,
                      float* const planes[3]) {
    __m128i bytes[3];
    load_pixels(pixels, bytes);
    for (std::size_t c = 0; c < 3; ++c) {
      const __m128i plane = bytes[job.channel[c]];
      const __m256 multiplier = _mm256_set1_ps(job.multiplier[c]);
      const __m256 offset = _mm256_set1_ps(job.offset[c]);
      const __m256 low = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(plane));
      const __m256 high = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(plane, 8)));
      _mm256_storeu_ps(planes[c], _mm256_fmadd_ps(low, multiplier, offset));
      _mm256_storeu_ps(planes[c] + 8, _mm256_fmadd_ps(high, multiplier, offset));
    }
  }
};

}  // namespace

void normalize_rows_avx2(const NormalizeImage& job, std::size_t begin, std::size_t end) {
  normalize_rows<Vec>(job, begin, end);
}

}  // namespace nst

NST_END_TARGET
#endif
