#include "denormalize.h"
#include "normalize.h"

#include "../target.h"

#if NST_TARGET_NEON
#include "lanes_neon.h"
#include "denormalize_body.h"
#include "normalize_body.h"

namespace nst {

void normalize_rows_neon(const NormalizeImage& job, std::size_t begin, std::size_t end) {
  normalize_rows<Lanes>(job, begin, end);
}

void denormalize_rows_neon(const DenormalizeTensor& job, std::size_t begin, std::size_t end) {
  denormalize_rows<Lanes>(job, begin, end);
}

}  // namespace nst
#endif
