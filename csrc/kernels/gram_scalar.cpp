#include "gram.h"

#include "gram_body.h"

namespace nst {
namespace {

// Four plain floats: portable, and what compilers turn into the baseline's vectors by themselves.
struct Vec {
  struct Reg {
    float lane[4];
  };
  static constexpr std::size_t kWidth = 4;
  static constexpr std::size_t kTileRows = 3;
  static constexpr std::size_t kTileColumns = 2;

  static Reg zero() { return {{0.0f, 0.0f, 0.0f, 0.0f}}; }
  static Reg load(const float* from) { return {{from[0], from[1], from[2], from[3]}}; }
  static Reg fma(Reg a, Reg b, Reg sum) {
    for (std::size_t i = 0; i < kWidth; ++i) sum.lane[i] += a.lane[i] * b.lane[i];
    return sum;
  }
  static double sum(Reg reg) {
    return (static_cast<double>(reg.lane[0]) + reg.lane[1]) +
           (static_cast<double>(reg.lane[2]) + reg.lane[3]);
  }
};

}  // namespace

void gram_panel_scalar(const GramPanel& panel) { gram_panel<Vec>(panel); }

}  // namespace nst
