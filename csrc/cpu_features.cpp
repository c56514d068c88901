#include "cpu_features.h"

#include "target.h"

namespace nst {

#if NST_TARGET_X86
// __builtin_cpu_supports reads CPUID and XGETBV, hence asks the operating system too.
bool cpu_has_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("f16c");
}

bool cpu_has_avx512() {
  return cpu_has_avx2() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
#else
bool cpu_has_avx2() { return false; }
bool cpu_has_avx512() { return false; }
#endif

bool cpu_has_neon() { return NST_TARGET_NEON != 0; }
bool cpu_has_scalar() { return true; }

}  // namespace nst
