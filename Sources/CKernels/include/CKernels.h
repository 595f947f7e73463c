// The C side of `Kernels`: SIMD only. No allocation, no threads, no globals but constant tables.
//
// `ck_kernels` is the table of one instruction set. The scalar table is the specification: every other table must give
// the same bits, for integers because the sums are exact, for floats because one summation order is fixed (float_body.h).
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dequantize.h"

/// For helpers of the kernels: inlined, so that constant arguments unroll their loops, and vectors cross no call.
#define CK_INLINE static inline __attribute__((always_inline))

/// Elements of a ternary row are packed in blocks of this many (32 bytes): rows are padded to it.
#define CK_TERNARY_BLOCK 128

/// Rows of packed trits that are unpacked to bytes together, and scratch for them at `n` inputs.
#define CK_PACKED_ROWS 16
#define CK_PACKED_TILE_BYTES(n) (CK_PACKED_ROWS * (n))
/// Up to this many tokens it is faster to unpack in registers for each of them.
#define CK_PACKED_FEW 2

/// Inputs and bytes of one block of the interleaved ternary layout (ternary_avx512vbmi.c): 12 inputs of 16 rows.
#define CK_INTERLEAVED_INPUTS 12
#define CK_INTERLEAVED_ROWS 16
#define CK_INTERLEAVED_BYTES 40
/// Scratch for 64 decoded rows of `blocks` blocks.
#define CK_TILE_BYTES(blocks) ((blocks) * 768)

/// int8 activations: `tokens` rows of `stride` bytes, zero behind the inputs, with their scales and sums.
typedef struct ck_activations {
  const int8_t *codes;
  size_t stride;
  size_t tokens;
  const float *scales;
  const int32_t *sums;
} ck_activations;

/// Positions of one page of the key-value cache.
#define CK_PAGE 64
/// Positions whose softmax is computed at once. Longer contexts are cut into stretches of this many from position 0 on and
/// their partial results merged in order: threads may share a context, and the bits do not depend on whether they do.
#define CK_STRETCH 256
/// Activations in 15 bits, as two bytes: `tokens` rows of `stride`, zero behind the inputs, their scales, and the sums of
/// either byte.
typedef struct ck_split {
  const int8_t *high;
  const int8_t *low;
  size_t stride;
  size_t tokens;
  const float *scales;
  const int32_t *high_sums;
  const int32_t *low_sums;
} ck_split;

#define CK_SPLIT_BLOCK 64
/// 255 * 127 times this many inputs fit 32 bits.
#define CK_SPLIT_MAXIMUM (1 << 16)

/// How keys and values are stored. Q8: int8 with a float scale per position and head, CK_PAGE of them behind the codes.
enum ck_cache_type { CK_CACHE_F32 = 0, CK_CACHE_F16 = 1, CK_CACHE_Q8 = 2 };
#define CK_CACHE_BYTES(type) ((type) == CK_CACHE_F32 ? 4 : (type) == CK_CACHE_F16 ? 2 : 1)

/// Floats of a partial result: the weighted sum of the values, `[head_size]`, the largest score, the sum of the weights.
#define CK_PARTIAL(head_size) ((head_size) + 2)

/// Neighbouring query heads that share a key-value head, of consecutive tokens, and the stretch that they attend to.
typedef struct ck_attention {
  /// The first token's first head; heads follow each other, tokens are `query_stride` floats apart.
  const float *queries;
  size_t query_stride;
  size_t tokens;
  size_t heads;
  size_t head_size;
  /// The pages of the stretch, and where in a page the keys and values of the head lie, in bytes. Values: [CK_PAGE,
  /// head_size]. Keys: [CK_PAGE / 16, head_size, 16], 16 positions side by side.
  const uint8_t *const *pages;
  size_t keys;
  size_t values;
  int type;
  /// The positions in the stretch, at most CK_STRETCH.
  size_t count;
  /// How many of them the first token sees, at least 1; each further token sees `step` more.
  size_t seen;
  size_t step;
  float scale;
  /// Partial results, [tokens, heads, CK_PARTIAL(head_size)].
  float *out;
} ck_attention;

/// Floats of scratch for `queries` = tokens * heads.
#define CK_ATTEND_SCRATCH(queries, head_size) ((queries) * ((head_size) + CK_STRETCH) + CK_PAGE * (head_size))

/// One step of AdamW (Loshchilov, Hutter, arXiv 1711.05101): p = keep p - rate m / (correction sqrt(v) + epsilon), where
/// m = memory1 m + share1 g and v = memory2 v + share2 g^2.
typedef struct ck_adamw_step {
  float keep;
  float memory1;
  float share1;
  float memory2;
  float share2;
  float correction;
  float rate;
  float epsilon;
} ck_adamw_step;

