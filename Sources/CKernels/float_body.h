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

// Products with one row in its encoding, decoded in registers: the values of dequantize.c in the order of ck_dot1. A
// block of 32 elements is just what the two accumulators take.

typedef unsigned char u8x16 __attribute__((vector_size(16)));

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
  u8x16 q;
  memcpy(&q, block + 2, 16);
  *even = (__builtin_convertvector(q & 15, v16) - 8.0f) * scales[0];
  *odd = (__builtin_convertvector(q >> 4, v16) - 8.0f) * scales[0];
}

CK_INLINE void ck_load32_q4_1(const uint8_t *block, const float *scales, v16 *even, v16 *odd) {
  u8x16 q;
  memcpy(&q, block + 4, 16);
  *even = __builtin_convertvector(q & 15, v16) * scales[0] + scales[1];
  *odd = __builtin_convertvector(q >> 4, v16) * scales[0] + scales[1];
}

CK_INLINE v16 ck_widen(const int8_t *p);

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
CK_BLOCK_DOT(q8_0, 34, 1)

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

typedef signed char b16 __attribute__((vector_size(16)));

CK_INLINE v16 ck_widen(const int8_t *p) {
  b16 v;
  memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, v16);
}

// `tokens` is a constant where this is inlined.
CK_INLINE void ck_int8_tokens(const int8_t *codes, size_t n, float scale, const float *x, size_t x_stride,
                              size_t tokens, float *out, size_t out_stride) {
  v16 even[4], odd[4];
#pragma clang loop unroll(full)
  for (size_t t = 0; t < tokens; t++)
    even[t] = odd[t] = (v16){0};
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    __builtin_prefetch(codes + i + 4096);
    const v16 low = ck_widen(codes + i), high = ck_widen(codes + i + 16);
#pragma clang loop unroll(full)
    for (size_t t = 0; t < tokens; t++) {
      even[t] = __builtin_elementwise_fma(low, ck_load(x + t * x_stride + i), even[t]);
      odd[t] = __builtin_elementwise_fma(high, ck_load(x + t * x_stride + i + 16), odd[t]);
    }
  }
#pragma clang loop unroll(full)
  for (size_t t = 0; t < tokens; t++) {
    float sum = ck_sum(even[t] + odd[t]);
    for (size_t k = i; k < n; k++)
      sum = __builtin_fmaf(codes[k], x[t * x_stride + k], sum);
    out[t * out_stride] = sum * scale;
  }
}

