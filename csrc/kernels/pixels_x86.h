// Interleaved three-byte pixels: four of them to one channel's numbers, and sixteen of them from
// three vectors of sixteen bytes (SSSE3).
// Include once per file, after the instruction set is switched on.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nst {
namespace {

// Byte shuffles: spread[s][c] makes 32-bit numbers of the bytes of channel c in four pixels that
// begin at byte 4 s, join[r][c] puts plane c's bytes into register r. 0x80 gives a zero byte.
struct PixelShuffles {
  alignas(16) std::uint8_t spread[2][3][16];
  alignas(16) std::uint8_t join[3][3][16];
};

constexpr PixelShuffles pixel_shuffles() {
  PixelShuffles shuffles{};
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = 0; i < 16; ++i) {
      for (std::size_t s = 0; s < 2; ++s) {
        const std::size_t from = 4 * s + 3 * (i / 4) + c;
        shuffles.spread[s][c][i] = static_cast<std::uint8_t>(i % 4 == 0 ? from : 0x80);
      }
      for (std::size_t r = 0; r < 3; ++r) {
        const std::size_t to = 16 * r + i;
        shuffles.join[r][c][i] = static_cast<std::uint8_t>(to % 3 == c ? to / 3 : 0x80);
      }
    }
  }
  return shuffles;
}

constexpr PixelShuffles kPixelShuffles = pixel_shuffles();

[[maybe_unused]] inline __m128i spread_shuffle(std::size_t shift, std::size_t channel) {
  return _mm_load_si128(reinterpret_cast<const __m128i*>(kPixelShuffles.spread[shift][channel]));
}

inline __m128i pick(const std::uint8_t (&shuffles)[3][16], const __m128i (&from)[3]) {
  const auto part = [&](std::size_t i) {
    return _mm_shuffle_epi8(from[i], _mm_load_si128(reinterpret_cast<const __m128i*>(shuffles[i])));
  };
  return _mm_or_si128(_mm_or_si128(part(0), part(1)), part(2));
}

// The bytes of sixteen pixels by channel.
struct PixelPlanes {
  __m128i channel[3];
};

// Writes exactly 48 bytes.
[[maybe_unused]] inline void store_pixels(std::uint8_t* pixels, const PixelPlanes& planes) {
  for (std::size_t r = 0; r < 3; ++r) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(pixels + 16 * r),
                     pick(kPixelShuffles.join[r], planes.channel));
  }
}

}  // namespace
}  // namespace nst
