// Products of float activations with weights in their encoding, compiled once per instruction set: included by
// float_body.h, whose vectors and order of sums these share.

// Products with one row in its encoding, decoded in registers: the values of dequantize.c in the order of ck_dot1. A
// block of 32 elements is just what the two accumulators take.

typedef unsigned char u8x16 __attribute__((vector_size(16)));

CK_INLINE u8x16 ck_load_bytes(const uint8_t *p) {
  u8x16 v;
  memcpy(&v, p, sizeof v);
  return v;
}

CK_INLINE float ck_scale(const uint8_t *half) {
  uint16_t bits;
  memcpy(&bits, half, 2);
  return ck_f16_to_f32(bits);
}

CK_INLINE v16 ck_widen_halves(const uint8_t *p) {
#ifdef CK_HAS_F16C
  typedef _Float16 h16 __attribute__((vector_size(32)));
  h16 v;
  memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, v16);
#else
  v16 v;
  for (int i = 0; i < 16; i++)
    v[i] = ck_scale(p + 2 * i);
  return v;
#endif
}

// The scales at the head of blocks, `per_block` halves each, widened for up to 16 / per_block blocks at once: one by one
// they cost more than the weights.
CK_INLINE void ck_scales(const uint8_t *blocks, size_t block_bytes, size_t count, size_t per_block, float *out) {
  uint8_t halves[32] = {0};
  for (size_t b = 0; b < count; b++)
    memcpy(halves + 2 * per_block * b, blocks + block_bytes * b, 2 * per_block);
  ck_store(out, ck_widen_halves(halves));
}

CK_INLINE void ck_load32_q4_0(const uint8_t *block, const float *scales, v16 *even, v16 *odd) {
  const u8x16 q = ck_load_bytes(block + 2);
  *even = (__builtin_convertvector(q & 15, v16) - 8.0f) * scales[0];
  *odd = (__builtin_convertvector(q >> 4, v16) - 8.0f) * scales[0];
}

CK_INLINE void ck_load32_q4_1(const uint8_t *block, const float *scales, v16 *even, v16 *odd) {
  const u8x16 q = ck_load_bytes(block + 4);
  *even = __builtin_convertvector(q & 15, v16) * scales[0] + scales[1];
  *odd = __builtin_convertvector(q >> 4, v16) * scales[0] + scales[1];
}

// The upper bits of 16 elements, each as 16 or 0.
CK_INLINE u8x16 ck_fifth_bits(const uint8_t *bits) {
  const u8x16 pair = {bits[0], bits[1]}, one = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const u8x16 spread = __builtin_shufflevector(pair, pair, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  return (u8x16)((spread & one) != 0) & 16;
}

CK_INLINE void ck_load32_q5_0(const uint8_t *block, const float *scales, v16 *even, v16 *odd) {
  const u8x16 q = ck_load_bytes(block + 6);
  *even = __builtin_convertvector((b16)(((q & 15) | ck_fifth_bits(block + 2)) - 16), v16) * scales[0];
  *odd = __builtin_convertvector((b16)((q >> 4 | ck_fifth_bits(block + 4)) - 16), v16) * scales[0];
}

CK_INLINE void ck_load32_q5_1(const uint8_t *block, const float *scales, v16 *even, v16 *odd) {
  const u8x16 q = ck_load_bytes(block + 8);
  *even = __builtin_convertvector((q & 15) | ck_fifth_bits(block + 4), v16) * scales[0] + scales[1];
  *odd = __builtin_convertvector(q >> 4 | ck_fifth_bits(block + 6), v16) * scales[0] + scales[1];
}

CK_INLINE void ck_load32_q8_0(const uint8_t *block, const float *scales, v16 *even, v16 *odd) {
  *even = ck_widen((const int8_t *)block + 2) * scales[0];
  *odd = ck_widen((const int8_t *)block + 18) * scales[0];
}

CK_INLINE v16 ck_widen_bf16(const uint8_t *p) {
  typedef uint16_t s16 __attribute__((vector_size(32)));
  typedef uint32_t w16 __attribute__((vector_size(64)));
  s16 v;
  memcpy(&v, p, sizeof v);
  return (v16)(__builtin_convertvector(v, w16) << 16);
}

#define CK_BLOCK_DOT(TYPE, BYTES, SCALES)                                                                              \
  static float ck_row_dot_##TYPE(const uint8_t *row, size_t n, const float *x) {                                       \
    v16 even = {0}, odd = {0};                                                                                         \
    const size_t blocks = n / 32, together = 16 / SCALES;                                                              \
    for (size_t b = 0; b < blocks;) {                                                                                  \
      const size_t count = blocks - b < together ? blocks - b : together;                                              \
      float scales[16];                                                                                                \
      if (count == together)                                                                                           \
        ck_scales(row, BYTES, together, SCALES, scales);                                                               \
      else                                                                                                             \
        ck_scales(row, BYTES, count, SCALES, scales);                                                                  \
      for (size_t k = 0; k < count; k++, row += BYTES, x += 32) {                                                      \
        v16 low, high;                                                                                                 \
        ck_load32_##TYPE(row, scales + SCALES * k, &low, &high);                                                       \
        even = __builtin_elementwise_fma(low, ck_load(x), even);                                                       \
        odd = __builtin_elementwise_fma(high, ck_load(x + 16), odd);                                                   \
      }                                                                                                                \
      b += count;                                                                                                      \
    }                                                                                                                  \
    return ck_sum(even + odd);                                                                                         \
  }

CK_BLOCK_DOT(q4_0, 18, 1)
CK_BLOCK_DOT(q4_1, 20, 2)
CK_BLOCK_DOT(q5_0, 22, 1)
CK_BLOCK_DOT(q5_1, 24, 2)
CK_BLOCK_DOT(q8_0, 34, 1)

#include "kquant_rows_body.h"

#define CK_HALF_DOT(TYPE, WIDEN, DECODE)                                                                               \
  static float ck_row_dot_##TYPE(const uint8_t *row, size_t n, const float *x) {                                       \
    v16 even = {0}, odd = {0};                                                                                         \
    size_t i = 0;                                                                                                      \
    for (; i + 32 <= n; i += 32) {                                                                                     \
      even = __builtin_elementwise_fma(WIDEN(row + 2 * i), ck_load(x + i), even);                                      \
      odd = __builtin_elementwise_fma(WIDEN(row + 2 * i + 32), ck_load(x + i + 16), odd);                              \
    }                                                                                                                  \
    float sum = ck_sum(even + odd);                                                                                    \
    for (; i < n; i++) {                                                                                               \
      float value;                                                                                                     \
      DECODE(row + 2 * i, 1, &value);                                                                                  \
      sum = __builtin_fmaf(value, x[i], sum);                                                                          \
    }                                                                                                                  \
    return sum;                                                                                                        \
  }

CK_HALF_DOT(f16, ck_widen_halves, ck_dequantize_f16)
CK_HALF_DOT(bf16, ck_widen_bf16, ck_dequantize_bf16)
