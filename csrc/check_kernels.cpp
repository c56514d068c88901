// A check of all kernels without Python, for machines reached by cross compiler and emulator: runs
// every instruction set of the dispatch table against plain double loops at odd sizes.
// Usage: check_kernels [--few] [ISA ...]   fails too where an ISA named here is not available.
// --few leaves out most sizes and the runs on one thread: for slow tools that look at threads.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "dispatch.h"

namespace {

constexpr std::size_t kSides[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 65};
constexpr std::size_t kThreads[] = {1, 2, 3, 5};

// A small linear congruential generator: the same numbers on every machine.
class Numbers {
 public:
  std::uint32_t next() { return state_ = state_ * 1664525u + 1013904223u; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(next() >> 24); }
  float around_zero() { return static_cast<float>(next() >> 8) / 8388608.0f - 1.0f; }

 private:
  std::uint32_t state_ = 1;
};

class Report {
 public:
  explicit Report(const char* isa) : isa_(isa) {}
  void expect(bool good, const char* kernel, std::size_t a, std::size_t b) {
    ++checks_;
    if (good) return;
    if (++failures_ <= 10) std::printf("%s: %s is wrong at %zu, %zu\n", isa_, kernel, a, b);
  }
  bool finish() const {
    std::printf("%-7s %zu checks, %zu failures: %s\n", isa_, checks_, failures_,
                failures_ == 0 ? "OK" : "FAILED");
    return failures_ == 0;
  }

 private:
  const char* isa_;
  std::size_t checks_ = 0;
  std::size_t failures_ = 0;
};

void check_gram(const nst::KernelSet& kernels, Numbers& numbers, Report& report,
                std::size_t channels, std::size_t pixels, bool weighted, std::size_t threads) {
  constexpr std::size_t kBatch = 2;
  const double denominator = static_cast<double>(pixels);
  std::vector<float> features(kBatch * channels * pixels);
  for (float& value : features) value = numbers.around_zero();
  std::vector<float> gram(kBatch * channels * channels, -7.0f);
  std::vector<float> weights(kBatch * pixels);
  for (float& value : weights) value = numbers.around_zero();
  nst::gram_matrix(*kernels.gram,
                   {features.data(), weighted ? weights.data() : nullptr, kBatch, channels, pixels,
                    denominator, gram.data()},
                   threads);
  for (std::size_t row = 0; row < kBatch * channels; ++row) {
    for (std::size_t j = 0; j < channels; ++j) {
      const float* a = features.data() + row * pixels;
      const float* b = features.data() + (row / channels * channels + j) * pixels;
      double sum = 0.0;
      const float* weight = weights.data() + row / channels * pixels;
      for (std::size_t p = 0; p < pixels; ++p) {
        sum += static_cast<double>(a[p]) * b[p] * (weighted ? weight[p] : 1.0f);
      }
      const double error = std::abs(gram[row * channels + j] - sum / denominator);
      report.expect(error <= 2e-6, "gram", channels, pixels);
    }
  }
}

// np.pad(mode="reflect") by walking, unlike the kernel's arithmetic.
std::size_t walked(std::size_t steps, std::size_t side) {
  std::size_t at = 0;
  bool forward = true;
  for (std::size_t step = 0; step < steps && side > 1; ++step) {
    if (at == side - 1) forward = false;
    if (at == 0) forward = true;
    at += forward ? 1 : std::size_t(-1);
  }
  return at;
}

// By definition: sign, exponent, fraction.
double value_of_half(std::uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const double fraction = half & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024.0 + fraction, exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

void check_normalize(const nst::KernelSet& kernels, Numbers& numbers, Report& report,
                     std::size_t height, std::size_t width, std::size_t pad, bool swap, bool half,
                     std::size_t threads) {
  const std::size_t padded_height = height + pad;
  const std::size_t padded_width = width + 2 * pad;
  const std::size_t plane = padded_height * padded_width;
  const std::size_t row_bytes = width * 3 + pad;
  std::vector<std::uint8_t> image(height * row_bytes);
  for (std::uint8_t& value : image) value = numbers.byte();
  std::vector<float> floats(half ? 0 : 3 * plane, -7.0f);
  std::vector<std::uint16_t> halves(half ? 3 * plane : 0, 7);
  const std::size_t last = swap ? 0 : 2;
  const nst::NormalizeImage job = {
      image.data(),
      static_cast<std::ptrdiff_t>(row_bytes),
      height,
      width,
      half ? static_cast<void*>(halves.data()) : static_cast<void*>(floats.data()),
      half,
      padded_height,
      padded_width,
      {2 - last, 1, last},
      {0.017f, 0.018f, 0.019f},
      {-2.1f, 0.0f, 3.0f}};
  nst::normalize(kernels.normalize, job, threads);
  for (std::size_t i = 0; i < 3 * plane; ++i) {
    const std::size_t c = i / plane;
    const std::size_t y = walked(i % plane / padded_width, height);
    const std::size_t x = walked(i % padded_width, width);
    const double byte = image[y * row_bytes + x * 3 + job.channel[c]];
    const double expected = byte * job.multiplier[c] + job.offset[c];
    const double found = half ? value_of_half(halves[i]) : static_cast<double>(floats[i]);
    const double error = half ? 2e-6 + std::abs(expected) / 2048 : 1e-6;
    report.expect(std::abs(found - expected) <= error, "normalize", height, width);
  }
}

void check_denormalize(const nst::KernelSet& kernels, Numbers& numbers, Report& report,
                       std::size_t height, std::size_t width, std::size_t margin, bool swap,
                       bool blends, std::size_t threads) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float special[] = {std::numeric_limits<float>::quiet_NaN(),
                           kInfinity,
                           -kInfinity,
                           -0.0f,
                           0.25f,
                           0.75f,
                           1.25f,
                           63.75f,
                           127.25f,
                           1e30f,
                           -1e30f};
  const std::size_t padded_width = width + margin;
  const std::size_t plane = (height + margin) * padded_width;
  std::vector<float> tensor(3 * plane);
  for (float& value : tensor) {
    const std::uint8_t kind = numbers.byte();
    value = kind < 11 ? special[kind] : 70.0f * (1.0f + numbers.around_zero());
  }
  const std::size_t row_bytes = width * 3 + margin;
  std::vector<std::uint8_t> image(height * row_bytes, 77);
  std::vector<std::uint8_t> photo(image.size());
  for (std::uint8_t& value : photo) value = numbers.byte();
  const std::size_t last = swap ? 0 : 2;
  const auto stride = static_cast<std::ptrdiff_t>(row_bytes);
  const nst::DenormalizeTensor job = {tensor.data(),
                                      false,
                                      height + margin,
                                      padded_width,
                                      image.data(),
                                      stride,
                                      height,
                                      width,
                                      {2 - last, 1, last},
                                      2.0f,
                                      blends ? photo.data() : nullptr,
                                      stride,
                                      0.25f,
                                      blends};
  nst::denormalize(kernels.denormalize, job, threads);
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t i = 0; i < row_bytes; ++i) {
      const std::size_t at = y * row_bytes + i;
      if (i >= 3 * width) {
        report.expect(image[at] == 77, "denormalize between rows", height, width);
        continue;
      }
      const double value = 2.0 * tensor[job.channel[i % 3] * plane + y * padded_width + i / 3];
      double clipped = value > 0.0 ? (value < 255.0 ? value : 255.0) : 0.0;
      if (blends) {
        const auto under = static_cast<float>(photo[at]);
        const float more = static_cast<float>(clipped) - under;
        clipped = static_cast<double>(static_cast<float>(under + more * 0.25f)) + 0.5;
      }
      const double expected = blends ? std::floor(clipped) : std::nearbyint(clipped);
      report.expect(image[at] == expected, "denormalize", height, width);
    }
  }
}

