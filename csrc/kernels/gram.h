// Contract of the Gram kernel: gram[i][j] = sum over p of weight[p] * features[i][p] *
// features[j][p] / d.
#pragma once

#include <cstddef>

namespace nst {

inline constexpr std::size_t kGramBlock = 1024;    // most pixels summed in float32
inline constexpr std::size_t kGramVector = 64;     // runs are packed up to a multiple of this
inline constexpr std::size_t kGramAlignment = 64;  // bytes, of packed runs

// Some pixels of all channels, as they come.
//
// features   channels rows, row_stride floats apart, of `pixels` floats; any values
// weights    one per pixel, or null: all 1
struct GramRun {
  const float* features;
  std::size_t row_stride;
  const float* weights;
  std::size_t channels;
  std::size_t pixels;
};

// Where a run was packed.
//
// padded     channels, rounded up to GramKernel::channel_multiple
// room       pixels that there is room for, a multiple of kGramVector
struct GramPacked {
  void* bytes;
  std::size_t padded;
  std::size_t room;
  bool weighted;
};

// A block of a packed run, and the rows of the triangle that are to be summed.
//
// first_pixel, pixels  multiples of kGramVector; at most kGramBlock pixels
// channels   as in the run
// first, step  of the strips of channel_multiple rows that are to be summed
// sums       padded × padded
struct GramBlock {
  GramPacked packed;
  std::size_t first_pixel;
  std::size_t pixels;
  std::size_t channels;
  std::size_t first;
  std::size_t step;
  double* sums;
};

struct GramKernel {
  std::size_t channel_multiple;
  // Bytes for `room` pixels of `padded` channels, without and with weights.
  std::size_t (*packed_bytes)(std::size_t padded, std::size_t room, bool weighted);
  // Fills `packed` with the run, with zeros beyond its channels and up to a multiple of
  // kGramVector.
  void (*pack)(const GramRun& run, const GramPacked& packed);
  // Adds the block's products to sums[i][j] for all i <= j of its rows, and to other entries what
  // does not matter. The products of an entry are summed in float32, spread over lanes; the block's
  // sum is added in double. What is added does not depend on the choice of rows.
  void (*sum)(const GramBlock& block);
};

extern const GramKernel kGramScalar;
extern const GramKernel kGramAvx2;
extern const GramKernel kGramAvx512;
extern const GramKernel kGramNeon;

// What is asked for.
//
// features   batch × channels × pixels, C-contiguous, any values; all sizes at least 1
// weights    batch × pixels, or null: all 1
// denominator  finite, above 0
// gram       batch × channels × channels, C-contiguous; does not overlap features or weights
struct GramJob {
  const float* features;
  const float* weights;
  std::size_t batch;
  std::size_t channels;
  std::size_t pixels;
  double denominator;
  float* gram;
};

// All Gram matrices, on `threads` (at least 1) threads; the result does not depend on their number.
// May throw std::bad_alloc before anything is written.
void gram_matrix(const GramKernel& kernel, const GramJob& job, std::size_t threads);

}  // namespace nst
