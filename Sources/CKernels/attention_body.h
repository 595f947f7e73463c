// Causal attention and its softmax, compiled once per instruction set: included by float_body.h.

// Scores become weights: exp(score - largest), 16 at a time; the padding behind them must be -infinity.
CK_INLINE void ck_weights(float *scores, size_t padded, float *largest, float *total) {
  v16 most = ck_load(scores);
  for (size_t p = 16; p < padded; p += 16) {
    const v16 s = ck_load(scores + p);
    most = ck_select(s > most, s, most);
  }
  *largest = most[0];
  for (int l = 1; l < 16; l++)
    *largest = most[l] > *largest ? most[l] : *largest;
  v16 sums = {0};
  for (size_t p = 0; p < padded; p += 16) {
    const v16 e = ck_exp(ck_load(scores + p) - *largest);
    ck_store(scores + p, e);
    sums += e;
  }
  *total = ck_sum(sums);
}

// 16 cached elements from the byte `at` elements in.
CK_INLINE v16 ck_load_cached(const uint8_t *cache, int type, size_t at) {
  switch (type) {
  case CK_CACHE_F16:
    return ck_widen_halves(cache + 2 * at);
  case CK_CACHE_Q8:
    return ck_widen((const int8_t *)cache + at);
  default:
    return ck_load((const float *)cache + at);
  }
}

// The sums that attention keeps in registers, as vectors of 16: CK_ATTEND_SUMS, a power of two up to 16 that the including
// file sets. No sum runs over several of them, so that the number changes no bit.

// Scores of `blocks` times 16 positions: keys lie with 16 positions side by side, so that a score is a lane, its sum runs
// over the head's dimensions in order, and nothing crosses lanes. `queries`, `type` and `blocks` are constants where this
// is inlined. `next` is what will be read after this; `key_scales` belong to int8 keys.
CK_INLINE void ck_score_block(const float *q, size_t queries, const uint8_t *keys, const uint8_t *next, int type,
                              size_t blocks, size_t n, const float *key_scales, float scale, float *scores) {
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
      // Once per cache line; floats are too many to be fetched ahead.
      if (type == CK_CACHE_F16 && i % 2 == 0)
        __builtin_prefetch(next + 2 * at);
      if (type == CK_CACHE_Q8 && i % 4 == 0)
        __builtin_prefetch(next + at);
      const v16 key = ck_load_cached(keys, type, at);
#pragma clang loop unroll(full)
      for (size_t k = 0; k < queries; k++)
        sums[b][k] = __builtin_elementwise_fma(ck_splat(q[k * n + i]), key, sums[b][k]);
    }
  }
#pragma clang loop unroll(full)
  for (size_t b = 0; b < blocks; b++)
#pragma clang loop unroll(full)
    for (size_t k = 0; k < queries; k++)
      ck_store(scores + k * CK_STRETCH + 16 * b,
               (type == CK_CACHE_Q8 ? sums[b][k] * ck_load(key_scales + 16 * b) : sums[b][k]) * scale);
}

CK_INLINE void ck_scores_of(const float *q, size_t queries, const ck_attention *a, int type, float *scores) {
  const size_t n = a->head_size, group = 16 * n * CK_CACHE_BYTES(type), most = CK_ATTEND_SUMS / queries;
  const size_t groups = most < CK_PAGE / 16 ? most : CK_PAGE / 16;
  for (size_t p = 0; p < a->count; p += CK_PAGE) {
    const uint8_t *keys = a->pages[p / CK_PAGE] + a->keys;
    const float *key_scales = (const float *)(keys + CK_PAGE * n);
    if (p + CK_PAGE <= a->count) {
      const uint8_t *next = p + CK_PAGE < a->count ? a->pages[p / CK_PAGE + 1] + a->keys : a->pages[0] + a->values;
      for (size_t g = 0; g < CK_PAGE / 16; g += groups)
        ck_score_block(q, queries, keys + g * group, next + g * group, type, groups, n, key_scales + 16 * g, a->scale,
                       scores + p + 16 * g);
    } else {
      for (size_t r = 0; p + r < a->count; r += 16, keys += group)
        ck_score_block(q, queries, keys, keys + group, type, 1, n, key_scales + r, a->scale, scores + p + r);
    }
  }
}

CK_INLINE void ck_scores(const float *q, size_t queries, const ck_attention *a, float *scores) {
  switch (a->type) {
  case CK_CACHE_F16:
    return ck_scores_of(q, queries, a, CK_CACHE_F16, scores);
  case CK_CACHE_Q8:
    return ck_scores_of(q, queries, a, CK_CACHE_Q8, scores);
  default:
    return ck_scores_of(q, queries, a, CK_CACHE_F32, scores);
  }
}

