#include "denormalize.h"

#include "denormalize_body.h"

namespace nst {
namespace {

struct Vec {
  static constexpr std::size_t kPixels = 1;
};

}  // namespace

void denormalize_rows_scalar(const DenormalizeTensor& job, std::size_t begin, std::size_t end) {
  denormalize_rows<Vec>(job, begin, end);
}

}  // namespace nst