typedef struct ck_kernels {
  /// out[t * out_stride + r] = sum_i w[r * n + i] * x[t * x_stride + i].
  void (*dot)(const float *w, size_t n, size_t rows, const float *x, size_t x_stride, size_t tokens, float *out,
              size_t out_stride);

  /// sum_i row[i] * x[i] for a row in its encoding, with the bits that decoding it and `dot` give.
  float (*row_dot_f16)(const uint8_t *row, size_t n, const float *x);
  float (*row_dot_bf16)(const uint8_t *row, size_t n, const float *x);
  float (*row_dot_q4_0)(const uint8_t *row, size_t n, const float *x);
  float (*row_dot_q4_1)(const uint8_t *row, size_t n, const float *x);
  float (*row_dot_q5_0)(const uint8_t *row, size_t n, const float *x);
  float (*row_dot_q5_1)(const uint8_t *row, size_t n, const float *x);
  float (*row_dot_q8_0)(const uint8_t *row, size_t n, const float *x);
  float (*row_dot_q4_k)(const uint8_t *row, size_t n, const float *x);
  float (*row_dot_q5_k)(const uint8_t *row, size_t n, const float *x);
  float (*row_dot_q6_k)(const uint8_t *row, size_t n, const float *x);

  /// out[t * out_stride + r] = (sum_i code[r][i] * x[t][i] - x_sum[t]) * (scale * x_scale[t]), the sums exact. `codes`
  /// holds rows of n / 4 bytes in the layout of I2_S (block of 128, element e in byte e % 32, bits 6 - 2 * (e / 32));
  /// `n` is a multiple of 128; `tile` is scratch of CK_PACKED_TILE_BYTES(n), aligned to 64, used for more than
  /// CK_PACKED_FEW tokens.
  void (*packed_product)(const uint8_t *codes, size_t n, size_t rows, const ck_activations *x, float scale, float *out,
                         size_t out_stride, uint8_t *tile);

  /// The product with the interleaved layout (ternary_avx512vbmi.c), or NULL where this instruction set has none:
  /// out[t * out_stride + r] = (sum_i (w[r][i] + 1) * x[t][i] - x_sum[t]) * (scale * x_scale[t]), the sums exact.
  /// `codes` holds ceil(rows / 16) groups of `blocks` blocks, and 64 readable bytes behind them; `tile` is scratch of
  /// CK_TILE_BYTES(blocks), aligned to 64, used for more than 8 tokens.
  void (*interleaved_product)(const uint8_t *codes, size_t blocks, size_t rows, const ck_activations *x, float scale,
                              float *out, size_t out_stride, uint8_t *tile);

  /// Decodes a ternary row of `n` elements (a multiple of 128) to -1, 0, +1.
  void (*ternary_decode)(const uint8_t *codes, size_t n, float *out);

  /// out[t * out_stride + r] = scales[r] * x->scales[t] * sum_i codes[r * n + i] * (128 high[t][i] + low[t][i]), the sum
  /// exact. `n` is a multiple of CK_SPLIT_BLOCK and at most CK_SPLIT_MAXIMUM.
  void (*int8_product)(const int8_t *codes, size_t n, size_t rows, const float *scales, const ck_split *x, float *out,
                       size_t out_stride);

  /// int8 quantization by absmax: returns s = max(max|x|, 1e-5) / 127 and writes clamp(round(x / s), -128, 127), half to
  /// even; `*sum` is the sum of the integers.
  float (*quantize)(const float *x, size_t n, int8_t *out, int32_t *sum);

  /// out = x / sqrt(mean(x^2) + epsilon) * weight. `out` may be `x`.
  void (*rms_norm)(const float *x, const float *weight, size_t n, float epsilon, float *out);

  /// x += y.
  void (*add)(float *x, const float *y, size_t n);

  /// Attention of a few tokens to one stretch of positions: exp(s - max s) v and sum exp(s - max s) with s = q k^T * scale.
  /// `scratch` holds CK_ATTEND_SCRATCH floats.
  void (*attend)(const ck_attention *attention, float *scratch);

  /// Adds the partial result of the next stretch.
  void (*attend_merge)(float *into, const float *from, size_t head_size);

  /// Rounds to IEEE half, nearest and half to even; beyond 65,520 infinite.
  void (*to_f16)(const float *x, size_t n, uint16_t *out);

  /// gate = act(gate) * up with silu(z) = z / (1 + exp(-z)).
  void (*silu_gate)(float *gate, const float *up, size_t n);

  /// gate = act(gate) * up with relu2(z) = max(0, z)^2.
  void (*relu2_gate)(float *gate, const float *up, size_t n);

  // Training (training_body.h).

  /// sum_i |x[i]| and sum_i x[i]^2, in double precision.
  double (*magnitude_sum)(const float *x, size_t n);
  double (*square_sum)(const float *x, size_t n);

  /// Packs clamp(round(w / scale), -1, 1), half to even, in the layout of `packed_product`, padded with zero weights to a
  /// multiple of 128.
  void (*ternarize)(const float *w, size_t n, float scale, uint8_t *codes);

  /// out = w + lambda * (scale * clamp(round(w / scale), -1, 1) - w).
  void (*mix_ternary)(const float *w, size_t n, float scale, float lambda, float *out);

  /// out = x + lambda * (q - x), where q is what int8 quantization by absmax makes of x; at lambda 1 just q. `out` may be `x`.
  void (*mix_int8)(const float *x, size_t n, float lambda, float *out);

  /// The gradients of `rms_norm`, added to those by its input and its gains; `g` is the gradient by its output.
  void (*rms_norm_backward)(const float *x, const float *gain, const float *g, size_t n, float epsilon, float *dx,
                            float *dgain);

  /// Replaces gate and up, as they were before, by their gradients; `g` is the gradient by the gated product.
  void (*silu_gate_backward)(float *gate, float *up, const float *g, size_t n);
  void (*relu2_gate_backward)(float *gate, float *up, const float *g, size_t n);

  /// x = softmax(scale * x), scale above 0; returns log sum exp(scale * x). Writes zeros up to the next multiple of 16.
  float (*softmax)(float *x, size_t n, float scale);

  /// Replaces the gradient by the probabilities `p` with that by their logits: g = p * (g - sum p g) * scale.
  void (*softmax_backward)(const float *p, float *g, size_t n, float scale);

  /// The cross-entropy (1 - s) * -log p[target] + s * mean(-log p) of softmax(logits) = p. `gradient`, unless NULL, gets
  /// `weight` times the gradient by the logits, or has it added.
  double (*cross_entropy)(const float *logits, size_t n, size_t target, float smoothing, float weight, float *gradient,
                          bool accumulates);

  /// T^2 KL(softmax(teacher / T) || softmax(student / T)); `gradient` as for `cross_entropy`.
  double (*distillation)(const float *student, const float *teacher, size_t n, float temperature, float weight,
                         float *gradient, bool accumulates);

  /// Updates weights `p` and moments `m` and `v` by the gradient `g`.
  void (*adamw)(float *p, const float *g, float *m, float *v, size_t n, const ck_adamw_step *step);
} ck_kernels;

