// Contract of the Gram kernel: gram[i][j] = sum over p of features[i][p] * features[j][p] / d.
#pragma once

#include <cstddef>

namespace nst {

inline constexpr std::size_t kGramPanel = 24;    // most rows and columns of one panel
inline constexpr std::size_t kGramBlock = 1024;  // pixels summed in float32 lanes before double
inline constexpr std::size_t kGramStride = kGramBlock + 16;  // no power of two: cache sets
inline constexpr std::size_t kGramWorkspace = 2 * kGramPanel * kGramStride;  // floats

// One rectangle of the upper triangle of one Gram matrix.
//
// features   channels × pixels, C-contiguous, any values; both sizes at least 1
// gram       channels × channels, C-contiguous; does not overlap features or workspace
// denominator  finite, above 0
// row_*, column_*  1 … kGramPanel each, within the channels; either the same range or
//                  row_end <= column_begin
// workspace  kGramWorkspace floats of this caller alone; contents before and after mean nothing
struct GramPanel {
  const float* features;
  std::size_t channels;
  std::size_t pixels;
  double denominator;
  float* gram;
  std::size_t row_begin;
  std::size_t row_end;
  std::size_t column_begin;
  std::size_t column_end;
  float* workspace;
};

// Writes gram[i][j] and its mirror gram[j][i] for all i <= j of the panel. At most kGramBlock
// products are summed in float32 (spread over the lanes); blocks are summed in double. The value
// of an entry does not depend on how the triangle is cut into panels.
using GramPanelKernel = void (*)(const GramPanel&);

void gram_panel_scalar(const GramPanel& panel);
void gram_panel_avx2(const GramPanel& panel);
void gram_panel_avx512(const GramPanel& panel);
void gram_panel_neon(const GramPanel& panel);

// All of `batch` Gram matrices, panels spread over `threads` (at least 1) threads; the result does
// not depend on their number. features: batch × channels × pixels, gram: batch × channels ×
// channels, C-contiguous, not overlapping. May throw std::bad_alloc before anything is written.
void gram_matrix(GramPanelKernel kernel, const float* features, std::size_t batch,
                 std::size_t channels, std::size_t pixels, double denominator, float* gram,
                 std::size_t threads);

}  // namespace nst
