#if defined(__aarch64__)
#include <arm_neon.h>

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

// A vector of 16 lanes takes 4 of the 32 registers. Two rows against one token keep 16 of them as sums, enough chains to
// hide the latency of an addition, and leave room for the inputs that both rows share.
#define CK_BLOCK_ROWS 2
#define CK_BLOCK_TOKENS 1
// The conversions between halves and floats belong to the base instruction set.
#define CK_HAS_F16C
#define CK_ATTEND_SUMS 4
#include "float_body.h"

// A few rows at once share the loads of the inputs; `rows` is a constant where this is inlined. The codes 0 to 3 are
// signed bytes as well, so that the signed product serves, and 32 bits hold every sum.
CK_INLINE void ternary_rows(const uint8_t *codes, size_t n, size_t rows, const int8_t *x, int32_t x_sum, int32_t *out) {
  const uint8x16_t mask = vdupq_n_u8(3);
  int32x4_t sums[4][2];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
    sums[r][0] = sums[r][1] = vdupq_n_s32(0);
  for (size_t i = 0; i < n; i += CK_TERNARY_BLOCK) {
    // Byte p of a block holds the elements p, p + 32, p + 64 and p + 96: half h of its bytes meets the inputs 16 h on.
#pragma clang loop unroll(full)
    for (size_t h = 0; h < 2; h++) {
      const int8_t *input = x + i + 16 * h;
      const int8x16_t x0 = vld1q_s8(input), x1 = vld1q_s8(input + 32);
      const int8x16_t x2 = vld1q_s8(input + 64), x3 = vld1q_s8(input + 96);
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        const uint8x16_t packed = vld1q_u8(codes + r * (n / 4) + i / 4 + 16 * h);
        const uint8x16_t c0 = vshrq_n_u8(packed, 6), c1 = vandq_u8(vshrq_n_u8(packed, 4), mask);
        const uint8x16_t c2 = vandq_u8(vshrq_n_u8(packed, 2), mask), c3 = vandq_u8(packed, mask);
        sums[r][0] = vdotq_s32(sums[r][0], vreinterpretq_s8_u8(c0), x0);
        sums[r][1] = vdotq_s32(sums[r][1], vreinterpretq_s8_u8(c1), x1);
        sums[r][0] = vdotq_s32(sums[r][0], vreinterpretq_s8_u8(c2), x2);
        sums[r][1] = vdotq_s32(sums[r][1], vreinterpretq_s8_u8(c3), x3);
      }
    }
  }
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
    out[r] = vaddvq_s32(vaddq_s32(sums[r][0], sums[r][1])) - x_sum;
}

static void ternary_dot(const uint8_t *codes, size_t n, size_t rows, const int8_t *x, int32_t x_sum, int32_t *out) {
  size_t r = 0;
  for (; r + 4 <= rows; r += 4)
    ternary_rows(codes + r * (n / 4), n, 4, x, x_sum, out + r);
  for (; r < rows; r++)
    ternary_rows(codes + r * (n / 4), n, 1, x, x_sum, out + r);
}

typedef int32x4_t tile_sums;

CK_INLINE tile_sums tile_dot(tile_sums sums, const uint8_t *codes, const int8_t *x) {
  return vdotq_s32(sums, vreinterpretq_s8_u8(vld1q_u8(codes)), vld1q_s8(x));
}

CK_INLINE int32_t tile_total(tile_sums sums) { return vaddvq_s32(sums); }

// 16 sums, and four vectors of either factor.
#define CK_TILE_STEP 16
#define CK_TILE_ROWS 4
#define CK_TILE_TOKENS 4
#include "packed_body.h"

// Sixteen codes, as their value - 1.
CK_INLINE void store_trits(uint8x16_t codes, float *out) {
  const b16 values = (b16)vsubq_s8(vreinterpretq_s8_u8(vandq_u8(codes, vdupq_n_u8(3))), vdupq_n_s8(1));
  ck_store(out, __builtin_convertvector(values, v16));
}

static void ternary_decode(const uint8_t *codes, size_t n, float *out) {
  for (size_t b = 0; b < n / CK_TERNARY_BLOCK; b++, codes += 32, out += CK_TERNARY_BLOCK)
    for (size_t p = 0; p < 32; p += 16) {
      const uint8x16_t packed = vld1q_u8(codes + p);
      store_trits(vshrq_n_u8(packed, 6), out + p);
      store_trits(vshrq_n_u8(packed, 4), out + p + 32);
      store_trits(vshrq_n_u8(packed, 2), out + p + 64);
      store_trits(packed, out + p + 96);
    }
}

