#include "normalize.h"

#include "../parallel.h"

namespace nst {

void normalize(NormalizeRowsKernel kernel, const NormalizeImage& job, std::size_t threads) {
  constexpr std::size_t kRows = 16;  // one thread's bite
  parallel_for(job.padded_height, kRows, threads,
               [&](std::size_t begin, std::size_t end, std::size_t) { kernel(job, begin, end); });
}

}  // namespace nst
