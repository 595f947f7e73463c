// Judges the kernels of one instruction set against the scalar table, bit for bit, without Swift: scripts/check-neon
// builds it for AArch64 and runs it under an emulator.
//
//   harness ISA        compares the table of CK_ISA_<ISA> (a number) with the scalar one; 1 if anything differs
//   harness ISA none   expects that this processor does not have it
//
// One line per kernel with a digest of what it computed, which must be the same on every machine; then the counts.
// Inputs and outputs end at an unreadable page, so that a read or a write behind them is a crash.
#include "harness.h"

static void judge_packed_product(void) {
  static const size_t blocks[] = {1, 2, 3, 4, 5, 12, 54}, heights[] = {1, 2, 3, 4, 5, 7, 8, 9, 16, 21};
  begin("packed_product");
  for (size_t b = 0; b < COUNT(blocks); b++)
    for (size_t h = 0; h < COUNT(heights); h++)
      for (int w = 0; w < PATTERNS; w++)
        for (int p = 0; p < PATTERNS; p++) {
          const size_t n = blocks[b] * CK_TERNARY_BLOCK, rows = heights[h], tokens = 1 + (b + h + w + 3 * p) % 19;
          const size_t stride = n + 64, out_stride = rows + 3, outputs = (tokens - 1) * out_stride + rows;
          const uint8_t *codes = trits(rows * n / 4, w);
          const float *scales = floats(tokens);
          int32_t *sums = guarded(4 * tokens);
          const ck_activations x = {activations((tokens - 1) * stride + n, p), stride, tokens, scales, sums};
          for (size_t t = 0; t < tokens; t++) {
            sums[t] = 0;
            for (size_t i = 0; i < n; i++)
              sums[t] += x.codes[t * stride + i];
          }
          float *expected = guarded(4 * outputs), *found = guarded(4 * outputs);
          uint8_t *tile = guarded(CK_PACKED_TILE_BYTES(n));
          specification->packed_product(codes, n, rows, &x, 0.75f, expected, out_stride, tile);
          judged->packed_product(codes, n, rows, &x, 0.75f, found, out_stride, tile);
          compare(expected, found, 4 * outputs,
                  label("%zu wide, %zu rows, %zu tokens, %s with %s", n, rows, tokens, pattern_names[w],
                        pattern_names[p]));
          release_all();
        }
  end();
}

static void judge_ternary_decode(void) {
  begin("ternary_decode");
  for (size_t blocks = 1; blocks <= 20; blocks++)
    for (int w = 0; w < PATTERNS; w++) {
      const size_t n = blocks * CK_TERNARY_BLOCK;
      const uint8_t *codes = trits(n / 4, w);
      float *expected = guarded(4 * n), *found = guarded(4 * n);
      specification->ternary_decode(codes, n, expected);
      judged->ternary_decode(codes, n, found);
      compare(expected, found, 4 * n, label("%zu wide, %s", n, pattern_names[w]));
      release_all();
    }
  end();
}

static void fill_for_quantize(float *x, size_t n, int kind) {
  static const float quiet = NAN;
  float signalling;
  memcpy(&signalling, &(uint32_t){0xffa00001}, 4);
  for (size_t i = 0; i < n; i++) {
    // Halves of the step beside a largest of 127: the scale is 1, and each of them is a tie.
    if (kind == 1)
      x[i] = (float)((int)(next_word() % 254) - 127) + 0.5f;
    else if (kind == 2)
      x[i] = 0;
    else if (kind == 3)
      x[i] = next_float() * 1e-7f;
    else if (kind == 4)
      x[i] = next_float() * 1e-40f;
    else if (kind == 5)
      x[i] = next_float() * 1e36f;
    else if (kind == 6)
      x[i] = i % 2 ? -127.0f : 127.0f;
    else
      x[i] = next_float();
  }
  const size_t at = next_word() % n;
  switch (kind) {
  case 1: x[at] = 127; break;
  case 7: x[at] = 1e6f; break;
  case 8: x[at] = -1e6f; break;
  case 9: x[at] = quiet; break;
  case 10: x[at] = signalling; break;
  case 11: x[at] = INFINITY; break;
  case 12: x[at] = -INFINITY; break;
  case 13: x[at] = -0.0f; break;
  case 14:
    for (size_t i = 0; i < n; i++)
      x[i] = i % 3 == 0 ? quiet : i % 3 == 1 ? signalling : -x[i];
    break;
  case 15:
    for (size_t i = 0; i < n; i++)
      x[i] = quiet;
    break;
  default: break;
  }
}

