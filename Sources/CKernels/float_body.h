// The float kernels, written once on vectors of 16 lanes and compiled once per instruction set by the files that include
// this one. The compiler lowers a 16-lane vector to what the target has; since the lanes, the fused multiply-adds and the
// order of the final reduction are spelled out here, every instruction set gives the same bits.
//
// The order of a sum over n elements: 32 accumulators, accumulator l takes the elements i = l mod 32 in order by fused
// multiply-add; then lanes l and l + 16, l + 8, l + 4, l + 2, l + 1 are added pairwise; then the last n mod 32 elements
// follow one by one.

#include <math.h>
#include <string.h>

#include "CKernels.h"

// Every helper that takes or returns a vector is inlined, so no calling convention is at stake.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float v16 __attribute__((vector_size(64)));
typedef float v8 __attribute__((vector_size(32)));
typedef float v4 __attribute__((vector_size(16)));

CK_INLINE v16 ck_load(const float *p) {
  v16 v;
  memcpy(&v, p, sizeof v);
  return v;
}

CK_INLINE void ck_store(float *p, v16 v) { memcpy(p, &v, sizeof v); }

CK_INLINE v16 ck_splat(float x) { return (v16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }

// clamp(round(x / scale), -128, 127), half to even. Not a number compares false and becomes -128, as the vector
// conversions make it.
CK_INLINE int8_t ck_to_int8(float x, float scale) {
  float q = rintf(x / scale);
  q = q >= -128.0f ? q : -128.0f;
  q = q <= 127.0f ? q : 127.0f;
  return (int8_t)q;
}

CK_INLINE float ck_sum(v16 v) {
  v8 a = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
         __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  v4 b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
  return (b[0] + b[2]) + (b[1] + b[3]);
}

CK_INLINE float ck_dot1(const float *a, const float *b, size_t n) {
  v16 even = {0}, odd = {0};
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    even = __builtin_elementwise_fma(ck_load(a + i), ck_load(b + i), even);
    odd = __builtin_elementwise_fma(ck_load(a + i + 16), ck_load(b + i + 16), odd);
  }
  float sum = ck_sum(even + odd);
  for (; i < n; i++)
    sum = __builtin_fmaf(a[i], b[i], sum);
  return sum;
}

// A few rows against a few tokens: the sums stay in registers, and each load serves several products. `CK_BLOCK_ROWS`
// and `CK_BLOCK_TOKENS` are set by the including file to what its registers hold.
CK_INLINE void ck_block(const float *w, size_t n, size_t rows, const float *x, size_t x_stride, size_t tokens,
                        float *out, size_t out_stride) {
  v16 even[CK_BLOCK_ROWS][CK_BLOCK_TOKENS], odd[CK_BLOCK_ROWS][CK_BLOCK_TOKENS];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t t = 0; t < tokens; t++)
      even[r][t] = odd[r][t] = (v16){0};
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
#pragma clang loop unroll(full)
    for (size_t t = 0; t < tokens; t++) {
      const v16 a = ck_load(x + t * x_stride + i), b = ck_load(x + t * x_stride + i + 16);
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        even[r][t] = __builtin_elementwise_fma(ck_load(w + r * n + i), a, even[r][t]);
        odd[r][t] = __builtin_elementwise_fma(ck_load(w + r * n + i + 16), b, odd[r][t]);
      }
    }
  }
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t t = 0; t < tokens; t++) {
      float sum = ck_sum(even[r][t] + odd[r][t]);
      for (size_t k = i; k < n; k++)
        sum = __builtin_fmaf(w[r * n + k], x[t * x_stride + k], sum);
      out[t * out_stride + r] = sum;
    }
}

static void ck_dot(const float *w, size_t n, size_t rows, const float *x, size_t x_stride, size_t tokens, float *out,
                   size_t out_stride) {
  for (size_t r = 0; r < rows;) {
    const size_t height = rows - r >= CK_BLOCK_ROWS ? CK_BLOCK_ROWS : 1;
    size_t t = 0;
    for (; t + CK_BLOCK_TOKENS <= tokens; t += CK_BLOCK_TOKENS)
      if (height == CK_BLOCK_ROWS)
        ck_block(w + r * n, n, CK_BLOCK_ROWS, x + t * x_stride, x_stride, CK_BLOCK_TOKENS, out + t * out_stride + r,
                 out_stride);
      else
        ck_block(w + r * n, n, 1, x + t * x_stride, x_stride, CK_BLOCK_TOKENS, out + t * out_stride + r, out_stride);
    for (; t < tokens; t++)
      if (height == CK_BLOCK_ROWS)
        ck_block(w + r * n, n, CK_BLOCK_ROWS, x + t * x_stride, x_stride, 1, out + t * out_stride + r, out_stride);
      else
        ck_block(w + r * n, n, 1, x + t * x_stride, x_stride, 1, out + t * out_stride + r, out_stride);
    r += height;
  }
}

typedef signed char b16 __attribute__((vector_size(16)));

CK_INLINE v16 ck_widen(const int8_t *p) {
  b16 v;
  memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, v16);
}

