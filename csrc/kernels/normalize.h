// Contract of the normalize kernel: interleaved uint8 pixels to three planes of numbers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nst {

// image      first row of height × width × 3; rows lie row_stride bytes apart, which may
//            be negative, pixels in a row 3 bytes; both sizes at least 1
// tensor     3 × padded_height × padded_width of float, or of half precision where `half` is set
//            (rounded to nearest even); C-contiguous; does not overlap image
// padded_*   at least height and width; the surplus, at the right and at the bottom, mirrors the
//            image without repeating its edge, to and fro as often as needed (one pixel: repeated)
// channel    plane c is made from byte channel[c] (0 … 2) of each pixel
// multiplier, offset  finite, one of each per plane; tensor = x * multiplier + offset in float32,
//            with one rounding or two
struct NormalizeImage {
  const std::uint8_t* image;
  std::ptrdiff_t row_stride;
  std::size_t height;
  std::size_t width;
  void* tensor;
  bool half;
  std::size_t padded_height;
  std::size_t padded_width;
  std::size_t channel[3];
  float multiplier[3];
  float offset[3];
};

// Writes rows begin … end (of padded_height) of all three planes, and nothing else.
using NormalizeRowsKernel = void (*)(const NormalizeImage&, std::size_t begin, std::size_t end);

void normalize_rows_scalar(const NormalizeImage& job, std::size_t begin, std::size_t end);
void normalize_rows_avx2(const NormalizeImage& job, std::size_t begin, std::size_t end);
void normalize_rows_avx512(const NormalizeImage& job, std::size_t begin, std::size_t end);
void normalize_rows_neon(const NormalizeImage& job, std::size_t begin, std::size_t end);

// All rows, spread over `threads` (at least 1) threads.
void normalize(NormalizeRowsKernel kernel, const NormalizeImage& job, std::size_t threads);

}  // namespace nst
