#include "denormalize_body.h"
#include "normalize_body.h"

namespace nst {

void normalize_rows_scalar(const NormalizeImage& job, std::size_t begin, std::size_t end) {
  normalize_rows<ScalarLanes>(job, begin, end);
}

void denormalize_rows_scalar(const DenormalizeTensor& job, std::size_t begin, std::size_t end) {
  denormalize_rows<ScalarLanes>(job, begin, end);
}

}  // namespace nst
