#include "normalize.h"

#include "normalize_body.h"

namespace nst {
namespace {

struct Vec {
  static constexpr std::size_t kPixels = 1;
};

}  // namespace

void normalize_rows_scalar(const NormalizeImage& job, std::size_t begin, std::size_t end) {
  normalize_rows<Vec>(job, begin, end);
}

}  // namespace nst
