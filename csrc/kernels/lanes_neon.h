// Sixteen pixels in NEON; see lanes_scalar.h.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace nst {
namespace {

struct Lanes {
  static constexpr std::size_t kPixels = 16;
  static constexpr std::size_t kParts = 4;
  struct Floats {
    float32x4_t part[kParts];
  };
  struct Pixels {
    uint8x16_t channel[3];
  };

  template <class Part>
  static Floats of_parts(const Part& part) {
    return {{part(0), part(1), part(2), part(3)}};
  }

  static Floats set(float value) {
    return of_parts([&](std::size_t) { return vdupq_n_f32(value); });
  }
  static Floats load(const float* from) {
    return of_parts([&](std::size_t i) { return vld1q_f32(from + 4 * i); });
  }
  static Floats load(const std::uint16_t* from) {
    return of_parts(
        [&](std::size_t i) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from + 4 * i))); });
  }
  static void store(float* to, const Floats& value) {
    for (std::size_t i = 0; i < kParts; ++i) vst1q_f32(to + 4 * i, value.part[i]);
  }
  static void store(std::uint16_t* to, const Floats& value) {
    for (std::size_t i = 0; i < kParts; ++i) {
      vst1_u16(to + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(value.part[i])));
    }
  }

  static Floats add(const Floats& a, const Floats& b) {
    return of_parts([&](std::size_t i) { return vaddq_f32(a.part[i], b.part[i]); });
  }
  static Floats subtract(const Floats& a, const Floats& b) {
    return of_parts([&](std::size_t i) { return vsubq_f32(a.part[i], b.part[i]); });
  }
  static Floats multiply(const Floats& a, const Floats& b) {
    return of_parts([&](std::size_t i) { return vmulq_f32(a.part[i], b.part[i]); });
  }
  static Floats multiply_add(const Floats& a, const Floats& b, const Floats& c) {
    return of_parts([&](std::size_t i) { return vfmaq_f32(c.part[i], a.part[i], b.part[i]); });
  }
  static Floats clip(const Floats& value) {
    return of_parts([&](std::size_t i) {
      // maxnm gives the number where the other operand is none.
      const float32x4_t above = vmaxnmq_f32(value.part[i], vdupq_n_f32(0.0f));
      return vminq_f32(above, vdupq_n_f32(255.0f));
    });
  }

  static void join(std::uint8_t* pixels, const Pixels& from) {
    const uint8x16x3_t stored = {{from.channel[0], from.channel[1], from.channel[2]}};
    vst3q_u8(pixels, stored);
  }
  static Floats channel(const std::uint8_t* pixels, std::size_t channel) {
    const uint8x16_t bytes = vld3q_u8(pixels).val[channel];
    const uint16x8_t low = vmovl_u8(vget_low_u8(bytes));
    const uint16x8_t high = vmovl_high_u8(bytes);
    return {{vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))), vcvtq_f32_u32(vmovl_high_u16(low)),
             vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))), vcvtq_f32_u32(vmovl_high_u16(high))}};
  }
  static void put_rounded(Pixels& pixels, std::size_t channel, const Floats& value) {
    pixels.channel[channel] = packed([&](std::size_t i) { return vcvtnq_u32_f32(value.part[i]); });
  }
  static void put_truncated(Pixels& pixels, std::size_t channel, const Floats& value) {
    pixels.channel[channel] = packed([&](std::size_t i) { return vcvtq_u32_f32(value.part[i]); });
  }
  template <class Part>
  static uint8x16_t packed(const Part& part) {
    const uint16x8_t low = vcombine_u16(vmovn_u32(part(0)), vmovn_u32(part(1)));
    const uint16x8_t high = vcombine_u16(vmovn_u32(part(2)), vmovn_u32(part(3)));
    return vcombine_u8(vmovn_u16(low), vmovn_u16(high));
  }
};

}  // namespace
}  // namespace nst
