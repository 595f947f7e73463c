// Products with the interleaved ternary layout, 1.67 bits per weight.
//
// Rows come in groups of 16, inputs in groups of 12; each pair of groups is 40 bytes that hold 64 codes of 5 bits, eight
// codes to five bytes, lowest bits first. Code 4 * r + i belongs to row r of the group and holds three weights, the
// inputs i, 4 + i and 8 + i of the group, as (w0 + 1) + 3 * (w1 + 1) + 9 * (w2 + 1).
//
// So a look-up of the 64 codes gives a vector of 16 rows x 4 consecutive inputs: just what vpdpbusd multiplies with
// four activations broadcast to all rows. No sum crosses lanes.
#if defined(__x86_64__)
#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx2,fma"))), apply_to = function)

#include <immintrin.h>
#include <string.h>

#include "CKernels.h"

#define INLINE static inline __attribute__((always_inline))

#define CODES8(a, b, c, d, e, f, g, h)                                                                                 \
  (a) | (b) << 8 | (c) << 16 | (d) << 24 | (long long)(e) << 32 | (long long)(f) << 40 | (long long)(g) << 48 |       \
      (long long)(h) << 56

typedef struct {
  __m512i first, second, third; // weight + 1 by code; bit 5 of a code belongs to its neighbour and is ignored
  __m512i spread;               // byte 8q + b of a vector takes byte 5q + b of the 40
  __m512i shifts;               // byte l of a quadword takes the bits from 5l on
} decoder;

INLINE decoder make_decoder(void) {
  uint8_t digit[3][64], spread[64];
  for (int i = 0; i < 64; i++) {
    int code = i & 31;
    digit[0][i] = (uint8_t)(code % 3);
    digit[1][i] = (uint8_t)(code / 3 % 3);
    digit[2][i] = (uint8_t)(code / 9 % 3);
    spread[i] = (uint8_t)(i / 8 * 5 + (i % 8 < 5 ? i % 8 : 4));
  }
  return (decoder){
      .first = _mm512_loadu_si512(digit[0]),
      .second = _mm512_loadu_si512(digit[1]),
      .third = _mm512_loadu_si512(digit[2]),
      .spread = _mm512_loadu_si512(spread),
      .shifts = _mm512_set1_epi64(CODES8(0, 5, 10, 15, 20, 25, 30, 35LL)),
  };
}

INLINE __m512i load_codes(const decoder *d, const uint8_t *block) {
  return _mm512_multishift_epi64_epi8(d->shifts, _mm512_permutexvar_epi8(d->spread, _mm512_loadu_si512(block)));
}

INLINE __m512i broadcast4(const int8_t *x) {
  int32_t four;
  memcpy(&four, x, 4);
  return _mm512_set1_epi32(four);
}

// One group of rows against `tokens` activations, decoded in registers.
INLINE void group_product(const decoder *d, const uint8_t *block, size_t blocks, const int8_t *x, size_t x_stride,
                          int tokens, __m512i *sums) {
  __m512i acc[3][8];
  for (int t = 0; t < tokens; t++)
    acc[0][t] = acc[1][t] = acc[2][t] = _mm512_setzero_si512();
  for (size_t j = 0; j < blocks; j++, block += CK_INTERLEAVED_BYTES, x += CK_INTERLEAVED_INPUTS) {
    // The stream is longer than the hardware's prefetcher looks ahead.
    _mm_prefetch((const char *)block + 4096, _MM_HINT_T0);
    const __m512i codes = load_codes(d, block);
    const __m512i w0 = _mm512_permutexvar_epi8(codes, d->first);
    const __m512i w1 = _mm512_permutexvar_epi8(codes, d->second);
    const __m512i w2 = _mm512_permutexvar_epi8(codes, d->third);
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) {
      const int8_t *input = x + (size_t)t * x_stride;
      acc[0][t] = _mm512_dpbusd_epi32(acc[0][t], w0, broadcast4(input));
      acc[1][t] = _mm512_dpbusd_epi32(acc[1][t], w1, broadcast4(input + 4));
      acc[2][t] = _mm512_dpbusd_epi32(acc[2][t], w2, broadcast4(input + 8));
    }
  }
  for (int t = 0; t < tokens; t++)
    sums[t] = _mm512_add_epi32(_mm512_add_epi32(acc[0][t], acc[1][t]), acc[2][t]);
}

INLINE void store_scaled(__m512i sum, int32_t x_sum, float factor, size_t rows, float *out) {
  const __mmask16 valid = rows >= 16 ? 0xffff : (__mmask16)((1u << rows) - 1);
  const __m512 value = _mm512_cvtepi32_ps(_mm512_sub_epi32(sum, _mm512_set1_epi32(x_sum)));
  _mm512_mask_storeu_ps(out, valid, _mm512_mul_ps(value, _mm512_set1_ps(factor)));
}

#define FEW(T)                                                                                                         \
  static void few_##T(const uint8_t *codes, size_t blocks, size_t rows, const ck_activations *x, size_t first,         \
                      float scale, float *out, size_t out_stride) {                                                    \
    const decoder d = make_decoder();                                                                                  \
    for (size_t r = 0; r < rows; r += 16, codes += blocks * CK_INTERLEAVED_BYTES) {                                    \
      __m512i sums[T];                                                                                                 \
      group_product(&d, codes, blocks, x->codes + first * x->stride, x->stride, T, sums);                              \
      for (int t = 0; t < T; t++)                                                                                      \
        store_scaled(sums[t], x->sums[first + t], scale * x->scales[first + t], rows - r,                              \
                     out + (first + t) * out_stride + r);                                                              \
    }                                                                                                                  \
  }
