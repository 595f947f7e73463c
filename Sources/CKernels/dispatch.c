#include "CKernels.h"

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
static bool has_dotprod(void) {
#if defined(__linux__)
  return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
#elif defined(__APPLE__)
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname("hw.optional.arm.FEAT_DotProd", &value, &size, NULL, 0) == 0 && value != 0;
#else
  return false;
#endif
}
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
