#if defined(__x86_64__)
#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"))), apply_to = function)

#define CK_BLOCK_ROWS 4
#define CK_BLOCK_TOKENS 2
#define CK_HAS_F16C
#define CK_ATTEND_SUMS 16
#include "float_body.h"

#include <immintrin.h>

static void ternary_dot(const uint8_t *codes, size_t n, size_t rows, const int8_t *x, int32_t x_sum, int32_t *out) {
  const __m512i mask = _mm512_set1_epi8(3);
  for (size_t r = 0; r < rows; r++) {
    const uint8_t *row = codes + r * (n / 4);
    __m512i sum0 = _mm512_setzero_si512(), sum1 = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i += CK_TERNARY_BLOCK) {
      const __m256i packed = _mm256_loadu_si256((const __m256i *)(row + i / 4));
      // The low half of a vector takes the elements 0-31 (or 64-95), the high half 32-63 (or 96-127).
      const __m512i first = _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_srli_epi16(packed, 6)),
                                               _mm256_srli_epi16(packed, 4), 1);
      const __m512i second =
          _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_srli_epi16(packed, 2)), packed, 1);
      sum0 = _mm512_dpbusd_epi32(sum0, _mm512_and_si512(first, mask), _mm512_loadu_si512(x + i));
      sum1 = _mm512_dpbusd_epi32(sum1, _mm512_and_si512(second, mask), _mm512_loadu_si512(x + i + 64));
    }
    out[r] = _mm512_reduce_add_epi32(_mm512_add_epi32(sum0, sum1)) - x_sum;
  }
}

typedef __m512i tile_sums;

CK_INLINE tile_sums tile_dot(tile_sums sums, const uint8_t *codes, const int8_t *x) {
  return _mm512_dpbusd_epi32(sums, _mm512_loadu_si512(codes), _mm512_loadu_si512(x));
}

CK_INLINE int32_t tile_total(tile_sums sums) { return _mm512_reduce_add_epi32(sums); }

// 24 sums and eight vectors of codes; the activations come from memory.
#define CK_TILE_STEP 64
#define CK_TILE_ROWS 8
#define CK_TILE_TOKENS 3
#include "packed_body.h"

static void ternary_decode(const uint8_t *codes, size_t n, float *out) {
  const __m512i mask = _mm512_set1_epi32(3);
  const __m512 one = _mm512_set1_ps(1.0f);
  for (size_t b = 0; b < n / CK_TERNARY_BLOCK; b++, codes += 32, out += CK_TERNARY_BLOCK)
    for (size_t p = 0; p < 32; p += 16) {
      __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(codes + p)));
      for (unsigned group = 0; group < 4; group++) {
        __m512i code = _mm512_and_si512(_mm512_srli_epi32(bytes, 6 - 2 * group), mask);
        _mm512_storeu_ps(out + 32 * group + p, _mm512_sub_ps(_mm512_cvtepi32_ps(code), one));
      }
    }
}

static float quantize(const float *x, size_t n, int8_t *out, int32_t *sum) {
  __m512 largest = _mm512_set1_ps(1e-5f);
  for (size_t i = 0; i < n; i += 16) {
    __mmask16 valid = n - i >= 16 ? 0xffff : (__mmask16)((1u << (n - i)) - 1);
    largest = _mm512_max_ps(_mm512_abs_ps(_mm512_maskz_loadu_ps(valid, x + i)), largest);
  }
  const float scale = _mm512_reduce_max_ps(largest) / 127.0f;
  const __m512 divisor = _mm512_set1_ps(scale);
  const __m512 low = _mm512_set1_ps(-128.0f), high = _mm512_set1_ps(127.0f);
  __m512i total = _mm512_setzero_si512();
  for (size_t i = 0; i < n; i += 16) {
    __mmask16 valid = n - i >= 16 ? 0xffff : (__mmask16)((1u << (n - i)) - 1);
    // The maximum comes first and has the number second, so that "not a number" becomes -128.
    __m512 q = _mm512_div_ps(_mm512_maskz_loadu_ps(valid, x + i), divisor);
    __m512i integers = _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(q, low), high));
    integers = _mm512_maskz_mov_epi32(valid, integers);
    total = _mm512_add_epi32(total, integers);
    _mm512_mask_cvtepi32_storeu_epi8(out + i, valid, integers);
  }
  *sum = _mm512_reduce_add_epi32(total);
  return scale;
}

// The codes become unsigned by flipping their sign bit, which adds 128 to each: 128 times the sum of the inputs too much.
CK_INLINE void split_sums(const int8_t *codes, size_t n, size_t rows, const ck_split *x, size_t first, size_t tokens,
                          int32_t *high, int32_t *low) {
  const __m512i sign = _mm512_set1_epi8((char)0x80);
  __m512i highs[8], lows[8];
#pragma clang loop unroll(full)
  for (size_t k = 0; k < rows * tokens; k++)
    highs[k] = lows[k] = _mm512_setzero_si512();
  for (size_t i = 0; i < n; i += CK_SPLIT_BLOCK) {
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
      // The same place of the rows that come next, four at a time.
      _mm_prefetch((const char *)codes + (r + 4) * n + i, _MM_HINT_T0);
      const __m512i w = _mm512_xor_si512(_mm512_loadu_si512(codes + r * n + i), sign);
#pragma clang loop unroll(full)
      for (size_t t = 0; t < tokens; t++) {
        const size_t at = (first + t) * x->stride + i, k = r * tokens + t;
        highs[k] = _mm512_dpbusd_epi32(highs[k], w, _mm512_loadu_si512(x->high + at));
        lows[k] = _mm512_dpbusd_epi32(lows[k], w, _mm512_loadu_si512(x->low + at));
      }
    }
  }
#pragma clang loop unroll(full)
  for (size_t k = 0; k < rows * tokens; k++) {
    high[k] = _mm512_reduce_add_epi32(highs[k]) - 128 * x->high_sums[first + k % tokens];
    low[k] = _mm512_reduce_add_epi32(lows[k]) - 128 * x->low_sums[first + k % tokens];
  }
}

#include "int8_product_body.h"

// In a file of its own, since it needs VBMI.
void ck_interleaved_product_avx512vbmi(const uint8_t *codes, size_t blocks, size_t rows, const ck_activations *x,
                                       float scale, float *out, size_t out_stride, uint8_t *tile);

#define COMMON                                                                                                         \
  CK_FLOAT_KERNELS, .packed_product = ck_packed_product, .ternary_decode = ternary_decode, .quantize = quantize, \
  .int8_product = int8_product

const ck_kernels ck_kernels_avx512 = {COMMON};
const ck_kernels ck_kernels_avx512vbmi = {COMMON, .interleaved_product = ck_interleaved_product_avx512vbmi};

#pragma clang attribute pop
#endif
