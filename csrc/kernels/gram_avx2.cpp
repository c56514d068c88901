#include "gram.h"

#include <cstring>

#include "../target.h"

#if NST_TARGET_X86
#include <immintrin.h>

NST_BEGIN_AVX2

#include "gram_body.h"

namespace nst {
namespace {

struct Vec {
  using Reg = __m256;
  static constexpr std::size_t kWidth = 8;
  static constexpr std::size_t kTileRows = 3;  // 3 × 4 sums + 3 + 1 operands: the 16 registers
  static constexpr std::size_t kTileColumns = 4;

  static Reg zero() { return _mm256_setzero_ps(); }
  static Reg load(const float* from) { return _mm256_loadu_ps(from); }
  static Reg fma(Reg a, Reg b, Reg sum) { return _mm256_fmadd_ps(a, b, sum); }
  static double sum(Reg reg) {
    const __m256d four = _mm256_add_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(reg)),
                                       _mm256_cvtps_pd(_mm256_extractf128_ps(reg, 1)));
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
  }
};

}  // namespace

void gram_panel_avx2(const GramPanel& panel) { gram_panel<Vec>(panel); }

}  // namespace nst

NST_END_TARGET
#endif