static void ck_int8_dot(const int8_t *codes, size_t n, size_t rows, const float *scales, const float *x,
                        size_t x_stride, size_t tokens, float *out, size_t out_stride) {
  for (size_t r = 0; r < rows; r++, codes += n, out++) {
    size_t t = 0;
    for (; t + 4 <= tokens; t += 4)
      ck_int8_tokens(codes, n, scales[r], x + t * x_stride, x_stride, 4, out + t * out_stride, out_stride);
    for (; t + 2 <= tokens; t += 2)
      ck_int8_tokens(codes, n, scales[r], x + t * x_stride, x_stride, 2, out + t * out_stride, out_stride);
    for (; t < tokens; t++)
      ck_int8_tokens(codes, n, scales[r], x + t * x_stride, x_stride, 1, out + t * out_stride, out_stride);
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
  v16 r = __builtin_elementwise_fma(n, (v16){0} - ln2_high, x);
  r = __builtin_elementwise_fma(n, (v16){0} - ln2_low, r);
  v16 p = (v16){0} + 1.98412698e-4f;
  p = __builtin_elementwise_fma(p, r, (v16){0} + 1.38888889e-3f);
  p = __builtin_elementwise_fma(p, r, (v16){0} + 8.33333333e-3f);
  p = __builtin_elementwise_fma(p, r, (v16){0} + 4.16666667e-2f);
  p = __builtin_elementwise_fma(p, r, (v16){0} + 1.66666667e-1f);
  p = __builtin_elementwise_fma(p, r, (v16){0} + 0.5f);
  p = __builtin_elementwise_fma(p, r, (v16){0} + 1.0f);
  p = __builtin_elementwise_fma(p, r, (v16){0} + 1.0f);
  v16 result = (v16)((i16)p + ((i16)shifted << 23));
  const i16 is_kept = x >= -87.0f;
  return (v16)((i16)result & is_kept);
}

// Scores become weights: exp(score - largest) over their sum, 16 at a time; the padding behind them must be -infinity.
CK_INLINE void ck_softmax(float *scores, size_t padded) {
  v16 most = ck_load(scores);
  for (size_t p = 16; p < padded; p += 16) {
    const v16 s = ck_load(scores + p);
    most = ck_select(s > most, s, most);
  }
  float largest = most[0];
  for (int l = 1; l < 16; l++)
    largest = most[l] > largest ? most[l] : largest;
  v16 total = {0};
  for (size_t p = 0; p < padded; p += 16) {
    const v16 e = ck_exp(ck_load(scores + p) - largest);
    ck_store(scores + p, e);
    total += e;
  }
  const float sum = ck_sum(total);
  for (size_t p = 0; p < padded; p += 16)
    ck_store(scores + p, ck_load(scores + p) / sum);
}

// Positions whose values are decoded from the cache together; they then serve all queries.
#define CK_ATTEND_TILE 64

// Scores of `blocks` times 16 positions: keys lie with 16 positions side by side, so that a score is a lane, its sum runs
// over the head's dimensions in order, and nothing crosses lanes. `queries` and `blocks` are constants where this is
// inlined.
CK_INLINE void ck_score_block(const float *q, size_t queries, const void *keys, bool halves, size_t blocks, size_t n,
                              float scale, float *scores, size_t score_stride) {
  v16 sums[4][4];
#pragma clang loop unroll(full)
  for (size_t b = 0; b < blocks; b++)
#pragma clang loop unroll(full)
    for (size_t k = 0; k < queries; k++)
      sums[b][k] = (v16){0};
  for (size_t i = 0; i < n; i++) {
#pragma clang loop unroll(full)
    for (size_t b = 0; b < blocks; b++) {
      const size_t at = (b * n + i) * 16;
      if (halves)
        __builtin_prefetch((const uint16_t *)keys + at + 2 * blocks * n * 16);
      const v16 key =
          halves ? ck_widen_halves((const uint8_t *)((const uint16_t *)keys + at)) : ck_load((const float *)keys + at);
#pragma clang loop unroll(full)
      for (size_t k = 0; k < queries; k++)
        sums[b][k] = __builtin_elementwise_fma((v16){0} + q[k * n + i], key, sums[b][k]);
    }
  }
#pragma clang loop unroll(full)
  for (size_t b = 0; b < blocks; b++)
#pragma clang loop unroll(full)
    for (size_t k = 0; k < queries; k++)
      ck_store(scores + k * score_stride + 16 * b, sums[b][k] * scale);
}

CK_INLINE void ck_scores(const float *q, size_t queries, const ck_attention *a, size_t padded, float *scores) {
  const size_t n = a->head_size, block = 16 * n * (a->halves ? sizeof(uint16_t) : sizeof(float));
  const uint8_t *keys = a->keys;
  size_t p = 0;
  for (; p + 64 <= padded; p += 64)
    if (a->halves)
      ck_score_block(q, queries, keys + p / 16 * block, true, 4, n, a->scale, scores + p, padded);
    else
      ck_score_block(q, queries, keys + p / 16 * block, false, 4, n, a->scale, scores + p, padded);
  for (; p < padded; p += 16)
    if (a->halves)
      ck_score_block(q, queries, keys + p / 16 * block, true, 1, n, a->scale, scores + p, padded);
    else
      ck_score_block(q, queries, keys + p / 16 * block, false, 1, n, a->scale, scores + p, padded);
}

// `count` positions of the cache from `first` on as floats, `[count, head_size]`: in place, or decoded to `tile`.
CK_INLINE const float *ck_load_tile(const void *cache, bool halves, size_t first, size_t count, size_t head_size,
                                    float *tile) {
  if (!halves)
    return (const float *)cache + first * head_size;
  const uint16_t *source = (const uint16_t *)cache + first * head_size;
  const size_t n = count * head_size;
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    __builtin_prefetch(source + i + 4096);
    ck_store(tile + i, ck_widen_halves((const uint8_t *)(source + i)));
  }
  for (; i < n; i++)
    tile[i] = ck_f16_to_f32(source[i]);
  return tile;
}

// out += weights * values over 16 * `vectors` dimensions, for a few queries; both are constants where this is inlined, and
// together make enough sums to hide the latency of an addition.
CK_INLINE void ck_weigh_block(const float *weights, size_t weight_stride, const float *tile, size_t count,
                              size_t head_size, size_t queries, size_t vectors, float *out) {
  v16 sums[4][8];
#pragma clang loop unroll(full)
  for (size_t q = 0; q < queries; q++)
#pragma clang loop unroll(full)
    for (size_t v = 0; v < vectors; v++)
      sums[q][v] = ck_load(out + q * head_size + 16 * v);
  for (size_t p = 0; p < count; p++) {
#pragma clang loop unroll(full)
    for (size_t q = 0; q < queries; q++) {
      const v16 weight = (v16){0} + weights[q * weight_stride + p];
#pragma clang loop unroll(full)
      for (size_t v = 0; v < vectors; v++)
        sums[q][v] = __builtin_elementwise_fma(weight, ck_load(tile + p * head_size + 16 * v), sums[q][v]);
    }
  }
#pragma clang loop unroll(full)
  for (size_t q = 0; q < queries; q++)
#pragma clang loop unroll(full)
    for (size_t v = 0; v < vectors; v++)
      ck_store(out + q * head_size + 16 * v, sums[q][v]);
}