static void judge_quantize(void) {
  begin("quantize");
  for (size_t w = 0; w < COUNT(widths); w++)
    for (int kind = 0; kind < 16; kind++)
      for (int repetition = 0; repetition < 4; repetition++) {
        const size_t n = widths[w];
        float *x = guarded(4 * n);
        fill_for_quantize(x, n, kind);
        int8_t *expected = guarded(n), *found = guarded(n);
        struct {
          float scale;
          int32_t sum;
        } a, b;
        a.scale = specification->quantize(x, n, expected, &a.sum);
        b.scale = judged->quantize(x, n, found, &b.sum);
        compare(expected, found, n, label("%zu wide, input %d", n, kind));
        compare(&a, &b, sizeof a, label("%zu wide, input %d, scale and sum", n, kind));
        release_all();
      }
  end();
}

static void judge_dot(void) {
  static const size_t heights[] = {1, 2, 3, 5}, counts[] = {1, 2, 3, 4};
  begin("dot");
  for (size_t w = 0; w < COUNT(widths); w++)
    for (size_t h = 0; h < COUNT(heights); h++)
      for (size_t c = 0; c < COUNT(counts); c++) {
        const size_t n = widths[w], rows = heights[h], tokens = counts[c], stride = n + 3, out_stride = rows + 2;
        const size_t inputs = (tokens - 1) * stride + n, outputs = (tokens - 1) * out_stride + rows;
        const float *weights = floats(rows * n), *x = floats(inputs);
        float *expected = guarded(4 * outputs), *found = guarded(4 * outputs);
        specification->dot(weights, n, rows, x, stride, tokens, expected, out_stride);
        judged->dot(weights, n, rows, x, stride, tokens, found, out_stride);
        compare_floats(expected, found, outputs, label("%zu wide, %zu rows, %zu tokens", n, rows, tokens));
        release_all();
      }
  end();
}

typedef float (*row_dot)(const uint8_t *row, size_t n, const float *x);
typedef void (*dequantizer)(const uint8_t *blocks, size_t block_count, float *out);

// Rows of blocks of `block` elements and `bytes` bytes, which have `scales` halves at the byte `at`; or of halves alone,
// or of the upper halves of floats.
static void judge_row_dot(const char *name, row_dot own, row_dot twin, dequantizer decode, size_t block, size_t bytes,
                          size_t scales, size_t at) {
  begin(name);
  for (size_t w = 0; w < 2 * COUNT(widths); w++)
    for (int repetition = 0; repetition < 4; repetition++) {
      const size_t blocks = w < COUNT(widths) ? widths[w] : w, n = blocks * block;
      if (n > 8192)
        continue;
      uint8_t *row = guarded(blocks * bytes);
      for (size_t i = 0; i < blocks * bytes; i++)
        row[i] = (uint8_t)next_word();
      for (size_t b = 0; b < blocks; b++) {
        for (size_t s = 0; s < scales; s++) {
          const uint16_t half = repetition == 0 ? ck_f32_to_f16(next_float()) : next_half();
          memcpy(row + b * bytes + at + 2 * s, &half, 2);
        }
        if (scales == 0) {
          const float value = next_float();
          memcpy(row + b * bytes, (const uint8_t *)&value + 2, 2);
        }
      }
      const float *x = floats(n);
      float expected = twin(row, n, x), found = own(row, n, x);
      compare_floats(&expected, &found, 1, label("%zu wide", n));
      float *decoded = guarded(4 * n);
      decode(row, blocks, decoded);
      specification->dot(decoded, n, 1, x, n, 1, &expected, 1);
      compare_floats(&expected, &found, 1, label("%zu wide, decoded", n));
      release_all();
    }
  end();
}

static void judge_int8_product(void) {
  begin("int8_product");
  for (size_t n = CK_SPLIT_BLOCK; n <= 2560; n += n < 256 ? CK_SPLIT_BLOCK : 576)
    for (size_t tokens = 1; tokens <= 15; tokens++)
      for (int p = 0; p < PATTERNS; p++) {
        const size_t rows = 1 + (n / CK_SPLIT_BLOCK + tokens) % 6;
        const int8_t *codes = activations(rows * n, p);
        const float *scales = floats(rows);
        ck_split x = {.high = activations(tokens * n, p),
                      .low = activations(tokens * n, p),
                      .stride = n,
                      .tokens = tokens,
                      .scales = floats(tokens)};
        int32_t sums[2][15] = {0};
        for (size_t t = 0; t < tokens; t++)
          for (size_t i = 0; i < n; i++) {
            sums[0][t] += x.high[t * n + i];
            sums[1][t] += x.low[t * n + i];
          }
        x.high_sums = sums[0];
        x.low_sums = sums[1];
        float *expected = guarded(4 * rows * tokens), *found = guarded(4 * rows * tokens);
        specification->int8_product(codes, n, rows, scales, &x, expected, rows);
        judged->int8_product(codes, n, rows, scales, &x, found, rows);
        compare_floats(
            expected, found, rows * tokens, label("%zu wide, %zu rows, %zu tokens, %s", n, rows, tokens, pattern_names[p]));
        release_all();
      }
  end();
}

