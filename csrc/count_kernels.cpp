// Runs one kernel on one thread so many times, for a tool that counts instructions.
// Usage: count_kernels ISA normalize|denormalize|gram TIMES
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "dispatch.h"

namespace {

constexpr std::size_t kHeight = 240;
constexpr std::size_t kWidth = 321;  // no multiple of any vector
constexpr std::size_t kPlane = kHeight * kWidth;
constexpr std::size_t kChannels = 64;
constexpr std::size_t kPixels = 64 * 64;

void run(const nst::KernelSet& kernels, const std::string& kernel, int times) {
  std::vector<std::uint8_t> image(kPlane * 3, 77);
  std::vector<float> tensor(kPlane * 3, 0.5f);
  std::vector<float> features(kChannels * kPixels, 0.25f);
  std::vector<float> gram(kChannels * kChannels);
  const auto stride = static_cast<std::ptrdiff_t>(3 * kWidth);
  for (int i = 0; i < times; ++i) {
    if (kernel == "normalize") {
      nst::normalize(kernels.normalize,
                     {image.data(),
                      stride,
                      kHeight,
                      kWidth,
                      tensor.data(),
                      false,
                      kHeight,
                      kWidth,
                      {0, 1, 2},
                      {0.01f, 0.01f, 0.01f},
                      {0.0f, 0.5f, 1.0f}},
                     1);
    } else if (kernel == "denormalize") {
      nst::denormalize(kernels.denormalize,
                       {tensor.data(),
                        false,
                        kHeight,
                        kWidth,
                        image.data(),
                        stride,
                        kHeight,
                        kWidth,
                        {0, 1, 2},
                        255.0f,
                        nullptr,
                        0,
                        1.0f,
                        false},
                       1);
    } else if (kernel == "gram") {
      nst::gram_matrix(*kernels.gram,
                       {features.data(), nullptr, 1, kChannels, kPixels, 1.0, gram.data()}, 1);
    } else {
      throw std::runtime_error("no kernel is called " + kernel);
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::puts("usage: count_kernels ISA normalize|denormalize|gram TIMES");
    return 2;
  }
  try {
    run(nst::kernels_of(arguments[1]), arguments[2], std::atoi(arguments[3]));
  } catch (const std::exception& error) {
    std::puts(error.what());
    return 2;
  }
  return 0;
}
