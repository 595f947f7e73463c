// Products with one row of 256-element blocks (the K-quants), decoded in registers: included by encoded_rows_body.h. A
// block is eight steps of 32 elements, what the two accumulators of the fixed order of sums take.

// The eight scales and eight minima of a block of Q4_K or Q5_K, six bits each in 12 bytes, times the halves before them.
CK_INLINE void ck_scales_and_minima(const uint8_t *block, float *out) {
  uint32_t packed[3];
  memcpy(packed, block + 4, sizeof packed);
  // Four bytes at a time: the first four of each kind lie whole, the others have their upper two bits with those.
  const uint32_t low = 0x3f3f3f3f, nibbles = 0x0f0f0f0f, pair = 0x03030303;
  const uint32_t bytes[4] = {
      packed[0] & low,
      (packed[2] & nibbles) | (packed[0] >> 6 & pair) << 4,
      packed[1] & low,
      (packed[2] >> 4 & nibbles) | (packed[1] >> 6 & pair) << 4,
  };
  const float d = ck_scale(block), m = ck_scale(block + 2);
  const v16 factors = {d, d, d, d, d, d, d, d, m, m, m, m, m, m, m, m};
  ck_store(out, factors * __builtin_convertvector(ck_load_bytes((const uint8_t *)bytes), v16));
}

CK_INLINE void ck_scales_q4_k(const uint8_t *block, float *out) { ck_scales_and_minima(block, out); }
CK_INLINE void ck_scales_q5_k(const uint8_t *block, float *out) { ck_scales_and_minima(block, out); }

CK_INLINE void ck_scales_q6_k(const uint8_t *block, float *out) {
  ck_store(out, ck_scale(block + 208) * ck_widen((const int8_t *)block + 192));
}

// Half `h` of the 32 elements of step `j`, both constants where these are inlined.

CK_INLINE v16 ck_load16_q4_k(const uint8_t *block, const float *scales, int j, int h) {
  const u8x16 q = ck_load_bytes(block + 16 + 32 * (j / 2) + 16 * h) >> 4 * (j % 2) & 15;
  return scales[j] * __builtin_convertvector(q, v16) - scales[8 + j];
}

CK_INLINE v16 ck_load16_q5_k(const uint8_t *block, const float *scales, int j, int h) {
  const u8x16 low = ck_load_bytes(block + 48 + 32 * (j / 2) + 16 * h) >> 4 * (j % 2) & 15;
  const u8x16 high = ck_load_bytes(block + 16 + 16 * h) >> j & 1;
  return scales[j] * __builtin_convertvector(low | high << 4, v16) - scales[8 + j];
}

CK_INLINE v16 ck_load16_q6_k(const uint8_t *block, const float *scales, int j, int h) {
  const u8x16 low = ck_load_bytes(block + 64 * (j / 4) + 32 * (j % 2) + 16 * h) >> 4 * (j % 4 / 2) & 15;
  const u8x16 high = ck_load_bytes(block + 128 + 32 * (j / 4) + 16 * h) >> 2 * (j % 4) & 3;
  return scales[2 * j + h] * __builtin_convertvector((b16)((low | high << 4) - 32), v16);
}

#define CK_KQUANT_DOT(TYPE, BYTES)                                                                                     \
  static float ck_row_dot_##TYPE(const uint8_t *row, size_t n, const float *x) {                                       \
    v16 even = {0}, odd = {0};                                                                                         \
    for (size_t b = 0; b < n / 256; b++, row += BYTES) {                                                               \
      float scales[16];                                                                                                \
      ck_scales_##TYPE(row, scales);                                                                                   \
      _Pragma("clang loop unroll(full)") for (int j = 0; j < 8; j++, x += 32) {                                        \
        even = __builtin_elementwise_fma(ck_load16_##TYPE(row, scales, j, 0), ck_load(x), even);                       \
        odd = __builtin_elementwise_fma(ck_load16_##TYPE(row, scales, j, 1), ck_load(x + 16), odd);                    \
      }                                                                                                                \
    }                                                                                                                  \
    return ck_sum(even + odd);                                                                                         \
  }

CK_KQUANT_DOT(q4_k, 144)
CK_KQUANT_DOT(q5_k, 176)
CK_KQUANT_DOT(q6_k, 210)
