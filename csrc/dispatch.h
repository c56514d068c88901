// The one table of what each instruction set brings, and the choice from it.
#pragma once

#include <string>
#include <vector>

#include "kernels/denormalize.h"
#include "kernels/gram.h"
#include "kernels/normalize.h"

namespace nst {

struct KernelSet {
  const char* isa;
  bool (*supported)();
  const GramKernel* gram;
  NormalizeRowsKernel normalize;
  DenormalizeRowsKernel denormalize;
};

// The sets that this machine can run, best first; "scalar" is always there, last.
std::vector<const KernelSet*> available_kernels();

// The set called `isa`. Throws std::runtime_error, naming what is available, for others.
const KernelSet& kernels_of(const std::string& isa);

// The set that the environment variable NST_ENGINE_ISA names, or the best where it is unset or
// empty. Throws as kernels_of does.
const KernelSet& chosen_kernels();

}  // namespace nst
