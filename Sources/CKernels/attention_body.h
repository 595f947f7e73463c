// Causal attention and its softmax, compiled once per instruction set: included by float_body.h.

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

// The sums that attention keeps in registers, as vectors of 16: CK_ATTEND_SUMS, a power of two up to 16 that the including
// file sets. No sum runs over several of them, so that the number changes no bit.

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
      // Once per cache line, two groups of positions ahead.
      if (halves && i % 2 == 0)
        __builtin_prefetch((const uint16_t *)keys + at + 2 * blocks * n * 16);
      const v16 key =
          halves ? ck_widen_halves((const uint8_t *)((const uint16_t *)keys + at)) : ck_load((const float *)keys + at);
#pragma clang loop unroll(full)
      for (size_t k = 0; k < queries; k++)
        sums[b][k] = __builtin_elementwise_fma(ck_splat(q[k * n + i]), key, sums[b][k]);
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
  const size_t together = CK_ATTEND_SUMS / queries < 4 ? CK_ATTEND_SUMS / queries : 4;
  for (; p + 16 * together <= padded; p += 16 * together)
    if (a->halves)
      ck_score_block(q, queries, keys + p / 16 * block, true, together, n, a->scale, scores + p, padded);
    else
      ck_score_block(q, queries, keys + p / 16 * block, false, together, n, a->scale, scores + p, padded);
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
  for (; i + 32 <= n; i += 32) {
    __builtin_prefetch(source + i + 2048);
    ck_store(tile + i, ck_widen_halves((const uint8_t *)(source + i)));
    ck_store(tile + i + 16, ck_widen_halves((const uint8_t *)(source + i + 16)));
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
      const v16 weight = ck_splat(weights[q * weight_stride + p]);
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
  // Eight sums hide the latency of an addition, where the registers hold them.
  const size_t vectors = (CK_ATTEND_SUMS < 8 ? CK_ATTEND_SUMS : 8) / queries;
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
