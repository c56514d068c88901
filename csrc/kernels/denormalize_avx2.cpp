#include "denormalize.h"

#include <cstring>

#include "../target.h"

#if NST_TARGET_X86
#include <immintrin.h>

NST_BEGIN_AVX2

#include "denormalize_body.h"
#include "pixels_x86.h"

namespace nst {
namespace {

struct Vec {
  static constexpr std::size_t kPixels = 16;

  static __m256i rounded(const float* from, __m256 scale) {
    const __m256 product = _mm256_mul_ps(_mm256_loadu_ps(from), scale);
    // max gives its second operand where the first is no number.
    const __m256 above = _mm256_max_ps(product, _mm256_setzero_ps());
    return _mm256_cvtps_epi32(_mm256_min_ps(above, _mm256_set1_ps(255.0f)));
  }

  static void convert(const float* const planes[3], float scale, std::uint8_t* pixels) {
    const __m256 factor = _mm256_set1_ps(scale);
    __m128i bytes[3];
    for (std::size_t c = 0; c < 3; ++c) {
      const __m256i mixed =
          _mm256_packs_epi32(rounded(planes[c], factor), rounded(planes[c] + 8, factor));
      const __m256i words = _mm256_permute4x64_epi64(mixed, 0xD8);  // undo the pack's lanes
      bytes[c] =
          _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    }
    store_pixels(pixels, bytes);
  }
};

}  // namespace

void denormalize_rows_avx2(const DenormalizeTensor& job, std::size_t begin, std::size_t end) {
  denormalize_rows<Vec>(job, begin, end);
}

}  // namespace nst

NST_END_TARGET
#endif
