// Products of int8 activations with packed trits, compiled once per instruction set: included after float_body.h by a file
// that has defined
//   ternary_dot       the sums of one token with some rows, decoded in registers
//   tile_sums         a vector of partial sums, and tile_total, which adds its lanes
//   tile_dot          adds the products of CK_TILE_STEP unsigned codes and activations to partial sums
//   CK_TILE_ROWS      a divisor of CK_PACKED_ROWS: rows and
//   CK_TILE_TOKENS    tokens whose sums stay in registers together
// All sums are exact integers, so that their order does not matter.

// Codes as bytes in the order of the elements, without the offset of 1.
CK_INLINE void ck_unpack_codes(const uint8_t *codes, size_t n, uint8_t *out) {
  for (size_t b = 0; b < n / CK_TERNARY_BLOCK; b++, codes += 32, out += CK_TERNARY_BLOCK)
    for (size_t p = 0; p < 32; p++) {
      out[p] = codes[p] >> 6;
      out[p + 32] = codes[p] >> 4 & 3;
      out[p + 64] = codes[p] >> 2 & 3;
      out[p + 96] = codes[p] & 3;
    }
}

// CK_TILE_ROWS unpacked rows, n bytes apart, against `tokens` (a constant where this is inlined) from `first` on; of the
// rows, `rows` are wanted.
CK_INLINE void ck_tile_block(const uint8_t *tile, size_t n, size_t rows, const ck_activations *x, size_t first,
                             size_t tokens, float scale, float *out, size_t out_stride) {
  const int8_t *input = x->codes + first * x->stride;
  tile_sums sums[CK_TILE_ROWS][CK_TILE_TOKENS];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < CK_TILE_ROWS; r++)
#pragma clang loop unroll(full)
    for (size_t t = 0; t < tokens; t++)
      sums[r][t] = (tile_sums){0};
  for (size_t i = 0; i < n; i += CK_TILE_STEP) {
#pragma clang loop unroll(full)
    for (size_t r = 0; r < CK_TILE_ROWS; r++)
#pragma clang loop unroll(full)
      for (size_t t = 0; t < tokens; t++)
        sums[r][t] = tile_dot(sums[r][t], tile + r * n + i, input + t * x->stride + i);
  }
#pragma clang loop unroll(full)
  for (size_t r = 0; r < CK_TILE_ROWS; r++)
#pragma clang loop unroll(full)
    for (size_t t = 0; t < tokens; t++)
      if (r < rows)
        out[t * out_stride + r] =
            (float)(tile_total(sums[r][t]) - x->sums[first + t]) * (scale * x->scales[first + t]);
}

// One tile against all tokens.
static void ck_tile_product(const uint8_t *tile, size_t n, size_t rows, const ck_activations *x, float scale, float *out,
                            size_t out_stride) {
  size_t t = 0;
  for (; t + CK_TILE_TOKENS <= x->tokens; t += CK_TILE_TOKENS)
    for (size_t r = 0; r < rows; r += CK_TILE_ROWS)
      ck_tile_block(tile + r * n, n, rows - r, x, t, CK_TILE_TOKENS, scale, out + t * out_stride + r, out_stride);
  for (; t + 2 <= x->tokens; t += 2)
    for (size_t r = 0; r < rows; r += CK_TILE_ROWS)
      ck_tile_block(tile + r * n, n, rows - r, x, t, 2, scale, out + t * out_stride + r, out_stride);
  for (; t < x->tokens; t++)
    for (size_t r = 0; r < rows; r += CK_TILE_ROWS)
      ck_tile_block(tile + r * n, n, rows - r, x, t, 1, scale, out + t * out_stride + r, out_stride);
}

static void ck_packed_product(const uint8_t *codes, size_t n, size_t rows, const ck_activations *x, float scale,
                              float *out, size_t out_stride, uint8_t *tile) {
  for (size_t r = 0; r < rows; r += CK_PACKED_ROWS) {
    const size_t height = rows - r < CK_PACKED_ROWS ? rows - r : CK_PACKED_ROWS;
    const uint8_t *source = codes + r * (n / 4);
    if (x->tokens > CK_PACKED_FEW) {
      for (size_t k = 0; k < height; k++)
        ck_unpack_codes(source + k * (n / 4), n, tile + k * n);
      // Rows that are missing for a whole block are computed and thrown away.
      memset(tile + height * n, 0, (CK_PACKED_ROWS - height) * n);
      ck_tile_product(tile, n, height, x, scale, out + r, out_stride);
      continue;
    }
    for (size_t t = 0; t < x->tokens; t++) {
      int32_t sums[CK_PACKED_ROWS];
      ternary_dot(source, n, height, x->codes + t * x->stride, x->sums[t], sums);
      const float factor = scale * x->scales[t];
      for (size_t k = 0; k < height; k++)
        out[t * out_stride + r + k] = (float)sums[k] * factor;
    }
  }
}
