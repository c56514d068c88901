#include "normalize.h"

#include "../target.h"

#if NST_TARGET_NEON
#include <arm_neon.h>

#include "normalize_body.h"

namespace nst {
namespace {

struct Vec {
  static constexpr std::size_t kPixels = 16;

  static void convert(const std::uint8_t* pixels, const NormalizeImage& job,
                      float* const planes[3]) {
    const uint8x16x3_t bytes = vld3q_u8(pixels);
    for (std::size_t c = 0; c < 3; ++c) {
      const uint8x16_t plane = bytes.val[job.channel[c]];
      const uint16x8_t halves[2] = {vmovl_u8(vget_low_u8(plane)), vmovl_high_u8(plane)};
      for (std::size_t half = 0; half < 2; ++half) {
        const float32x4_t low = vcvtq_f32_u32(vmovl_u16(vget_low_u16(halves[half])));
        const float32x4_t high = vcvtq_f32_u32(vmovl_high_u16(halves[half]));
        const float32x4_t multiplier = vdupq_n_f32(job.multiplier[c]);
        const float32x4_t offset = vdupq_n_f32(job.offset[c]);
        vst1q_f32(planes[c] + 8 * half, vfmaq_f32(offset, low, multiplier));
        vst1q_f32(planes[c] + 8 * half + 4, vfmaq_f32(offset, high, multiplier));
      }
    }
  }
};

}  // namespace

void normalize_rows_neon(const NormalizeImage& job, std::size_t begin, std::size_t end) {
  normalize_rows<Vec>(job, begin, end);
}

}  // namespace nst
#endif
