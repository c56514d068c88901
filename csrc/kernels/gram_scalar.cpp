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
  static constexpr std::size_t kTileRows = 2;

  static Reg zero() { return {{0.0f, 0.0f, 0.0f, 0.0f}}; }
  static Reg load(const float* from) { return {{from[0], from[1], from[2], from[3]}}; }
  static Reg fma(Reg a, Reg b, Reg sum) {
    for (std::size_t i = 0; i < kWidth; ++i) sum.lane[i] += a.lane[i] * b.lane[i];
    return sum;
  }
  static void add_sums(Reg a, Reg b, Reg c, Reg d, double* sums) {
    const Reg* const each[4] = {&a, &b, &c, &d};
    for (std::size_t i = 0; i < 4; ++i) {
      const float* const lane = each[i]->lane;
      sums[i] += (lane[0] + lane[1]) + (lane[2] + lane[3]);
    }
  }
};

}  // namespace

const GramKernel kGramScalar = {kStrip, packed_float_bytes, pack_floats, sum_floats<Vec>};

}  // namespace nst
