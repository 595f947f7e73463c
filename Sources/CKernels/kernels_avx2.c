#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define CK_BLOCK_ROWS 2
#define CK_BLOCK_TOKENS 2
#define CK_HAS_F16C
#define CK_ATTEND_SUMS 4
#include "float_body.h"

#include "sum_avx2.h"

static void ternary_dot(const uint8_t *codes, size_t n, size_t rows, const int8_t *x, int32_t x_sum, int32_t *out) {
  const __m256i mask = _mm256_set1_epi8(3), ones = _mm256_set1_epi16(1);
  for (size_t r = 0; r < rows; r++) {
    const uint8_t *row = codes + r * (n / 4);
    __m256i sum = _mm256_setzero_si256();
    for (size_t i = 0; i < n; i += CK_TERNARY_BLOCK) {
      const __m256i packed = _mm256_loadu_si256((const __m256i *)(row + i / 4));
      const __m256i *input = (const __m256i *)(x + i);
      __m256i c0 = _mm256_and_si256(_mm256_srli_epi16(packed, 6), mask);
      __m256i c1 = _mm256_and_si256(_mm256_srli_epi16(packed, 4), mask);
      __m256i c2 = _mm256_and_si256(_mm256_srli_epi16(packed, 2), mask);
      __m256i c3 = _mm256_and_si256(packed, mask);
      // A pair reaches 2 * 3 * 128 = 768 and four of them 3072: far from the end of 16 bits, so that widening once a
      // block is exact. Accumulating 16-bit sums over many blocks is not.
      __m256i pairs = _mm256_maddubs_epi16(c0, _mm256_loadu_si256(input));
      pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(c1, _mm256_loadu_si256(input + 1)));
      pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(c2, _mm256_loadu_si256(input + 2)));
      pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(c3, _mm256_loadu_si256(input + 3)));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    }
    out[r] = sum_epi32(sum) - x_sum;
  }
}

typedef __m256i tile_sums;

CK_INLINE tile_sums tile_dot(tile_sums sums, const uint8_t *codes, const int8_t *x) {
  // As in ternary_dot: four pairs fit 16 bits, many do not.
  __m256i pairs = _mm256_setzero_si256();
#pragma clang loop unroll(full)
  for (int v = 0; v < 4; v++)
    pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(_mm256_loadu_si256((const __m256i *)codes + v),
                                                         _mm256_loadu_si256((const __m256i *)x + v)));
  return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

CK_INLINE int32_t tile_total(tile_sums sums) { return sum_epi32(sums); }

#define CK_TILE_STEP 128
#define CK_TILE_ROWS 2
#define CK_TILE_TOKENS 2
#include "packed_body.h"

static void ternary_decode(const uint8_t *codes, size_t n, float *out) {
  const __m256i mask = _mm256_set1_epi32(3);
  const __m256 one = _mm256_set1_ps(1.0f);
  for (size_t b = 0; b < n / CK_TERNARY_BLOCK; b++, codes += 32, out += CK_TERNARY_BLOCK)
    for (size_t p = 0; p < 32; p += 8) {
      __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(codes + p)));
      for (int group = 0; group < 4; group++) {
        __m256i code = _mm256_and_si256(_mm256_srli_epi32(bytes, 6 - 2 * group), mask);
        _mm256_storeu_ps(out + 32 * group + p, _mm256_sub_ps(_mm256_cvtepi32_ps(code), one));
      }
    }
}

static float quantize(const float *x, size_t n, int8_t *out, int32_t *sum) {
  const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  __m256 largest = _mm256_set1_ps(1e-5f);
  size_t i = 0;
  for (; i + 8 <= n; i += 8)
    largest = _mm256_max_ps(_mm256_and_ps(_mm256_loadu_ps(x + i), magnitude), largest);
  float lanes[8];
  _mm256_storeu_ps(lanes, largest);
  float most = lanes[0];
  for (int l = 1; l < 8; l++)
    most = lanes[l] > most ? lanes[l] : most;
  for (; i < n; i++)
    most = fabsf(x[i]) > most ? fabsf(x[i]) : most;

  const float scale = most / 127.0f;
  const __m256 divisor = _mm256_set1_ps(scale);
  const __m256 low = _mm256_set1_ps(-128.0f), high = _mm256_set1_ps(127.0f);
  __m256i total = _mm256_setzero_si256();
  for (i = 0; i + 8 <= n; i += 8) {
    // The maximum comes first and has the number second, so that "not a number" becomes -128.
    __m256 q = _mm256_min_ps(_mm256_max_ps(_mm256_div_ps(_mm256_loadu_ps(x + i), divisor), low), high);
    __m256i integers = _mm256_cvtps_epi32(q);
    total = _mm256_add_epi32(total, integers);
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(integers), _mm256_extracti128_si256(integers, 1));
    _mm_storel_epi64((__m128i *)(out + i), _mm_packs_epi16(words, words));
  }
  int32_t rest = 0;
  for (; i < n; i++) {
    out[i] = ck_to_int8(x[i], scale);
    rest += out[i];
  }
  *sum = sum_epi32(total) + rest;
  return scale;
}

// Both are widened to 16 bits: a product of bytes and its neighbour's would not fit them.
CK_INLINE void split_sums(const int8_t *codes, size_t n, size_t rows, const ck_split *x, size_t first, size_t tokens,
                          int32_t *high, int32_t *low) {
  __m256i highs[8], lows[8];
#pragma clang loop unroll(full)
  for (size_t k = 0; k < rows * tokens; k++)
    highs[k] = lows[k] = _mm256_setzero_si256();
  for (size_t i = 0; i < n; i += 16) {
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
      const __m256i w = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(codes + r * n + i)));
#pragma clang loop unroll(full)
      for (size_t t = 0; t < tokens; t++) {
        const size_t at = (first + t) * x->stride + i, k = r * tokens + t;
        const __m256i h = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(x->high + at)));
        const __m256i l = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(x->low + at)));
        highs[k] = _mm256_add_epi32(highs[k], _mm256_madd_epi16(w, h));
        lows[k] = _mm256_add_epi32(lows[k], _mm256_madd_epi16(w, l));
      }
    }
  }
#pragma clang loop unroll(full)
  for (size_t k = 0; k < rows * tokens; k++) {
    high[k] = sum_epi32(highs[k]);
    low[k] = sum_epi32(lows[k]);
  }
}

#include "int8_product_body.h"

// In a file of its own, since it needs more than AVX2.
void ck_packed_product_avxvnni(const uint8_t *codes, size_t n, size_t rows, const ck_activations *x, float scale,
                               float *out, size_t out_stride, uint8_t *tile);

#define COMMON                                                                                                         \
  CK_FLOAT_KERNELS, .ternary_decode = ternary_decode, .quantize = quantize, .int8_product = int8_product

const ck_kernels ck_kernels_avx2 = {COMMON, .packed_product = ck_packed_product};
const ck_kernels ck_kernels_avxvnni = {COMMON, .packed_product = ck_packed_product_avxvnni};

#pragma clang attribute pop
#endif