CK_INLINE int32x4_t quantize_4(const float *x, float32x4_t scale) {
  const float32x4_t low = vdupq_n_f32(-128.0f), q = vdivq_f32(vld1q_f32(x), scale);
  // Not a number compares false and becomes -128; the conversion, which rounds half to even, would make it 0.
  const float32x4_t clamped = vbslq_f32(vcgeq_f32(q, low), q, low);
  return vcvtnq_s32_f32(vminq_f32(clamped, vdupq_n_f32(127.0f)));
}

static float quantize(const float *x, size_t n, int8_t *out, int32_t *sum) {
  float32x4_t largest = vdupq_n_f32(1e-5f);
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    // Compared and selected, because what is not a number must be passed over, and the instructions for a maximum
    // return it.
    const float32x4_t magnitude = vabsq_f32(vld1q_f32(x + i));
    largest = vbslq_f32(vcgtq_f32(magnitude, largest), magnitude, largest);
  }
  float most = vmaxvq_f32(largest);
  for (; i < n; i++)
    most = fabsf(x[i]) > most ? fabsf(x[i]) : most;

  const float scale = most / 127.0f;
  const float32x4_t divisor = vdupq_n_f32(scale);
  int32x4_t total = vdupq_n_s32(0);
  for (i = 0; i + 16 <= n; i += 16) {
    const int32x4_t a = quantize_4(x + i, divisor), b = quantize_4(x + i + 4, divisor);
    const int32x4_t c = quantize_4(x + i + 8, divisor), d = quantize_4(x + i + 12, divisor);
    total = vaddq_s32(total, vaddq_s32(vaddq_s32(a, b), vaddq_s32(c, d)));
    const int16x8_t low = vcombine_s16(vmovn_s32(a), vmovn_s32(b)), high = vcombine_s16(vmovn_s32(c), vmovn_s32(d));
    vst1q_s8(out + i, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
  }
  int32_t rest = 0;
  for (; i < n; i++) {
    out[i] = ck_to_int8(x[i], scale);
    rest += out[i];
  }
  *sum = vaddvq_s32(total) + rest;
  return scale;
}

CK_INLINE void split_sums(const int8_t *codes, size_t n, size_t rows, const ck_split *x, size_t first, size_t tokens,
                          int32_t *high, int32_t *low) {
  int32x4_t highs[8], lows[8];
#pragma clang loop unroll(full)
  for (size_t k = 0; k < rows * tokens; k++)
    highs[k] = lows[k] = vdupq_n_s32(0);
  for (size_t i = 0; i < n; i += 16) {
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
      const int8x16_t w = vld1q_s8(codes + r * n + i);
#pragma clang loop unroll(full)
      for (size_t t = 0; t < tokens; t++) {
        const size_t at = (first + t) * x->stride + i, k = r * tokens + t;
        highs[k] = vdotq_s32(highs[k], w, vld1q_s8(x->high + at));
        lows[k] = vdotq_s32(lows[k], w, vld1q_s8(x->low + at));
      }
    }
  }
#pragma clang loop unroll(full)
  for (size_t k = 0; k < rows * tokens; k++) {
    high[k] = vaddvq_s32(highs[k]);
    low[k] = vaddvq_s32(lows[k]);
  }
}

#include "int8_product_body.h"

// In a file of its own, since it needs more.
void ck_packed_tiles_i8mm(const uint8_t *codes, size_t n, size_t rows, const ck_activations *x, float scale, float *out,
                          size_t out_stride, uint8_t *tile);

static void packed_product_i8mm(const uint8_t *codes, size_t n, size_t rows, const ck_activations *x, float scale,
                                float *out, size_t out_stride, uint8_t *tile) {
  if (x->tokens > CK_PACKED_FEW)
    ck_packed_tiles_i8mm(codes, n, rows, x, scale, out, out_stride, tile);
  else
    ck_packed_product(codes, n, rows, x, scale, out, out_stride, tile);
}

#define COMMON                                                                                                         \
  CK_FLOAT_KERNELS, .ternary_decode = ternary_decode, .quantize = quantize, .int8_product = int8_product

const ck_kernels ck_kernels_neon = {COMMON, .packed_product = ck_packed_product};
const ck_kernels ck_kernels_neon_i8mm = {COMMON, .packed_product = packed_product_i8mm};

#pragma clang attribute pop
#endif
