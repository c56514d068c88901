#include "gram.h"

#include "../target.h"

#if NST_TARGET_NEON
#include <arm_neon.h>

#include "gram_body.h"

namespace nst {
namespace {

struct Vec {
  using Reg = float32x4_t;
  static constexpr std::size_t kWidth = 4;
  static constexpr std::size_t kTileRows = 6;  // 6 × 4 sums + 6 + 1 operands of 32 registers

  static Reg zero() { return vdupq_n_f32(0.0f); }
  static Reg load(const float* from) { return vld1q_f32(from); }
  static Reg fma(Reg a, Reg b, Reg sum) { return vfmaq_f32(sum, a, b); }
  static void add_sums(Reg a, Reg b, Reg c, Reg d, double* sums) {
    const Reg one = vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d));
    vst1q_f64(sums, vaddq_f64(vld1q_f64(sums), vcvt_f64_f32(vget_low_f32(one))));
    vst1q_f64(sums + 2, vaddq_f64(vld1q_f64(sums + 2), vcvt_high_f64_f32(one)));
  }
};

}  // namespace

const GramKernel kGramNeon = {kStrip, packed_float_bytes, pack_floats, sum_floats<Vec>};

}  // namespace nst
#endif
