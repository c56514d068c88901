#include "dispatch.h"

#include <cstdlib>
#include <stdexcept>

#include "cpu_features.h"
#include "target.h"

namespace nst {
namespace {

constexpr const char* kVariable = "NST_ENGINE_ISA";

// Best first.
constexpr KernelSet kTable[] = {
#if NST_TARGET_X86
    {"avx512", cpu_has_avx512, &kGramAvx512, normalize_rows_avx512, denormalize_rows_avx512},
    {"avx2", cpu_has_avx2, &kGramAvx2, normalize_rows_avx2, denormalize_rows_avx2},
#endif
#if NST_TARGET_NEON
    {"neon", cpu_has_neon, &kGramNeon, normalize_rows_neon, denormalize_rows_neon},
#endif
    {"scalar", cpu_has_scalar, &kGramScalar, normalize_rows_scalar, denormalize_rows_scalar},
};

}  // namespace

std::vector<const KernelSet*> available_kernels() {
  std::vector<const KernelSet*> available;
  for (const KernelSet& kernels : kTable) {
    if (kernels.supported()) available.push_back(&kernels);
  }
  return available;
}

const KernelSet& kernels_of(const std::string& isa) {
  std::string names;
  for (const KernelSet* kernels : available_kernels()) {
    if (isa == kernels->isa) return *kernels;
    names += names.empty() ? kernels->isa : std::string(", ") + kernels->isa;
  }
  throw std::runtime_error("instruction set '" + isa + "' is not available on this machine; set " +
                           kVariable + " to one of: " + names + ", or unset it for the best");
}

const KernelSet& chosen_kernels() {
  const char* isa = std::getenv(kVariable);
  if (isa == nullptr || *isa == '\0') return *available_kernels().front();
  return kernels_of(isa);
}

}  // namespace nst
