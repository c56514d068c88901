#include "gram.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../parallel.h"

namespace nst {
namespace {

constexpr std::size_t kMostGroups = 16;
constexpr std::size_t kLongestRun = 4096;  // pixels
constexpr std::size_t kSumsBytes = std::size_t{4} << 20;
// Of a packed block: it shall stay in the second cache.
constexpr std::size_t kPackedBytes = std::size_t{5} << 18;

std::size_t rounded_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

unsigned char* aligned_up(unsigned char* pointer) {
  const std::size_t beyond = reinterpret_cast<std::uintptr_t>(pointer) % kGramAlignment;
  return pointer + (kGramAlignment - beyond) % kGramAlignment;
}

// How the pixels are cut: into blocks that are summed in float32, runs of blocks that are packed at
// once, and groups of runs with sums of their own. Depends on the sizes alone, so that the result
// does not depend on the threads.
struct GramPlan {
  std::size_t padded;  // channels
  std::size_t block;   // pixels
  std::size_t run;     // pixels, whole blocks
  std::size_t runs;
  std::size_t groups;
  std::size_t bytes;  // of a packed run

  GramPlan(const GramKernel& kernel, const GramJob& job) {
    const bool weighted = job.weights != nullptr;
    padded = rounded_up(job.channels, kernel.channel_multiple);
    const auto fits = [&](std::size_t pixels) {
      return kernel.packed_bytes(padded, pixels, weighted) <= kPackedBytes;
    };
    block = kGramBlock;
    while (block > kGramBlock / 8 && !fits(block)) block /= 2;
    // Longer runs read memory better, as long as all groups get some.
    run = block;
    while (run < kLongestRun && fits(2 * run) && 4 * kMostGroups * run <= job.pixels) run *= 2;
    runs = (job.pixels + run - 1) / run;
    const std::size_t affordable = kSumsBytes / (padded * padded * sizeof(double));
    groups = std::max<std::size_t>(1, std::min({runs, kMostGroups, affordable}));
    bytes = rounded_up(kernel.packed_bytes(padded, run, weighted), kGramAlignment);
  }

  // First run of a group.
  std::size_t begin(std::size_t group) const { return group * runs / groups; }
};

// Sums of one group of runs: of every `parts`-th strip of rows from `part` on.
void sum_group(const GramKernel& kernel, const GramJob& job, const GramPlan& plan, std::size_t item,
               std::size_t group, std::size_t part, std::size_t parts, unsigned char* bytes,
               double* sums) {
  const GramPacked packed = {bytes, plan.padded, plan.run, job.weights != nullptr};
  for (std::size_t run = plan.begin(group); run < plan.begin(group + 1); ++run) {
    const std::size_t first = run * plan.run;
    const std::size_t count = std::min(plan.run, job.pixels - first);
    kernel.pack({job.features + item * job.channels * job.pixels + first, job.pixels,
                 job.weights == nullptr ? nullptr : job.weights + item * job.pixels + first,
                 job.channels, count},
                packed);
    for (std::size_t at = 0; at < count; at += plan.block) {
      const std::size_t pixels = rounded_up(std::min(plan.block, count - at), kGramVector);
      kernel.sum({packed, at, pixels, job.channels, part, parts, sums});
    }
  }
}

// Both triangles of one Gram matrix from the groups' sums, square by square.
void finish(const GramJob& job, const GramPlan& plan, const double* sums, float* gram) {
  constexpr std::size_t kSquare = 16;
  const auto write = [&](std::size_t i, std::size_t j) {
    double sum = 0.0;
    for (std::size_t group = 0; group < plan.groups; ++group) {
      sum += sums[(group * plan.padded + i) * plan.padded + j];
    }
    const auto value = static_cast<float>(sum / job.denominator);
    gram[i * job.channels + j] = value;
    gram[j * job.channels + i] = value;
  };
  for (std::size_t top = 0; top < job.channels; top += kSquare) {
    for (std::size_t left = top; left < job.channels; left += kSquare) {
      for (std::size_t i = top; i < std::min(top + kSquare, job.channels); ++i) {
        const std::size_t end = std::min(left + kSquare, job.channels);
        for (std::size_t j = std::max(i, left); j < end; ++j) write(i, j);
      }
    }
  }
}

}  // namespace

void gram_matrix(const GramKernel& kernel, const GramJob& job, std::size_t threads) {
  const GramPlan plan(kernel, job);
  // Where there are fewer groups than threads, threads share the rows of a group.
  const std::size_t strips = plan.padded / kernel.channel_multiple;
  const std::size_t wanted = threads == 1 ? 1 : (2 * threads - 1) / plan.groups + 1;
  const std::size_t parts = std::min(strips, wanted);
  const std::size_t tasks = plan.groups * parts;
  const std::size_t workers = worker_count(tasks, 1, threads);
  std::vector<unsigned char> packed(workers * plan.bytes + kGramAlignment);
  unsigned char* const aligned = aligned_up(packed.data());
  std::vector<double> sums(plan.groups * plan.padded * plan.padded);
  for (std::size_t item = 0; item < job.batch; ++item) {
    if (item > 0) std::fill(sums.begin(), sums.end(), 0.0);
    parallel_for(tasks, 1, threads, [&](std::size_t task, std::size_t, std::size_t worker) {
      const std::size_t group = task / parts;
      sum_group(kernel, job, plan, item, group, task % parts, parts, aligned + worker * plan.bytes,
                sums.data() + group * plan.padded * plan.padded);
    });
    finish(job, plan, sums.data(), job.gram + item * job.channels * job.channels);
  }
}

}  // namespace nst
