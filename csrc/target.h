// Switches on an instruction set for the rest of one file, without compiler flags.
//
// Use in this order, in every file for one instruction set:
//   1. include the contract header and all standard and intrinsic headers;
//   2. `#if NST_TARGET_X86` (or `NST_TARGET_NEON`), so that other machines compile nothing;
//   3. NST_BEGIN_AVX2 or NST_BEGIN_AVX512;
//   4. the code, templates in an anonymous namespace, no std:: templates;
//   5. NST_END_TARGET, at the end of the file.
// A standard inline function compiled under step 3 could be the copy that the linker keeps for
// everyone, and would stop older machines with an illegal instruction.
#pragma once

#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
#define NST_TARGET_X86 1
#else
#define NST_TARGET_X86 0
#endif

#if defined(__aarch64__) && defined(__GNUC__)
#define NST_TARGET_NEON 1  // part of every AArch64: nothing to switch on
#else
#define NST_TARGET_NEON 0
#endif

#if defined(__clang__)
// clang-format off: _Pragma takes one string literal, which must not be split.
#define NST_BEGIN_AVX2 \
  _Pragma("clang attribute push(__attribute__((target(\"avx2,fma,f16c\"))), apply_to = function)")
#define NST_BEGIN_AVX512 \
  _Pragma("clang attribute push(__attribute__((target(\"avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c\"))), apply_to = function)")
// clang-format on
#define NST_END_TARGET _Pragma("clang attribute pop")
#else
// No `pop_options`: GCC instantiates templates at the end of the file, under what holds there.
#define NST_BEGIN_AVX2 _Pragma("GCC target(\"avx2,fma,f16c\")")
// Quiet: GCC 12 takes _mm512_undefined_*() for a mistake (its bug 105593).
#define NST_BEGIN_AVX512                                      \
  _Pragma("GCC diagnostic ignored \"-Wmaybe-uninitialized\"") \
      _Pragma("GCC diagnostic ignored \"-Wuninitialized\"")   \
          _Pragma("GCC target(\"avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c\")")
#define NST_END_TARGET
#endif
