#include "gram.h"

#include <cstring>

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
  static constexpr std::size_t kTileRows = 4;  // 4 × 4 sums + 4 + 1 operands of 32 registers
  static constexpr std::size_t kTileColumns = 4;

  static Reg zero() { return _mm512_setzero_ps(); }
  static Reg load(const float* from) { return _mm512_loadu_ps(from); }
  static Reg fma(Reg a, Reg b, Reg sum) { return _mm512_fmadd_ps(a, b, sum); }
  static double sum(Reg reg) {
    const __m512d eight = _mm512_add_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(reg)),
                                        _mm512_cvtps_pd(_mm512_extractf32x8_ps(reg, 1)));
    return _mm512_reduce_add_pd(eight);
  }
};

}  // namespace

void gram_panel_avx512(const GramPanel& panel) { gram_panel<Vec>(panel); }

}  // namespace nst

NST_END_TARGET
#endif
