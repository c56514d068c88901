#include "gram.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "../parallel.h"

namespace nst {

void gram_matrix(GramPanelKernel kernel, const float* features, std::size_t batch,
                 std::size_t channels, std::size_t pixels, double denominator, float* gram,
                 std::size_t threads) {
  const auto panels = [&](std::size_t side) {
    const std::size_t strips = (channels + side - 1) / side;
    return batch * strips * (strips + 1) / 2;
  };
  // Large panels read memory less often; smaller ones give every thread something to do.
  std::size_t side = kGramPanel;
  if (threads > 1 && panels(side) < 2 * threads) side /= 2;

  std::vector<std::pair<std::size_t, std::size_t>> corners;
  for (std::size_t row = 0; row < channels; row += side) {
    for (std::size_t column = row; column < channels; column += side) {
      corners.emplace_back(row, column);
    }
  }
  const std::size_t count = batch * corners.size();
  std::vector<float> workspaces(worker_count(count, 1, threads) * kGramWorkspace);
  parallel_for(count, 1, threads, [&](std::size_t index, std::size_t, std::size_t worker) {
    const std::size_t item = index / corners.size();
    const auto [row, column] = corners[index % corners.size()];
    kernel({features + item * channels * pixels, channels, pixels, denominator,
            gram + item * channels * channels, row, std::min(channels, row + side), column,
            std::min(channels, column + side), workspaces.data() + worker * kGramWorkspace});
  });
}

}  // namespace nst