CK_INLINE void ck_weigh_values(const float *weights, size_t weight_stride, const float *tile, size_t count,
                               size_t head_size, size_t queries, float *out) {
  // With four queries two vectors make eight sums; with fewer it takes more vectors.
  const size_t vectors = queries == 4 ? 2 : queries == 2 ? 4 : 8;
  size_t i = 0;
  for (; i + 16 * vectors <= head_size; i += 16 * vectors)
    ck_weigh_block(weights, weight_stride, tile + i, count, head_size, queries, vectors, out + i);
  for (; i + 16 <= head_size; i += 16)
    ck_weigh_block(weights, weight_stride, tile + i, count, head_size, queries, 1, out + i);
  for (; i < head_size; i++)
    for (size_t q = 0; q < queries; q++)
      for (size_t p = 0; p < count; p++)
        out[q * head_size + i] =
            __builtin_fmaf(weights[q * weight_stride + p], tile[p * head_size + i], out[q * head_size + i]);
}

static void ck_attend(const ck_attention *a, float *scratch) {
  const size_t n = a->head_size, count = a->tokens * a->heads, last = a->positions + a->tokens - 1;
  const size_t padded = (last + 15) / 16 * 16;
  float *queries = scratch, *sums = queries + count * n, *tile = sums + count * n;
  float *scores = tile + CK_ATTEND_TILE * n;
  for (size_t q = 0; q < count; q++)
    memcpy(queries + q * n, a->queries + q / a->heads * a->query_stride + q % a->heads * n, n * sizeof(float));
  size_t done = 0;
  for (; done + 4 <= count; done += 4)
    ck_scores(queries + done * n, 4, a, padded, scores + done * padded);
  for (; done + 2 <= count; done += 2)
    ck_scores(queries + done * n, 2, a, padded, scores + done * padded);
  for (; done < count; done++)
    ck_scores(queries + done * n, 1, a, padded, scores + done * padded);
  // Query q sees the positions up to its own token; those behind get the weight 0, which changes no sum.
  for (size_t q = 0; q < count; q++) {
    float *row = scores + q * padded;
    const size_t seen = a->positions + q / a->heads;
    for (size_t p = seen; p < padded; p++)
      row[p] = -INFINITY;
    ck_softmax(row, padded);
  }
  memset(sums, 0, count * n * sizeof(float));
  for (size_t p = 0; p < last; p += CK_ATTEND_TILE) {
    const size_t height = last - p < CK_ATTEND_TILE ? last - p : CK_ATTEND_TILE;
    const float *values = ck_load_tile(a->values, a->halves, p, height, n, tile);
    size_t q = 0;
    for (; q + 4 <= count; q += 4)
      ck_weigh_values(scores + q * padded + p, padded, values, height, n, 4, sums + q * n);
    for (; q + 2 <= count; q += 2)
      ck_weigh_values(scores + q * padded + p, padded, values, height, n, 2, sums + q * n);
    for (; q < count; q++)
      ck_weigh_values(scores + q * padded + p, padded, values, height, n, 1, sums + q * n);
  }
  for (size_t q = 0; q < count; q++)
    memcpy(a->out + q / a->heads * a->query_stride + q % a->heads * n, sums + q * n, n * sizeof(float));
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
    const v16 numerator = ck_select(z < 0, e, (v16){0} + 1.0f);
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

// The members of the table that are written here.
#define CK_FLOAT_KERNELS                                                                                               \
  .dot = ck_dot, .row_dot_f16 = ck_row_dot_f16, .row_dot_bf16 = ck_row_dot_bf16, .row_dot_q4_0 = ck_row_dot_q4_0,      \
  .row_dot_q4_1 = ck_row_dot_q4_1, .row_dot_q8_0 = ck_row_dot_q8_0, .int8_dot = ck_int8_dot,                           \
  .rms_norm = ck_rms_norm, .add = ck_add, .attend = ck_attend, .to_f16 = ck_to_f16,                                   \
  .silu_gate = ck_silu_gate, .relu2_gate = ck_relu2_gate
