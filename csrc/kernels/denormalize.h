// Contract of the denormalize kernel: three planes of float32 to interleaved uint8 pixels.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nst {

// tensor     3 × padded_height × padded_width, C-contiguous, any values
// image      height × width × 3, C-contiguous; does not overlap tensor
// height, width  1 … padded_height, padded_width: the top left corner of the tensor
// channel    byte c of each pixel is made from plane channel[c] (0 … 2)
// scale      finite; image = x * scale in float32, clipped to 0 … 255, rounded half to even;
//            a product that is no number gives 0
struct DenormalizeTensor {
  const float* tensor;
  std::size_t padded_height;
  std::size_t padded_width;
  std::uint8_t* image;
  std::size_t height;
  std::size_t width;
  std::size_t channel[3];
  float scale;
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
