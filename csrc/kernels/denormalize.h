// Contract of the denormalize kernel: three planes of numbers to interleaved uint8 pixels.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nst {

// tensor     3 × padded_height × padded_width of float, or of half precision where `half` is set;
//            C-contiguous, any values
// image      first row of height × width × 3; rows lie row_stride bytes apart, which may
//            be negative, pixels in a row 3 bytes; does not overlap tensor
// height, width  1 … padded_height, padded_width: the top left corner of the tensor
// channel    byte c of each pixel is made from plane channel[c] (0 … 2)
// scale      finite; value = x * scale in float32, clipped to 0 … 255; 0 for no number
// photo      null, or as many pixels as the image has, rows photo_stride bytes apart; may be the
//            image itself, and must not overlap it otherwise; then
//            value = photo + (value - photo) * strength, each operation rounded to float32
// strength   0 … 1
// half_up    image = the integer part of value + 0.5, else value rounded half to even
struct DenormalizeTensor {
  const void* tensor;
  bool half;
  std::size_t padded_height;
  std::size_t padded_width;
  std::uint8_t* image;
  std::ptrdiff_t row_stride;
  std::size_t height;
  std::size_t width;
  std::size_t channel[3];
  float scale;
  const std::uint8_t* photo;
  std::ptrdiff_t photo_stride;
  float strength;
  bool half_up;
};

// Writes rows begin … end (of height) of the image, and nothing else. Same bytes from every set.
using DenormalizeRowsKernel = void (*)(const DenormalizeTensor&, std::size_t begin,
                                       std::size_t end);

void denormalize_rows_scalar(const DenormalizeTensor& job, std::size_t begin, std::size_t end);
void denormalize_rows_avx2(const DenormalizeTensor& job, std::size_t begin, std::size_t end);
void denormalize_rows_avx512(const DenormalizeTensor& job, std::size_t begin, std::size_t end);
void denormalize_rows_neon(const DenormalizeTensor& job, std::size_t begin, std::size_t end);

// All rows, spread over `threads` (at least 1) threads.
void denormalize(DenormalizeRowsKernel kernel, const DenormalizeTensor& job, std::size_t threads);

}  // namespace nst