static void ck_rms_norm(const float *x, const float *weight, size_t n, float epsilon, float *out) {
  float scale = 1.0f / sqrtf(ck_dot1(x, x, n) / (float)n + epsilon);
  for (size_t i = 0; i < n; i++)
    out[i] = x[i] * scale * weight[i];
}

static void ck_add(float *x, const float *y, size_t n) {
  for (size_t i = 0; i < n; i++)
    x[i] += y[i];
}

static void ck_to_f16(const float *x, size_t n, uint16_t *out) {
  size_t i = 0;
#ifdef CK_HAS_F16C
  typedef _Float16 h16 __attribute__((vector_size(32)));
  for (; i + 16 <= n; i += 16) {
    h16 v = __builtin_convertvector(ck_load(x + i), h16);
    memcpy(out + i, &v, sizeof v);
  }
#endif
  for (; i < n; i++)
    out[i] = ck_f32_to_f16(x[i]);
}

typedef int32_t i16 __attribute__((vector_size(64)));

// a where the mask's lanes are all ones, b where they are zero.
CK_INLINE v16 ck_select(i16 mask, v16 a, v16 b) { return (v16)((mask & (i16)a) | (~mask & (i16)b)); }

// exp(x) for x <= 0, within 2 units in the last place, 0 below -87. Written out, because a library's exponential differs
// between machines: x = n ln 2 + r, exp(r) by its Taylor polynomial of degree 7 on |r| <= ln(2) / 2, 2^n by its exponent.
CK_INLINE v16 ck_exp(v16 x) {
  const float log2e = 1.44269504f, ln2_high = 0.693145752f, ln2_low = 1.42860677e-6f;
  // Adding and subtracting 1.5 * 2^23 rounds to an integer, half to even, and leaves it in the low bits.
  const float shifter = 12582912.0f;
  v16 shifted = x * log2e + shifter;
  v16 n = shifted - shifter;
  v16 r = __builtin_elementwise_fma(n, ck_splat(-ln2_high), x);
  r = __builtin_elementwise_fma(n, ck_splat(-ln2_low), r);
  v16 p = ck_splat(1.98412698e-4f);
  p = __builtin_elementwise_fma(p, r, ck_splat(1.38888889e-3f));
  p = __builtin_elementwise_fma(p, r, ck_splat(8.33333333e-3f));
  p = __builtin_elementwise_fma(p, r, ck_splat(4.16666667e-2f));
  p = __builtin_elementwise_fma(p, r, ck_splat(1.66666667e-1f));
  p = __builtin_elementwise_fma(p, r, ck_splat(0.5f));
  p = __builtin_elementwise_fma(p, r, ck_splat(1.0f));
  p = __builtin_elementwise_fma(p, r, ck_splat(1.0f));
  v16 result = (v16)((i16)p + ((i16)shifted << 23));
  const i16 is_kept = x >= -87.0f;
  return (v16)((i16)result & is_kept);
}

// gate = act(gate) * up.
static void ck_silu_gate(float *gate, const float *up, size_t n) {
  for (size_t i = 0; i < n; i += 16) {
    float a[16] = {0}, b[16] = {0};
    const size_t count = n - i < 16 ? n - i : 16;
    memcpy(a, gate + i, count * sizeof(float));
    memcpy(b, up + i, count * sizeof(float));
    // With e = exp(-|z|), sigmoid(z) is 1 / (1 + e) for z >= 0 and e / (1 + e) below: no exponential overflows.
    const v16 z = ck_load(a);
    const v16 magnitude = ck_select(z < 0, (v16){0} - z, z);
    const v16 e = ck_exp((v16){0} - magnitude);
    const v16 numerator = ck_select(z < 0, e, ck_splat(1.0f));
    ck_store(a, z * (numerator / (1.0f + e)) * ck_load(b));
    memcpy(gate + i, a, count * sizeof(float));
  }
}

static void ck_relu2_gate(float *gate, const float *up, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const float z = gate[i] > 0 ? gate[i] : 0;
    gate[i] = z * z * up[i];
  }
}

#include "encoded_rows_body.h"

#include "attention_body.h"

#include "training_body.h"

// The members of the table that are written here.
#define CK_FLOAT_KERNELS                                                                                               \
  .dot = ck_dot, .row_dot_f16 = ck_row_dot_f16, .row_dot_bf16 = ck_row_dot_bf16, .row_dot_q4_0 = ck_row_dot_q4_0,      \
  .row_dot_q4_1 = ck_row_dot_q4_1, .row_dot_q5_0 = ck_row_dot_q5_0, .row_dot_q5_1 = ck_row_dot_q5_1,                   \
  .row_dot_q8_0 = ck_row_dot_q8_0, .row_dot_q4_k = ck_row_dot_q4_k, .row_dot_q5_k = ck_row_dot_q5_k,                   \
  .row_dot_q6_k = ck_row_dot_q6_k, .rms_norm = ck_rms_norm, .add = ck_add,                                              \
  .attend = ck_attend, .attend_merge = ck_attend_merge, .to_f16 = ck_to_f16,                                           \
  .silu_gate = ck_silu_gate, .relu2_gate = ck_relu2_gate, CK_TRAINING_KERNELS
