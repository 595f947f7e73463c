#include "CKernels.h"

#if defined(__linux__)
#include <malloc.h>
#endif

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

extern const ck_kernels ck_kernels_scalar;
#if defined(__x86_64__)
extern const ck_kernels ck_kernels_avx2;
extern const ck_kernels ck_kernels_avxvnni;
extern const ck_kernels ck_kernels_avx512;
extern const ck_kernels ck_kernels_avx512vbmi;
#elif defined(__aarch64__)
extern const ck_kernels ck_kernels_neon;
extern const ck_kernels ck_kernels_neon_i8mm;
#endif

#if defined(__x86_64__)
static bool has_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

static bool has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
}
#elif defined(__aarch64__)
// The system is asked, because the processor answers only the kernel.
#if defined(__linux__)
static bool has_dotprod(void) { return getauxval(AT_HWCAP) & HWCAP_ASIMDDP; }
static bool has_i8mm(void) { return getauxval(AT_HWCAP2) & HWCAP2_I8MM; }
#elif defined(__APPLE__)
static bool has(const char *feature) {
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname(feature, &value, &size, NULL, 0) == 0 && value != 0;
}
static bool has_dotprod(void) { return has("hw.optional.arm.FEAT_DotProd"); }
static bool has_i8mm(void) { return has("hw.optional.arm.FEAT_I8MM"); }
#else
static bool has_dotprod(void) { return false; }
static bool has_i8mm(void) { return false; }
#endif
#endif

const ck_kernels *ck_kernels_for(int isa) {
  switch (isa) {
  case CK_ISA_SCALAR:
    return &ck_kernels_scalar;
#if defined(__x86_64__)
  case CK_ISA_AVX2:
    return has_avx2() ? &ck_kernels_avx2 : NULL;
  case CK_ISA_AVXVNNI:
    return has_avx2() && __builtin_cpu_supports("avxvnni") ? &ck_kernels_avxvnni : NULL;
  case CK_ISA_AVX512:
    return has_avx512() ? &ck_kernels_avx512 : NULL;
  case CK_ISA_AVX512VBMI:
    return has_avx512() && __builtin_cpu_supports("avx512vbmi") ? &ck_kernels_avx512vbmi : NULL;
#elif defined(__aarch64__)
  case CK_ISA_NEON:
    return has_dotprod() ? &ck_kernels_neon : NULL;
  case CK_ISA_NEON_I8MM:
    return has_dotprod() && has_i8mm() ? &ck_kernels_neon_i8mm : NULL;
#endif
  default:
    return NULL;
  }
}

void ck_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

void ck_return_freed_memory(void) {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}
