// What this machine can run: the CPU has it and the operating system saves its registers.
#pragma once

namespace nst {

bool cpu_has_avx2();    // AVX2, FMA and F16C
bool cpu_has_avx512();  // AVX-512 F, BW, DQ, VL, beside those of AVX2
bool cpu_has_neon();
bool cpu_has_scalar();  // always

}  // namespace nst
