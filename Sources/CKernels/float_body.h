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

#define CK_INLINE static inline __attribute__((always_inline))

CK_INLINE v16 ck_load(const float *p) {
  v16 v;
  memcpy(&v, p, sizeof v);
  return v;
}

CK_INLINE void ck_store(float *p, v16 v) { memcpy(p, &v, sizeof v); }

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

// Four tokens at a time share the loads of the row and hide the latency of the additions.
CK_INLINE void ck_dot4(const float *row, size_t n, const float *x, size_t stride, float *out, size_t out_stride) {
  const float *x0 = x, *x1 = x + stride, *x2 = x + 2 * stride, *x3 = x + 3 * stride;
  v16 e0 = {0}, e1 = {0}, e2 = {0}, e3 = {0}, o0 = {0}, o1 = {0}, o2 = {0}, o3 = {0};
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    v16 w = ck_load(row + i);
    e0 = __builtin_elementwise_fma(w, ck_load(x0 + i), e0);
    e1 = __builtin_elementwise_fma(w, ck_load(x1 + i), e1);
    e2 = __builtin_elementwise_fma(w, ck_load(x2 + i), e2);
    e3 = __builtin_elementwise_fma(w, ck_load(x3 + i), e3);
    w = ck_load(row + i + 16);
    o0 = __builtin_elementwise_fma(w, ck_load(x0 + i + 16), o0);
    o1 = __builtin_elementwise_fma(w, ck_load(x1 + i + 16), o1);
    o2 = __builtin_elementwise_fma(w, ck_load(x2 + i + 16), o2);
    o3 = __builtin_elementwise_fma(w, ck_load(x3 + i + 16), o3);
  }
  float s0 = ck_sum(e0 + o0), s1 = ck_sum(e1 + o1), s2 = ck_sum(e2 + o2), s3 = ck_sum(e3 + o3);
  for (; i < n; i++) {
    s0 = __builtin_fmaf(row[i], x0[i], s0);
    s1 = __builtin_fmaf(row[i], x1[i], s1);
    s2 = __builtin_fmaf(row[i], x2[i], s2);
    s3 = __builtin_fmaf(row[i], x3[i], s3);
  }
  out[0] = s0;
  out[out_stride] = s1;
  out[2 * out_stride] = s2;
  out[3 * out_stride] = s3;
}

static void ck_dot(const float *row, size_t n, const float *x, size_t x_stride, size_t tokens, float *out,
                   size_t out_stride) {
  size_t t = 0;
  for (; t + 4 <= tokens; t += 4)
    ck_dot4(row, n, x + t * x_stride, x_stride, out + t * out_stride, out_stride);
  for (; t < tokens; t++)
    out[t * out_stride] = ck_dot1(row, x + t * x_stride, n);
}

typedef signed char b16 __attribute__((vector_size(16)));

CK_INLINE v16 ck_widen(const int8_t *p) {
  b16 v;
  memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, v16);
}

static void ck_int8_dot(const int8_t *codes, size_t n, size_t rows, const float *scales, const float *x, float *out) {
  for (size_t r = 0; r < rows; r++, codes += n) {
    v16 even = {0}, odd = {0};
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
      __builtin_prefetch(codes + i + 4096);
      even = __builtin_elementwise_fma(ck_widen(codes + i), ck_load(x + i), even);
      odd = __builtin_elementwise_fma(ck_widen(codes + i + 16), ck_load(x + i + 16), odd);
    }
    float sum = ck_sum(even + odd);
    for (; i < n; i++)
      sum = __builtin_fmaf(codes[i], x[i], sum);
    out[r] = sum * scales[r];
  }
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

static void ck_attend(const float *query, const float *keys, const float *values, size_t stride, size_t positions,
                      size_t head_size, float scale, float *scores, float *out) {
  float largest = -INFINITY;
  for (size_t p = 0; p < positions; p++) {
    scores[p] = ck_dot1(query, keys + p * stride, head_size) * scale;
    largest = scores[p] > largest ? scores[p] : largest;
  }
  float total = 0;
  for (size_t p = 0; p < positions; p++) {
    scores[p] = expf(scores[p] - largest);
    total += scores[p];
  }
  for (size_t i = 0; i < head_size; i++)
    out[i] = 0;
  for (size_t p = 0; p < positions; p++) {
    float weight = scores[p] / total;
    const float *value = values + p * stride;
    size_t i = 0;
    for (; i + 16 <= head_size; i += 16) {
      v16 w = {weight, weight, weight, weight, weight, weight, weight, weight,
               weight, weight, weight, weight, weight, weight, weight, weight};
      ck_store(out + i, __builtin_elementwise_fma(w, ck_load(value + i), ck_load(out + i)));
    }
    for (; i < head_size; i++)
      out[i] = __builtin_fmaf(weight, value[i], out[i]);
  }
}
