// Products of many tokens with packed trits by the product of 2 x 8 by 8 x 2 bytes (ARMv8.6, I8MM): twice the work of a
// dot product in an instruction. All sums are exact integers.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "CKernels.h"

#pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)

CK_INLINE int8x16_t zip_low(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s64(vzip1q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}

CK_INLINE int8x16_t zip_high(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s64(vzip2q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}

CK_INLINE void store_pair(uint8x16_t a, uint8x16_t b, int8_t *out) {
  const uint8x16_t mask = vdupq_n_u8(3);
  const int8x16_t x = vreinterpretq_s8_u8(vandq_u8(a, mask)), y = vreinterpretq_s8_u8(vandq_u8(b, mask));
  vst1q_s8(out, zip_low(x, y));
  vst1q_s8(out + 16, zip_high(x, y));
}

// Two rows as bytes, eight of one and eight of the other by turns.
static void unpack_pair(const uint8_t *a, const uint8_t *b, size_t n, int8_t *out) {
  for (size_t i = 0; i < n; i += CK_TERNARY_BLOCK, a += 32, b += 32, out += 2 * CK_TERNARY_BLOCK)
    for (size_t p = 0; p < 32; p += 16) {
      const uint8x16_t x = vld1q_u8(a + p), y = vld1q_u8(b + p);
      store_pair(vshrq_n_u8(x, 6), vshrq_n_u8(y, 6), out + 2 * p);
      store_pair(vshrq_n_u8(x, 4), vshrq_n_u8(y, 4), out + 2 * (p + 32));
      store_pair(vshrq_n_u8(x, 2), vshrq_n_u8(y, 2), out + 2 * (p + 64));
      store_pair(x, y, out + 2 * (p + 96));
    }
}

// 16 sums of 2 tokens x 2 rows, eight vectors of activations, and the codes as they come.
#define PAIRS 4

// Four pairs of rows, 2 n bytes apart, against up to `pairs` (a constant where this is inlined) pairs of tokens. Of the
// rows, `rows` are wanted, of the tokens, `tokens`; what is missing is computed from others and thrown away.
CK_INLINE void pairs_product(const int8_t *tile, size_t n, size_t rows, const ck_activations *x, size_t first,
                             size_t tokens, size_t pairs, float scale, float *out, size_t out_stride) {
  int32x4_t sums[PAIRS][PAIRS];
  const int8_t *input[2 * PAIRS];
#pragma clang loop unroll(full)
  for (size_t t = 0; t < 2 * pairs; t++)
    input[t] = x->codes + (first + (t < tokens ? t : tokens - 1)) * x->stride;
#pragma clang loop unroll(full)
  for (size_t r = 0; r < PAIRS; r++)
#pragma clang loop unroll(full)
    for (size_t t = 0; t < pairs; t++)
      sums[r][t] = vdupq_n_s32(0);
  for (size_t i = 0; i < n; i += 16) {
    int8x16_t low[PAIRS], high[PAIRS];
#pragma clang loop unroll(full)
    for (size_t t = 0; t < pairs; t++) {
      const int8x16_t a = vld1q_s8(input[2 * t] + i), b = vld1q_s8(input[2 * t + 1] + i);
      low[t] = zip_low(a, b);
      high[t] = zip_high(a, b);
    }
#pragma clang loop unroll(full)
    for (size_t r = 0; r < PAIRS; r++) {
      const int8_t *codes = tile + 2 * (r * n + i);
      const int8x16_t w0 = vld1q_s8(codes), w1 = vld1q_s8(codes + 16);
#pragma clang loop unroll(full)
      for (size_t t = 0; t < pairs; t++) {
        sums[r][t] = vmmlaq_s32(sums[r][t], low[t], w0);
        sums[r][t] = vmmlaq_s32(sums[r][t], high[t], w1);
      }
    }
  }
#pragma clang loop unroll(full)
  for (size_t r = 0; r < PAIRS; r++)
#pragma clang loop unroll(full)
    for (size_t t = 0; t < pairs; t++) {
      int32_t four[4];
      vst1q_s32(four, sums[r][t]);
      for (size_t k = 0; k < 4; k++) {
        const size_t token = 2 * t + k / 2, row = 2 * r + k % 2;
        if (token < tokens && row < rows)
          out[token * out_stride + row] =
              (float)(four[k] - x->sums[first + token]) * (scale * x->scales[first + token]);
      }
    }
}

// For the table in kernels_neon.c; for more than CK_PACKED_FEW tokens.
void ck_packed_tiles_i8mm(const uint8_t *codes, size_t n, size_t rows, const ck_activations *x, float scale, float *out,
                          size_t out_stride, uint8_t *tile) {
  for (size_t r = 0; r < rows; r += CK_PACKED_ROWS) {
    const size_t height = rows - r < CK_PACKED_ROWS ? rows - r : CK_PACKED_ROWS;
    int8_t *unpacked = (int8_t *)tile;
    for (size_t k = 0; k < CK_PACKED_ROWS; k += 2) {
      const size_t a = k < height ? k : height - 1, b = k + 1 < height ? k + 1 : height - 1;
      unpack_pair(codes + (r + a) * (n / 4), codes + (r + b) * (n / 4), n, unpacked + k * n);
    }
    for (size_t t = 0; t < x->tokens; t += 2 * PAIRS)
      for (size_t k = 0; k < height; k += 2 * PAIRS) {
        const size_t left = x->tokens - t;
        float *target = out + t * out_stride + r + k;
        if (left > 4)
          pairs_product(unpacked + k * n, n, height - k, x, t, left, 4, scale, target, out_stride);
        else if (left > 2)
          pairs_product(unpacked + k * n, n, height - k, x, t, left, 2, scale, target, out_stride);
        else
          pairs_product(unpacked + k * n, n, height - k, x, t, left, 1, scale, target, out_stride);
      }
  }
}

#pragma clang attribute pop
#endif