FEW(1)
FEW(2)
FEW(3)
FEW(4)
FEW(5)
FEW(6)
FEW(7)
FEW(8)

// Four groups of decoded rows against six tokens: 24 sums stay in registers, every load serves four or six products.
#define TILE_GROUPS 4
#define TILE_TOKENS 6

INLINE void tile_product(const uint8_t *tile, size_t quads, const ck_activations *x, size_t first, int tokens,
                         size_t rows, float scale, float *out, size_t out_stride) {
  __m512i acc[TILE_GROUPS][TILE_TOKENS];
  for (int g = 0; g < TILE_GROUPS; g++)
    for (int t = 0; t < tokens; t++)
      acc[g][t] = _mm512_setzero_si512();
  const int8_t *input = x->codes + first * x->stride;
  for (size_t k = 0; k < quads; k++, tile += 64 * TILE_GROUPS, input += 4) {
    const __m512i w0 = _mm512_load_si512(tile), w1 = _mm512_load_si512(tile + 64);
    const __m512i w2 = _mm512_load_si512(tile + 128), w3 = _mm512_load_si512(tile + 192);
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) {
      const __m512i four = broadcast4(input + (size_t)t * x->stride);
      acc[0][t] = _mm512_dpbusd_epi32(acc[0][t], w0, four);
      acc[1][t] = _mm512_dpbusd_epi32(acc[1][t], w1, four);
      acc[2][t] = _mm512_dpbusd_epi32(acc[2][t], w2, four);
      acc[3][t] = _mm512_dpbusd_epi32(acc[3][t], w3, four);
    }
  }
  for (int g = 0; g < TILE_GROUPS; g++)
    for (int t = 0; t < tokens; t++)
      if (rows > (size_t)g * 16)
        store_scaled(acc[g][t], x->sums[first + t], scale * x->scales[first + t], rows - (size_t)g * 16,
                     out + (first + t) * out_stride + g * 16);
}

// Decodes up to four groups of rows to bytes: for each four inputs, 64 bytes per group.
static void decode_tile(const uint8_t *codes, size_t blocks, size_t groups, uint8_t *tile) {
  const decoder d = make_decoder();
  for (size_t g = 0; g < TILE_GROUPS; g++) {
    uint8_t *target = tile + 64 * g;
    const uint8_t *block = codes + g * blocks * CK_INTERLEAVED_BYTES;
    for (size_t j = 0; j < blocks; j++, target += 3 * 64 * TILE_GROUPS) {
      if (g >= groups) {
        for (int v = 0; v < 3; v++)
          _mm512_store_si512(target + v * 64 * TILE_GROUPS, _mm512_setzero_si512());
        continue;
      }
      const __m512i c = load_codes(&d, block + j * CK_INTERLEAVED_BYTES);
      _mm512_store_si512(target, _mm512_permutexvar_epi8(c, d.first));
      _mm512_store_si512(target + 64 * TILE_GROUPS, _mm512_permutexvar_epi8(c, d.second));
      _mm512_store_si512(target + 128 * TILE_GROUPS, _mm512_permutexvar_epi8(c, d.third));
    }
  }
}

static void many(const uint8_t *codes, size_t blocks, size_t rows, const ck_activations *x, float scale, float *out,
                 size_t out_stride, uint8_t *tile) {
  for (size_t r = 0; r < rows; r += 16 * TILE_GROUPS) {
    const size_t left = rows - r;
    decode_tile(codes + r / 16 * blocks * CK_INTERLEAVED_BYTES, blocks, (left + 15) / 16, tile);
    size_t t = 0;
    for (; t + TILE_TOKENS <= x->tokens; t += TILE_TOKENS)
      tile_product(tile, blocks * 3, x, t, TILE_TOKENS, left, scale, out + r, out_stride);
    switch (x->tokens - t) {
    case 5: tile_product(tile, blocks * 3, x, t, 5, left, scale, out + r, out_stride); break;
    case 4: tile_product(tile, blocks * 3, x, t, 4, left, scale, out + r, out_stride); break;
    case 3: tile_product(tile, blocks * 3, x, t, 3, left, scale, out + r, out_stride); break;
    case 2: tile_product(tile, blocks * 3, x, t, 2, left, scale, out + r, out_stride); break;
    case 1: tile_product(tile, blocks * 3, x, t, 1, left, scale, out + r, out_stride); break;
    default: break;
    }
  }
}

void ck_interleaved_product_avx512vbmi(const uint8_t *codes, size_t blocks, size_t rows, const ck_activations *x,
                                       float scale, float *out, size_t out_stride, uint8_t *tile) {
  switch (x->tokens) {
  case 1: few_1(codes, blocks, rows, x, 0, scale, out, out_stride); return;
  case 2: few_2(codes, blocks, rows, x, 0, scale, out, out_stride); return;
  case 3: few_3(codes, blocks, rows, x, 0, scale, out, out_stride); return;
  case 4: few_4(codes, blocks, rows, x, 0, scale, out, out_stride); return;
  case 5: few_5(codes, blocks, rows, x, 0, scale, out, out_stride); return;
  case 6: few_6(codes, blocks, rows, x, 0, scale, out, out_stride); return;
  case 7: few_7(codes, blocks, rows, x, 0, scale, out, out_stride); return;
  case 8: few_8(codes, blocks, rows, x, 0, scale, out, out_stride); return;
  default: many(codes, blocks, rows, x, scale, out, out_stride, tile);
  }
}

#pragma clang attribute pop
#endif
