// The product of int8 weights and split activations: compiled once per instruction set, behind its `split_sums`, which
// computes sums of codes * high and codes * low for a few rows and tokens, `[rows][tokens]`.

CK_INLINE void split_block(const int8_t *codes, size_t n, size_t rows, const float *scales, const ck_split *x,
                           size_t first, size_t tokens, float *out, size_t out_stride) {
  int32_t high[8], low[8];
  split_sums(codes, n, rows, x, first, tokens, high, low);
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t t = 0; t < tokens; t++) {
      const int64_t sum = 128 * (int64_t)high[r * tokens + t] + low[r * tokens + t];
      out[(first + t) * out_stride + r] = (float)sum * (scales[r] * x->scales[first + t]);
    }
}

// All tokens against a few rows, which meanwhile stay in the first-level cache.
CK_INLINE void split_rows(const int8_t *codes, size_t n, size_t rows, const float *scales, const ck_split *x, float *out,
                          size_t out_stride) {
  size_t t = 0;
  for (; t + 4 <= x->tokens; t += 4)
    for (size_t r = 0; r < rows; r += rows < 2 ? 1 : 2)
      split_block(codes + r * n, n, rows < 2 ? 1 : 2, scales + r, x, t, 4, out + r, out_stride);
  for (; t + 2 <= x->tokens; t += 2)
    split_block(codes, n, rows, scales, x, t, 2, out, out_stride);
  for (; t < x->tokens; t++)
    split_block(codes, n, rows, scales, x, t, 1, out, out_stride);
}

static void int8_product(const int8_t *codes, size_t n, size_t rows, const float *scales, const ck_split *x, float *out,
                         size_t out_stride) {
  size_t r = 0;
  for (; r + 4 <= rows; r += 4)
    split_rows(codes + r * n, n, 4, scales + r, x, out + r, out_stride);
  for (; r < rows; r++)
    split_rows(codes + r * n, n, 1, scales + r, x, out + r, out_stride);
}
