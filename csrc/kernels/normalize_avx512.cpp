#include "normalize.h"

#include "../target.h"

#if NST_TARGET_X86
#include <immintrin.h>

NST_BEGIN_AVX512

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
      const __m512 value = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes[job.channel[c]]));
      _mm512_storeu_ps(planes[c], _mm512_fmadd_ps(value, _mm512_set1_ps(job.multiplier[c]),
                                                  _mm512_set1_ps(job.offset[c])));
    }
  }
};

}  // namespace

void normalize_rows_avx512(const NormalizeImage& job, std::size_t begin, std::size_t end) {
  normalize_rows<Vec>(job, begin, end);
}

}  // namespace nst

NST_END_TARGET
#endif
