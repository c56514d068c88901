#include "normalize.h"

#include "../parallel.h"

namespace nst {
namespace {

// Above this the tensor would push everything else out of the caches, and be gone from them before
// it is read.
constexpr std::size_t kStreamBytes = std::size_t{8} << 20;

}  // namespace

void normalize(NormalizeRowsKernel kernel, const NormalizeImage& job, std::size_t threads) {
  constexpr std::size_t kRows = 16;  // one thread's bite
  NormalizeImage whole = job;
  const std::size_t number = job.half ? sizeof(std::uint16_t) : sizeof(float);
  whole.streams = 3 * job.padded_height * job.padded_width * number >= kStreamBytes;
  parallel_for(job.padded_height, kRows, threads,
               [&](std::size_t begin, std::size_t end, std::size_t) { kernel(whole, begin, end); });
}

}  // namespace nst
