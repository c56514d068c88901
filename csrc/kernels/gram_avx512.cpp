#include "gram.h"

#include "../target.h"

#if NST_TARGET_X86
#include <immintrin.h>

NST_BEGIN_AVX512

#include "gram_body.h"

namespace nst {
namespace {

struct Vec {
  using Reg = __m512;
  static constexpr std::size_t kWidth = 16;
  static constexpr std::size_t kTileRows = 6;  // 6 × 4 sums + 6 + 1 operands of 32 registers

  static Reg zero() { return _mm512_setzero_ps(); }
  static Reg load(const float* from) { return _mm512_loadu_ps(from); }
  static Reg fma(Reg a, Reg b, Reg sum) { return _mm512_fmadd_ps(a, b, sum); }
  static void add_sums(Reg a, Reg b, Reg c, Reg d, double* sums) {
    // In each quarter: a0 + a2, b0 + b2, a1 + a3, b1 + b3; then a, b, c, d.
    const Reg ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    const Reg cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    const __m512d x = _mm512_castps_pd(ab);
    const __m512d y = _mm512_castps_pd(cd);
    const Reg four = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)),
                                   _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
    const __m256 two = _mm256_add_ps(_mm512_castps512_ps256(four), _mm512_extractf32x8_ps(four, 1));
    const __m128 one = _mm_add_ps(_mm256_castps256_ps128(two), _mm256_extractf128_ps(two, 1));
    _mm256_storeu_pd(sums, _mm256_add_pd(_mm256_loadu_pd(sums), _mm256_cvtps_pd(one)));
  }
};

}  // namespace

const GramKernel kGramAvx512 = {kStrip, packed_float_bytes, pack_floats, sum_floats<Vec>};

}  // namespace nst

NST_END_TARGET
#endif
