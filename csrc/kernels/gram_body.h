// The loops of the Gram kernel, shared by all instruction sets. Include once per file, after the
// instruction set is switched on. `Vec` brings Reg, kWidth (divides kGramStride), kTileRows,
// kTileColumns, zero(), load(pointer), fma(a, b, sum) and sum(Reg) -> double.
#pragma once

#include <cstddef>
#include <cstring>

#include "gram.h"

namespace nst {
namespace {

// sums[r][c] += dot(a[r], b[c]) over `count` floats, a multiple of Vec::kWidth.
template <class Vec, std::size_t Rows, std::size_t Columns>
void gram_tile(const float* a, const float* b, std::size_t count, double* sums) {
  typename Vec::Reg dots[Rows][Columns];
  for (std::size_t r = 0; r < Rows; ++r) {
    for (std::size_t c = 0; c < Columns; ++c) dots[r][c] = Vec::zero();
  }
  for (std::size_t p = 0; p < count; p += Vec::kWidth) {
    typename Vec::Reg left[Rows];
    for (std::size_t r = 0; r < Rows; ++r) left[r] = Vec::load(a + r * kGramStride + p);
    for (std::size_t c = 0; c < Columns; ++c) {
      const typename Vec::Reg right = Vec::load(b + c * kGramStride + p);
      for (std::size_t r = 0; r < Rows; ++r) dots[r][c] = Vec::fma(left[r], right, dots[r][c]);
    }
  }
  for (std::size_t r = 0; r < Rows; ++r) {
    for (std::size_t c = 0; c < Columns; ++c) sums[r * kGramPanel + c] += Vec::sum(dots[r][c]);
  }
}

// The same for a tile at the edge, which may have fewer rows or columns.
template <class Vec, std::size_t Rows = Vec::kTileRows, std::size_t Columns = Vec::kTileColumns>
void gram_edge_tile(std::size_t rows, std::size_t columns, const float* a, const float* b,
                    std::size_t count, double* sums) {
  if constexpr (Rows > 1) {
    if (rows < Rows) {
      return gram_edge_tile<Vec, Rows - 1, Columns>(rows, columns, a, b, count, sums);
    }
  }
  if constexpr (Columns > 1) {
    if (columns < Columns) {
      return gram_edge_tile<Vec, Rows, Columns - 1>(rows, columns, a, b, count, sums);
    }
  }
  gram_tile<Vec, Rows, Columns>(a, b, count, sums);
}

// Copies rows begin … end of one block side by side, zeros up to a whole number of vectors.
template <class Vec>
void gram_pack(const GramPanel& panel, std::size_t begin, std::size_t end, std::size_t first_pixel,
               std::size_t count, std::size_t padded, float* packed) {
  for (std::size_t row = begin; row < end; ++row, packed += kGramStride) {
    std::memcpy(packed, panel.features + row * panel.pixels + first_pixel, count * sizeof(float));
    for (std::size_t p = count; p < padded; ++p) packed[p] = 0.0f;
  }
}

template <class Vec>
void gram_panel(const GramPanel& panel) {
  static_assert(kGramStride % Vec::kWidth == 0 && kGramBlock % Vec::kWidth == 0);
  const std::size_t rows = panel.row_end - panel.row_begin;
  const std::size_t columns = panel.column_end - panel.column_begin;
  const bool diagonal = panel.row_begin == panel.column_begin;
  float* const packed_rows = panel.workspace;
  float* const packed_columns = diagonal ? packed_rows : packed_rows + kGramPanel * kGramStride;
  double sums[kGramPanel * kGramPanel] = {};

  for (std::size_t pixel = 0; pixel < panel.pixels; pixel += kGramBlock) {
    const std::size_t left = panel.pixels - pixel;
    const std::size_t count = left < kGramBlock ? left : kGramBlock;
    const std::size_t padded = (count + Vec::kWidth - 1) / Vec::kWidth * Vec::kWidth;
    gram_pack<Vec>(panel, panel.row_begin, panel.row_end, pixel, count, padded, packed_rows);
    if (!diagonal) {
      gram_pack<Vec>(panel, panel.column_begin, panel.column_end, pixel, count, padded,
                     packed_columns);
    }
    for (std::size_t i = 0; i < rows; i += Vec::kTileRows) {
      for (std::size_t j = 0; j < columns; j += Vec::kTileColumns) {
        if (diagonal && j + Vec::kTileColumns <= i) continue;  // wholly below the diagonal
        gram_edge_tile<Vec>(rows - i, columns - j, packed_rows + i * kGramStride,
                            packed_columns + j * kGramStride, padded, sums + i * kGramPanel + j);
      }
    }
  }

  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = diagonal ? i : 0; j < columns; ++j) {
      const float value = static_cast<float>(sums[i * kGramPanel + j] / panel.denominator);
      const std::size_t row = panel.row_begin + i;
      const std::size_t column = panel.column_begin + j;
      panel.gram[row * panel.channels + column] = value;
      panel.gram[column * panel.channels + row] = value;
    }
  }
}

}  // namespace
}  // namespace nst