bool check(const nst::KernelSet& kernels, bool few) {
  Report report(kernels.isa);
  Numbers numbers;
  for (const std::size_t threads : kThreads) {
    if (few && threads == 1) continue;
    for (const std::size_t a : kSides) {
      if (few && a != 17 && a != 65) continue;
      for (const std::size_t b : {std::size_t{1}, std::size_t{17}, std::size_t{1025}}) {
        check_gram(kernels, numbers, report, a, b, b == 17, threads);
      }
      check_gram(kernels, numbers, report, 5, a, false, threads);
      for (const std::size_t height : {std::size_t{1}, std::size_t{2}, std::size_t{35}}) {
        const bool swap = (a + height) % 2 == 0;
        for (const std::size_t pad : {0, 1, 7}) {
          for (const bool second : {false, true}) {
            check_normalize(kernels, numbers, report, height, a, pad, swap, second, threads);
            check_denormalize(kernels, numbers, report, height, a, pad, swap, second, threads);
          }
        }
      }
    }
  }
  return report.finish();
}

}  // namespace

int main(int count, char** arguments) {
  bool good = true;
  try {
    const bool few = count > 1 && std::string(arguments[1]) == "--few";
    for (const nst::KernelSet* kernels : nst::available_kernels()) {
      good = check(*kernels, few) && good;
    }
    for (int i = few ? 2 : 1; i < count; ++i) nst::kernels_of(arguments[i]);
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    good = false;
  }
  return good ? 0 : 1;
}
