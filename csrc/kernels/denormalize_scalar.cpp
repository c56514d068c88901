#include "denormalize_body.h"

namespace nst {

void denormalize_rows_scalar(const DenormalizeTensor& job, std::size_t begin, std::size_t end) {
  denormalize_rows<ScalarLanes>(job, begin, end);
}

}  // namespace nst