static void judge_rms_norm(void) {
  static const float magnitudes[] = {1, 1e-30f, 1e18f, 1e30f};
  begin("rms_norm");
  for (size_t w = 0; w < COUNT(widths); w++)
    for (size_t m = 0; m < COUNT(magnitudes); m++)
      for (int in_place = 0; in_place < 2; in_place++) {
        const size_t n = widths[w];
        float *x = floats(n), *expected = guarded(4 * n), *found = guarded(4 * n);
        for (size_t i = 0; i < n; i++)
          x[i] *= magnitudes[m];
        const float *weight = floats(n);
        specification->rms_norm(x, weight, n, 1e-5f, expected);
        if (in_place)
          memcpy(found, x, 4 * n);
        judged->rms_norm(in_place ? found : x, weight, n, 1e-5f, found);
        compare_floats(expected, found, n, label("%zu wide, times %g%s", n, magnitudes[m], in_place ? ", in place" : ""));
        release_all();
      }
  end();
}

// Floats of every magnitude for what works element by element: also subnormals, infinities and NaN. No signalling ones:
// they come from no arithmetic, and a compiler takes its liberties with them.
static float *any_floats(size_t n, int kind) {
  float *values = floats(n);
  for (size_t i = 0; i < n; i++) {
    const uint32_t bits = (uint32_t)next_word(), magnitude = bits & 0x7fffffff;
    const uint32_t quieted = magnitude > 0x7f800000 ? bits | 0x00400000 : bits;
    if (kind == 1)
      memcpy(values + i, &quieted, 4);
    else if (kind == 2)
      values[i] = i % 2 ? INFINITY : -INFINITY;
    else if (kind == 3)
      values[i] *= 20;
  }
  return values;
}

static void judge_elementwise(const char *name, void (*own)(float *, const float *, size_t),
                              void (*twin)(float *, const float *, size_t)) {
  begin(name);
  for (size_t w = 0; w < COUNT(widths); w++)
    for (int kind = 0; kind < 4; kind++)
      for (int repetition = 0; repetition < 4; repetition++) {
        const size_t n = widths[w];
        const float *x = any_floats(n, kind), *y = any_floats(n, kind == 2 ? 0 : kind);
        float *expected = guarded(4 * n), *found = guarded(4 * n);
        memcpy(expected, x, 4 * n);
        memcpy(found, x, 4 * n);
        twin(expected, y, n);
        own(found, y, n);
        compare_floats(expected, found, n, label("%zu wide, input %d", n, kind));
        release_all();
      }
  end();
}

static void judge_to_f16(void) {
  begin("to_f16");
  for (size_t w = 0; w < COUNT(widths); w++)
    for (int kind = 0; kind < 6; kind++)
      for (int repetition = 0; repetition < 4; repetition++) {
        const size_t n = widths[w];
        float *x = any_floats(n, kind % 4);
        // Ties between neighbouring halves, and the subnormal halves.
        for (size_t i = 0; kind >= 4 && i < n; i++)
          x[i] = (ck_f16_to_f32(next_half()) + ck_f16_to_f32(next_half())) * (kind == 4 ? 0.5f : 0x1p-16f);
        uint16_t *expected = guarded(2 * n), *found = guarded(2 * n);
        specification->to_f16(x, n, expected);
        judged->to_f16(x, n, found);
        compare(expected, found, 2 * n, label("%zu wide, input %d", n, kind));
        release_all();
      }
  end();
}

// Keys or values and whatever stands behind them: of int8, a page of each and its scales.
static const void *cached(int type, size_t count) {
  if (type == CK_CACHE_F32)
    return floats(count);
  if (type == CK_CACHE_F16)
    return halves(count);
  uint8_t *bytes = guarded(count + 8 * CK_PAGE);
  for (int part = 0; part < 2; part++) {
    uint8_t *codes = bytes + part * (count / 2 + 4 * CK_PAGE);
    for (size_t i = 0; i < count / 2; i++)
      codes[i] = (uint8_t)next_word();
    memcpy(codes + count / 2, floats(CK_PAGE), 4 * CK_PAGE);
  }
  return bytes;
}

