#include "denormalize.h"
#include "normalize.h"

#include <cstring>

#include "../target.h"

#if NST_TARGET_X86
#include <immintrin.h>

NST_BEGIN_AVX512

#include "lanes_avx512.h"
#include "denormalize_body.h"
#include "normalize_body.h"

namespace nst {

void normalize_rows_avx512(const NormalizeImage& job, std::size_t begin, std::size_t end) {
  normalize_rows<Lanes>(job, begin, end);
}

void denormalize_rows_avx512(const DenormalizeTensor& job, std::size_t begin, std::size_t end) {
  denormalize_rows<Lanes>(job, begin, end);
}

}  // namespace nst

NST_END_TARGET
#endif
