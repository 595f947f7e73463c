// AVX-VNNI: the products of bytes of AVX-512 for vectors of 256 bits. Everything else is AVX2's.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,avxvnni,fma,f16c"))), apply_to = function)

#include <immintrin.h>
#include <string.h>

#include "CKernels.h"
#include "sum_avx2.h"

static void ternary_dot(const uint8_t *codes, size_t n, size_t rows, const int8_t *x, int32_t x_sum, int32_t *out) {
  const __m256i mask = _mm256_set1_epi8(3);
  for (size_t r = 0; r < rows; r++) {
    const uint8_t *row = codes + r * (n / 4);
    // Four chains hide the latency of a product.
    __m256i sum0 = _mm256_setzero_si256(), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    for (size_t i = 0; i < n; i += CK_TERNARY_BLOCK) {
      const __m256i packed = _mm256_loadu_si256((const __m256i *)(row + i / 4));
      const __m256i *input = (const __m256i *)(x + i);
      const __m256i c0 = _mm256_and_si256(_mm256_srli_epi16(packed, 6), mask);
      const __m256i c1 = _mm256_and_si256(_mm256_srli_epi16(packed, 4), mask);
      const __m256i c2 = _mm256_and_si256(_mm256_srli_epi16(packed, 2), mask);
      const __m256i c3 = _mm256_and_si256(packed, mask);
      sum0 = _mm256_dpbusd_avx_epi32(sum0, c0, _mm256_loadu_si256(input));
      sum1 = _mm256_dpbusd_avx_epi32(sum1, c1, _mm256_loadu_si256(input + 1));
      sum2 = _mm256_dpbusd_avx_epi32(sum2, c2, _mm256_loadu_si256(input + 2));
      sum3 = _mm256_dpbusd_avx_epi32(sum3, c3, _mm256_loadu_si256(input + 3));
    }
    out[r] = sum_epi32(_mm256_add_epi32(_mm256_add_epi32(sum0, sum1), _mm256_add_epi32(sum2, sum3))) - x_sum;
  }
}

typedef __m256i tile_sums;

CK_INLINE tile_sums tile_dot(tile_sums sums, const uint8_t *codes, const int8_t *x) {
  return _mm256_dpbusd_avx_epi32(sums, _mm256_loadu_si256((const __m256i *)codes),
                                 _mm256_loadu_si256((const __m256i *)x));
}

CK_INLINE int32_t tile_total(tile_sums sums) { return sum_epi32(sums); }

// 12 sums, which leave four registers for the codes; the activations come from memory.
#define CK_TILE_STEP 32
#define CK_TILE_ROWS 4
#define CK_TILE_TOKENS 3
#include "packed_body.h"

// For the table in kernels_avx2.c.
void ck_packed_product_avxvnni(const uint8_t *codes, size_t n, size_t rows, const ck_activations *x, float scale,
                               float *out, size_t out_stride, uint8_t *tile) {
  ck_packed_product(codes, n, rows, x, scale, out, out_stride, tile);
}

#pragma clang attribute pop
#endif