static void judge_attend_case(size_t head_size, size_t heads, size_t tokens, size_t seen, size_t step, int type,
                              float scale) {
  const size_t positions = seen + (tokens - 1) * step, stride = heads * head_size + 5;
  const size_t partials = tokens * heads * CK_PARTIAL(head_size), values = CK_PAGE * head_size;
  const size_t scratch_size = 4 * CK_ATTEND_SCRATCH(tokens * heads, head_size);
  float *expected = guarded(4 * partials), *found = guarded(4 * partials);
  float *twin_scratch = guarded(scratch_size), *scratch = guarded(scratch_size);
  const uint8_t *pages[CK_STRETCH / CK_PAGE];
  for (size_t p = 0; p * CK_PAGE < positions; p++)
    pages[p] = cached(type, 2 * values);
  ck_attention attention = {
      .queries = floats((tokens - 1) * stride + heads * head_size),
      .query_stride = stride,
      .tokens = tokens,
      .heads = heads,
      .head_size = head_size,
      .pages = pages,
      .keys = 0,
      .values = values * CK_CACHE_BYTES(type) + (type == CK_CACHE_Q8 ? 4 * CK_PAGE : 0),
      .type = type,
      .count = positions,
      .seen = seen,
      .step = step,
      .scale = scale,
      .out = expected,
  };
  specification->attend(&attention, twin_scratch);
  attention.out = found;
  judged->attend(&attention, scratch);
  compare_floats(expected, found, partials,
                 label("head size %zu, %zu heads, %zu tokens, %zu and %zu positions, %s, scale %g", head_size, heads,
                       tokens, seen, step, type == CK_CACHE_Q8 ? "q8" : type == CK_CACHE_F16 ? "f16" : "f32", scale));
  release_all();
}

static void judge_attend(void) {
  static const size_t sizes[] = {16, 20, 64, 80, 128}, counts[] = {1, 2, 3, 5};
  static const size_t positions[] = {1, 2, 15, 16, 17, 63, 64, 65, 150, 252};
  begin("attend");
  for (size_t s = 0; s < COUNT(sizes); s++)
    for (size_t heads = 1; heads <= 4; heads++)
      for (size_t c = 0; c < COUNT(counts); c++)
        for (size_t p = 0; p < COUNT(positions); p++)
          for (int type = CK_CACHE_F32; type <= CK_CACHE_Q8; type++)
            // Of ten lengths each shape takes a third: all meet all heads, sizes and counts of tokens in turn.
            if ((s + heads + c + p) % 3 == 0)
              judge_attend_case(sizes[s], heads, counts[c], positions[p], (s + p) % 4 > 0, type, p % 2 ? 0.125f : 4.0f);
  end();
}

static void judge_attend_merge(void) {
  begin("attend_merge");
  for (size_t n = 1; n <= 130; n += 3)
    for (int order = 0; order < 3; order++) {
      const float *from = floats(CK_PARTIAL(n)), *into = floats(CK_PARTIAL(n));
      float *expected = guarded(4 * CK_PARTIAL(n)), *found = guarded(4 * CK_PARTIAL(n));
      memcpy(expected, into, 4 * CK_PARTIAL(n));
      // The largest score before, after, and far below.
      expected[n] = from[n] + (order == 0 ? 1.5f : order == 1 ? -1.5f : -200.0f);
      memcpy(found, expected, 4 * CK_PARTIAL(n));
      specification->attend_merge(expected, from, n);
      judged->attend_merge(found, from, n);
      compare_floats(expected, found, CK_PARTIAL(n), label("%zu wide, order %d", n, order));
      release_all();
    }
  end();
}

// MARK: What stands in no table

// Compiled once for every instruction set, and different bits where the compiler fuses what is written apart.
static void judge_rotate(void) {
  begin("rotate");
  for (size_t rotated = 2; rotated <= 128; rotated += 2)
    for (int interleaved = 0; interleaved < 2; interleaved++) {
      const size_t half = rotated / 2, step = interleaved ? 2 : 1, distance = interleaved ? 1 : half;
      const float *head = floats(rotated), *cosines = floats(half), *sines = floats(half);
      float *expected = guarded(4 * rotated), *found = guarded(4 * rotated);
      memcpy(found, head, 4 * rotated);
      ck_rotate(found, cosines, sines, rotated, interleaved);
      for (size_t i = 0; i < half; i++) {
        const float x = head[i * step], y = head[i * step + distance];
        // Volatile, so that each product is rounded.
        volatile const float xc = x * cosines[i], ys = y * sines[i], xs = x * sines[i], yc = y * cosines[i];
        expected[i * step] = xc - ys;
        expected[i * step + distance] = xs + yc;
      }
      compare_floats(expected, found, rotated, label("%zu rotated%s", rotated, interleaved ? ", interleaved" : ""));
      release_all();
    }
  end();
}

