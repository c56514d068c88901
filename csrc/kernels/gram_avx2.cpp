#include "gram.h"

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

  static Reg zero() { return _mm256_setzero_ps(); }
  static Reg load(const float* from) { return _mm256_loadu_ps(from); }
  static Reg fma(Reg a, Reg b, Reg sum) { return _mm256_fmadd_ps(a, b, sum); }
  static void add_sums(Reg a, Reg b, Reg c, Reg d, double* sums) {
    // In each half: a0 + a1, a2 + a3, b0 + b1, b2 + b3; then a, b, c, d.
    const Reg four = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    const __m128 one = _mm_add_ps(_mm256_castps256_ps128(four), _mm256_extractf128_ps(four, 1));
    _mm256_storeu_pd(sums, _mm256_add_pd(_mm256_loadu_pd(sums), _mm256_cvtps_pd(one)));
  }
};

}  // namespace

const GramKernel kGramAvx2 = {kStrip, packed_float_bytes, pack_floats, sum_floats<Vec>};

}  // namespace nst

NST_END_TARGET
#endif