// Decodes the first `count` positions of a page's values to `tile`, `[count, head_size]`. `next` are the values that will
// be read after these.
CK_INLINE const float *ck_decode_values(const uint8_t *values, const uint8_t *next, int type, size_t count,
                                      size_t head_size, float *tile) {
  const float *scales = (const float *)(values + CK_PAGE * head_size);
  for (size_t p = 0; p < count; p++) {
    const size_t row = p * head_size;
    size_t i = 0;
    for (; i + 16 <= head_size; i += 16) {
      __builtin_prefetch(next + CK_CACHE_BYTES(type) * (row + i));
      const v16 value = ck_load_cached(values, type, row + i);
      ck_store(tile + row + i, type == CK_CACHE_Q8 ? value * scales[p] : value);
    }
    for (; i < head_size; i++)
      tile[row + i] = type == CK_CACHE_Q8 ? (float)((const int8_t *)values)[row + i] * scales[p]
                                          : ck_f16_to_f32(((const uint16_t *)values)[row + i]);
  }
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
  const size_t n = a->head_size, count = a->tokens * a->heads, padded = (a->count + 15) / 16 * 16;
  float *queries = scratch, *tile = queries + count * n, *scores = tile + CK_PAGE * n;
  for (size_t q = 0; q < count; q++)
    memcpy(queries + q * n, a->queries + q / a->heads * a->query_stride + q % a->heads * n, n * sizeof(float));
  size_t done = 0;
  for (; done + 4 <= count; done += 4)
    ck_scores(queries + done * n, 4, a, scores + done * CK_STRETCH);
  for (; done + 2 <= count; done += 2)
    ck_scores(queries + done * n, 2, a, scores + done * CK_STRETCH);
  for (; done < count; done++)
    ck_scores(queries + done * n, 1, a, scores + done * CK_STRETCH);
  // A query sees the positions up to its own token's last; those behind get the weight 0, which changes no sum.
  float *sums = queries;
  for (size_t q = 0; q < count; q++) {
    float *row = scores + q * CK_STRETCH, *partial = a->out + q * CK_PARTIAL(n);
    const size_t all = a->seen + q / a->heads * a->step, seen = all < a->count ? all : a->count;
    for (size_t p = seen; p < padded; p++)
      row[p] = -INFINITY;
    ck_weights(row, padded, partial + n, partial + n + 1);
  }
  memset(sums, 0, count * n * sizeof(float));
  for (size_t p = 0; p < a->count; p += CK_PAGE) {
    const size_t height = a->count - p < CK_PAGE ? a->count - p : CK_PAGE;
    const uint8_t *page = a->pages[p / CK_PAGE], *next = p + CK_PAGE < a->count ? a->pages[p / CK_PAGE + 1] : page;
    const float *values = a->type == CK_CACHE_Q8
                              ? ck_decode_values(page + a->values, next + a->values, CK_CACHE_Q8, height, n, tile)
                          : a->type == CK_CACHE_F16
                              ? ck_decode_values(page + a->values, next + a->values, CK_CACHE_F16, height, n, tile)
                              : (const float *)(page + a->values);
    size_t q = 0;
    for (; q + 4 <= count; q += 4)
      ck_weigh_values(scores + q * CK_STRETCH + p, CK_STRETCH, values, height, n, 4, sums + q * n);
    for (; q + 2 <= count; q += 2)
      ck_weigh_values(scores + q * CK_STRETCH + p, CK_STRETCH, values, height, n, 2, sums + q * n);
    for (; q < count; q++)
      ck_weigh_values(scores + q * CK_STRETCH + p, CK_STRETCH, values, height, n, 1, sums + q * n);
  }
  for (size_t q = 0; q < count; q++)
    memcpy(a->out + q * CK_PARTIAL(n), sums + q * n, n * sizeof(float));
}

static void ck_attend_merge(float *into, const float *from, size_t n) {
  const float a = into[n], b = from[n], largest = a > b ? a : b;
  // One of the two is exp(0), exactly 1.
  const float keep = ck_exp((v16){0} + (a - largest))[0], add = ck_exp((v16){0} + (b - largest))[0];
  for (size_t i = 0; i < n; i++)
    into[i] = into[i] * keep + from[i] * add;
  into[n] = largest;
  into[n + 1] = into[n + 1] * keep + from[n + 1] * add;
}
