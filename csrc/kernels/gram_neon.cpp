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
  static constexpr std::size_t kTileRows = 4;  // 4 × 4 sums + 4 + 1 operands of 32 registers
  static constexpr std::size_t kTileColumns = 4;

  static Reg zero() { return vdupq_n_f32(0.0f); }
  static Reg load(const float* from) { return vld1q_f32(from); }
  static Reg fma(Reg a, Reg b, Reg sum) { return vfmaq_f32(sum, a, b); }
  static double sum(Reg reg) {
    return vaddvq_f64(vaddq_f64(vcvt_f64_f32(vget_low_f32(reg)), vcvt_high_f64_f32(reg)));
  }
};

}  // namespace

void gram_panel_neon(const GramPanel& panel) { gram_panel<Vec>(panel); }

}  // namespace nst
#endif