enum ck_isa {
  CK_ISA_SCALAR = 0,
  CK_ISA_AVX2 = 1,
  CK_ISA_AVX512 = 2,
  CK_ISA_AVX512VBMI = 3,
  CK_ISA_NEON = 4,
  CK_ISA_AVXVNNI = 5,
  CK_ISA_NEON_I8MM = 6,
};

/// The table of an instruction set, or NULL when this build or this processor does not have it.
const ck_kernels *ck_kernels_for(int isa);

/// Packs up to 16 rows in the layout of I2_S, `row_bytes` apart, into one group of `blocks` interleaved blocks. Rows and
/// inputs that are missing become zero weights. `digits` is scratch for 16 rows of row_bytes * 4 or blocks * 12 bytes,
/// whichever is more.
void ck_interleave(const uint8_t *codes, size_t row_bytes, size_t rows, size_t columns, size_t blocks, uint8_t *digits,
                   uint8_t *out);

/// Encodes a row of weights as int8 by absmax: `*scale` times the codes is the row but for an error, whose Euclidean norm
/// is `*error`; `*norm` is the row's own.
void ck_encode_int8(const float *row, size_t n, int8_t *codes, float *scale, double *error, double *norm);

/// Splits a row into 15-bit integers of 128 * high + low: `*scale` times these is the row but for an error, whose Euclidean
/// norm is `*error`; `*norm` is the row's own. A row that holds what is no finite number gets a scale that is none.
void ck_split_row(const float *row, size_t n, int8_t *high, int8_t *low, float *scale, int32_t *high_sum,
                  int32_t *low_sum, double *error, double *norm);

/// The sum of 64-bit words, four chains side by side: what a plain read of memory can reach.
uint64_t ck_sum_words(const uint64_t *words, size_t count);

/// Rotates the pairs of one head. `interleaved`: pairs (2i, 2i+1); otherwise (i, i + rotated / 2).
/// `cosines` and `sines` hold rotated / 2 values.
void ck_rotate(float *head, const float *cosines, const float *sines, size_t rotated, bool interleaved);

/// Takes whole blocks of 64 bytes into the state of a SHA-256; the second in portable C, to check the first against.
void ck_sha256(uint32_t state[8], const uint8_t *data, size_t blocks);
void ck_sha256_portable(uint32_t state[8], const uint8_t *data, size_t blocks);

/// Gives memory that was freed back to the system, where the allocator would keep it for the next allocations.
void ck_return_freed_memory(void);

/// A hint to the processor that the caller is spinning.
void ck_pause(void);

#endif
