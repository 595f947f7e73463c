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

static void int8_product(const int8_t *codes, size_t n, size_t rows, const float *scales, const ck_split *x, float *out,
                         size_t out_stride) {
  size_t t = 0;
  for (; t + 8 <= x->tokens; t += 8)
    for (size_t r = 0; r < rows; r++)
      split_block(codes + r * n, n, 1, scales + r, x, t, 8, out + r, out_stride);
  for (; t + 4 <= x->tokens; t += 4)
    for (size_t r = 0; r < rows; r++)
      split_block(codes + r * n, n, 1, scales + r, x, t, 4, out + r, out_stride);
  for (; t + 2 <= x->tokens; t += 2) {
    size_t r = 0;
    for (; r + 2 <= rows; r += 2)
      split_block(codes + r * n, n, 2, scales + r, x, t, 2, out + r, out_stride);
    for (; r < rows; r++)
      split_block(codes + r * n, n, 1, scales + r, x, t, 2, out + r, out_stride);
  }
  for (; t < x->tokens; t++) {
    size_t r = 0;
    for (; r + 4 <= rows; r += 4)
      split_block(codes + r * n, n, 4, scales + r, x, t, 1, out + r, out_stride);
    for (; r < rows; r++)
      split_block(codes + r * n, n, 1, scales + r, x, t, 1, out + r, out_stride);
  }
}