// Only the digest judges here: on x86-64 the Swift tests hold the same functions against gguf-py.
static void judge_dequantize(void) {
  static const struct {
    dequantizer decode;
    size_t elements, bytes;
  } types[] = {
      {ck_dequantize_f32, 1, 4},      {ck_dequantize_f64, 1, 8},       {ck_dequantize_f16, 1, 2},
      {ck_dequantize_bf16, 1, 2},     {ck_dequantize_u8, 1, 1},        {ck_dequantize_i8, 1, 1},
      {ck_dequantize_i16, 1, 2},      {ck_dequantize_i32, 1, 4},       {ck_dequantize_i64, 1, 8},
      {ck_dequantize_q4_0, 32, 18},   {ck_dequantize_q4_1, 32, 20},    {ck_dequantize_q5_0, 32, 22},
      {ck_dequantize_q5_1, 32, 24},   {ck_dequantize_q8_0, 32, 34},    {ck_dequantize_q4_k, 256, 144},
      {ck_dequantize_q5_k, 256, 176}, {ck_dequantize_q6_k, 256, 210},  {ck_dequantize_tq1_0, 256, 54},
      {ck_dequantize_tq2_0, 256, 66},
  };
  begin("dequantize");
  for (size_t t = 0; t < COUNT(types); t++)
    for (size_t blocks = 1; blocks <= 40; blocks++) {
      const size_t n = blocks * types[t].elements;
      uint8_t *source = guarded(blocks * types[t].bytes);
      for (size_t i = 0; i < blocks * types[t].bytes; i++)
        source[i] = (uint8_t)next_word();
      float *found = guarded(4 * n);
      types[t].decode(source, blocks, found);
      compare_floats(found, found, n, "");
      release_all();
    }
  for (size_t first = 0; first < 256; first += 13) {
    const uint8_t *source = trits(128, RANDOM);
    const size_t n = 512 - first;
    float *found = guarded(4 * n);
    ck_dequantize_i2_s(source, first, n, next_float(), found);
    compare_floats(found, found, n, "");
    release_all();
  }
  end();
}

#define JUDGE_ROW_DOT(TYPE, BLOCK, BYTES, SCALES, AT)                                                                  \
  judge_row_dot("row_dot_" #TYPE, judged->row_dot_##TYPE, specification->row_dot_##TYPE, ck_dequantize_##TYPE, BLOCK,  \
                BYTES, SCALES, AT)

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: harness ISA [none]\n");
    return 64;
  }
  specification = ck_kernels_for(CK_ISA_SCALAR);
  judged = ck_kernels_for(atoi(argv[1]));
  if (argc == 3) {
    printf("%s  instruction set %s is %sthere\n", judged ? "FAIL" : "ok  ", argv[1], judged ? "" : "not ");
    return judged != NULL;
  }
  if (judged == NULL) {
    printf("FAIL  instruction set %s is not there\n0 passed, 1 failed\n", argv[1]);
    return 1;
  }
  judge_packed_product();
  judge_ternary_decode();
  judge_quantize();
  judge_dot();
  JUDGE_ROW_DOT(f16, 1, 2, 1, 0);
  JUDGE_ROW_DOT(bf16, 1, 2, 0, 0);
  JUDGE_ROW_DOT(q4_0, 32, 18, 1, 0);
  JUDGE_ROW_DOT(q4_1, 32, 20, 2, 0);
  JUDGE_ROW_DOT(q5_0, 32, 22, 1, 0);
  JUDGE_ROW_DOT(q5_1, 32, 24, 2, 0);
  JUDGE_ROW_DOT(q8_0, 32, 34, 1, 0);
  JUDGE_ROW_DOT(q4_k, 256, 144, 2, 0);
  JUDGE_ROW_DOT(q5_k, 256, 176, 2, 0);
  JUDGE_ROW_DOT(q6_k, 256, 210, 1, 208);
  judge_int8_product();
  judge_rms_norm();
  judge_elementwise("add", judged->add, specification->add);
  judge_attend();
  judge_attend_merge();
  judge_to_f16();
  judge_elementwise("silu_gate", judged->silu_gate, specification->silu_gate);
  judge_elementwise("relu2_gate", judged->relu2_gate, specification->relu2_gate);
  judge_rotate();
  judge_dequantize();
  printf("%zu passed, %zu failed\n", kernels_passed, kernels_failed);
  return kernels_failed > 0;
}
