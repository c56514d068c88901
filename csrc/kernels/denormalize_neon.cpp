#include "denormalize.h"

#include "../target.h"

#if NST_TARGET_NEON
#include <arm_neon.h>

#include "denormalize_body.h"

namespace nst {
namespace {

struct Vec {
  static constexpr std::size_t kPixels = 16;

  static uint16x4_t rounded(const float* from, float scale) {
    const float32x4_t product = vmulq_n_f32(vld1q_f32(from), scale);
    // The conversion rounds half to even and gives 0 below 0 and for no number.
    return vmovn_u32(vcvtnq_u32_f32(vminq_f32(product, vdupq_n_f32(255.0f))));
  }

  static uint8x8_t eight(const float* from, float scale) {
    return vmovn_u16(vcombine_u16(rounded(from, scale), rounded(from + 4, scale)));
  }

  static void convert(const float* const planes[3], float scale, std::uint8_t* pixels) {
    uint8x16x3_t bytes;
    for (std::size_t c = 0; c < 3; ++c) {
      bytes.val[c] = vcombine_u8(eight(planes[c], scale), eight(planes[c] + 8, scale));
    }
    vst3q_u8(pixels, bytes);
  }
};

}  // namespace

void denormalize_rows_neon(const DenormalizeTensor& job, std::size_t begin, std::size_t end) {
  denormalize_rows<Vec>(job, begin, end);
}

}  // namespace nst
#endif
