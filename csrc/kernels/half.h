// IEEE half precision without the instructions for it.
#pragma once

#include <cstdint>
#include <cstring>

namespace nst {
namespace {

// Rounded to nearest even; too large becomes infinite, no number stays none.
[[maybe_unused]] std::uint16_t half_of_float(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  bits &= 0x7FFFFFFFu;
  if (bits > 0x7F800000u)
    return static_cast<std::uint16_t>(sign | 0x7E00u | ((bits >> 13) & 0x3FFu));
  if (bits >= 0x477FF000u) return static_cast<std::uint16_t>(sign | 0x7C00u);  // 65520 and above
  if (bits < 0x38800000u) {  // below the smallest normal half: the sum's lowest bits are the answer
    float magnitude;
    std::memcpy(&magnitude, &bits, sizeof(bits));
    magnitude += 0.5f;  // one unit in its last place is 2^-24, as in a half of this size
    std::memcpy(&bits, &magnitude, sizeof(bits));
    return static_cast<std::uint16_t>(sign | (bits - 0x3F000000u));
  }
  const std::uint32_t odd = (bits >> 13) & 1u;
  bits += 0xC8000FFFu + odd;  // the exponent's bias from 127 to 15, and rounding
  return static_cast<std::uint16_t>(sign | (bits >> 13));
}

[[maybe_unused]] float float_of_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  std::uint32_t bits = static_cast<std::uint32_t>(half & 0x7FFFu) << 13;
  const std::uint32_t exponent = bits & 0x0F800000u;
  bits += 0x38000000u;                               // the exponent's bias from 15 to 127
  if (exponent == 0x0F800000u) bits += 0x38000000u;  // infinite, or no number
  float value;
  if (exponent == 0) {  // 0 and what is below the smallest normal half
    bits += 0x00800000u;
    std::memcpy(&value, &bits, sizeof(value));
    value -= 6.103515625e-05f;
    std::memcpy(&bits, &value, sizeof(bits));
  }
  bits |= sign;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

}  // namespace
}  // namespace nst
