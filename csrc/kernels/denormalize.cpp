#include "denormalize.h"

#include "../parallel.h"

namespace nst {

void denormalize(DenormalizeRowsKernel kernel, const DenormalizeTensor& job, std::size_t threads) {
  constexpr std::size_t kRows = 16;  // one thread's bite
  parallel_for(job.height, kRows, threads,
               [&](std::size_t begin, std::size_t end, std::size_t) { kernel(job, begin, end); });
}

}  // namespace nst
