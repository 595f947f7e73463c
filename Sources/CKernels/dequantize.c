#include "dequantize.h"

// Plain scalar loops with constant trip counts: clang turns them into vector code for whatever it compiles for.
// Scales are read with memcpy since blocks of 18 or 34 bytes leave them at odd addresses.

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "model files are little-endian and read in place"
#endif

static inline uint16_t load_u16(const uint8_t *bytes) {
  uint16_t value;
  memcpy(&value, bytes, 2);
  return value;
}

static inline uint32_t load_u32(const uint8_t *bytes) {
  uint32_t value;
  memcpy(&value, bytes, 4);
  return value;
}

static inline float load_f16(const uint8_t *bytes) { return ck_f16_to_f32(load_u16(bytes)); }

// MARK: plain numbers

void ck_dequantize_f32(const uint8_t *blocks, size_t block_count, float *out) { memcpy(out, blocks, block_count * 4); }

void ck_dequantize_f16(const uint8_t *restrict blocks, size_t block_count, float *restrict out) {
  for (size_t i = 0; i < block_count; i++) out[i] = load_f16(blocks + 2 * i);
}

void ck_dequantize_bf16(const uint8_t *restrict blocks, size_t block_count, float *restrict out) {
  for (size_t i = 0; i < block_count; i++) out[i] = ck_bf16_to_f32(load_u16(blocks + 2 * i));
}

#define PLAIN(NAME, TYPE)                                                                                \
  void ck_dequantize_##NAME(const uint8_t *restrict blocks, size_t block_count, float *restrict out) {   \
    for (size_t i = 0; i < block_count; i++) {                                                           \
      TYPE value;                                                                                        \
      memcpy(&value, blocks + sizeof(TYPE) * i, sizeof(TYPE));                                           \
      out[i] = (float)value;                                                                             \
    }                                                                                                    \
  }

PLAIN(f64, double)
PLAIN(u8, uint8_t)
PLAIN(i8, int8_t)
PLAIN(i16, int16_t)
PLAIN(i32, int32_t)
PLAIN(i64, int64_t)

// MARK: blocks of 32

// Nibbles as bytes in element order. With this step of its own clang vectorizes both it and the arithmetic after it.
static inline void split_nibbles(const uint8_t *restrict q, uint8_t *restrict nibbles) {
  for (int j = 0; j < 16; j++) nibbles[j] = q[j] & 15;
  for (int j = 0; j < 16; j++) nibbles[16 + j] = q[j] >> 4;
}

void ck_dequantize_q4_0(const uint8_t *restrict blocks, size_t block_count, float *restrict out) {
  for (size_t b = 0; b < block_count; b++, blocks += 18, out += 32) {
    const float d = load_f16(blocks);
    uint8_t q[32];
    split_nibbles(blocks + 2, q);
    for (int j = 0; j < 32; j++) out[j] = d * (float)((int)q[j] - 8);
  }
}

void ck_dequantize_q4_1(const uint8_t *restrict blocks, size_t block_count, float *restrict out) {
  for (size_t b = 0; b < block_count; b++, blocks += 20, out += 32) {
    const float d = load_f16(blocks), m = load_f16(blocks + 2);
    uint8_t q[32];
    split_nibbles(blocks + 4, q);
    for (int j = 0; j < 32; j++) out[j] = d * (float)(int)q[j] + m;
  }
}

void ck_dequantize_q5_0(const uint8_t *restrict blocks, size_t block_count, float *restrict out) {
  for (size_t b = 0; b < block_count; b++, blocks += 22, out += 32) {
    const float d = load_f16(blocks);
    const uint32_t high = load_u32(blocks + 2);
    uint8_t q[32];
    split_nibbles(blocks + 6, q);
    for (int j = 0; j < 32; j++) out[j] = d * (float)((int)(q[j] | (high >> j & 1) << 4) - 16);
  }
}

void ck_dequantize_q5_1(const uint8_t *restrict blocks, size_t block_count, float *restrict out) {
  for (size_t b = 0; b < block_count; b++, blocks += 24, out += 32) {
    const float d = load_f16(blocks), m = load_f16(blocks + 2);
    const uint32_t high = load_u32(blocks + 4);
    uint8_t q[32];
    split_nibbles(blocks + 8, q);
    for (int j = 0; j < 32; j++) out[j] = d * (float)(int)(q[j] | (high >> j & 1) << 4) + m;
  }
}

void ck_dequantize_q8_0(const uint8_t *restrict blocks, size_t block_count, float *restrict out) {
  for (size_t b = 0; b < block_count; b++, blocks += 34, out += 32) {
    const float d = load_f16(blocks);
    const uint8_t *q = blocks + 2;
    for (int j = 0; j < 32; j++) out[j] = (float)(int8_t)q[j] * d;
  }
}

// MARK: blocks of 256

// Eight 6-bit scales and eight 6-bit minima in 12 bytes, shared by Q4_K and Q5_K.
static inline void scale_and_minimum(const uint8_t *s, int j, uint8_t *scale, uint8_t *minimum) {
  if (j < 4) {
    *scale = s[j] & 63;
    *minimum = s[j + 4] & 63;
  } else {
    *scale = (uint8_t)((s[j + 4] & 15) | ((s[j - 4] >> 6) << 4));
    *minimum = (uint8_t)((s[j + 4] >> 4) | ((s[j] >> 6) << 4));
  }
}

void ck_dequantize_q4_k(const uint8_t *restrict blocks, size_t block_count, float *restrict out) {
  for (size_t b = 0; b < block_count; b++, blocks += 144, out += 256) {
    const float d = load_f16(blocks), dmin = load_f16(blocks + 2);
    for (int j = 0; j < 8; j++) {
      uint8_t scale, minimum;
      scale_and_minimum(blocks + 4, j, &scale, &minimum);
      const float ds = d * (float)(int)scale, dm = dmin * (float)(int)minimum;
      const uint8_t *q = blocks + 16 + 32 * (j / 2);
      const int shift = 4 * (j % 2);
      for (int l = 0; l < 32; l++) out[32 * j + l] = ds * (float)(int)(q[l] >> shift & 15) - dm;
    }
  }
}

void ck_dequantize_q5_k(const uint8_t *restrict blocks, size_t block_count, float *restrict out) {
  for (size_t b = 0; b < block_count; b++, blocks += 176, out += 256) {
    const float d = load_f16(blocks), dmin = load_f16(blocks + 2);
    const uint8_t *high = blocks + 16;
    for (int j = 0; j < 8; j++) {
      uint8_t scale, minimum;
      scale_and_minimum(blocks + 4, j, &scale, &minimum);
      const float ds = d * (float)(int)scale, dm = dmin * (float)(int)minimum;
      const uint8_t *q = blocks + 48 + 32 * (j / 2);
      const int shift = 4 * (j % 2);
      for (int l = 0; l < 32; l++) {
        out[32 * j + l] = ds * (float)(int)((q[l] >> shift & 15) | ((high[l] >> j & 1) << 4)) - dm;
      }
    }
  }
}

void ck_dequantize_q6_k(const uint8_t *restrict blocks, size_t block_count, float *restrict out) {
  for (size_t b = 0; b < block_count; b++, blocks += 210, out += 256) {
    const uint8_t *scales = blocks + 192;
    const float d = load_f16(blocks + 208);
    for (int g = 0; g < 8; g++) {  // 32 elements that share shifts; two scales of 16
      const uint8_t *low = blocks + 64 * (g / 4) + 32 * (g % 2);
      const uint8_t *high = blocks + 128 + 32 * (g / 4);
      const int low_shift = 4 * (g % 4 / 2), high_shift = 2 * (g % 4);
      uint8_t q[32];
      for (int l = 0; l < 32; l++) {
        q[l] = (uint8_t)((low[l] >> low_shift & 15) | (high[l] >> high_shift & 3) << 4);
      }
      const float first = d * (float)(int8_t)scales[2 * g], second = d * (float)(int8_t)scales[2 * g + 1];
      for (int l = 0; l < 16; l++) out[32 * g + l] = first * (float)((int)q[l] - 32);
      for (int l = 16; l < 32; l++) out[32 * g + l] = second * (float)((int)q[l] - 32);
    }
  }
}

// The ternary digit that multiplying by `power` (mod 256) brings to the top of a base-3 byte, minus one, times d.
static inline float digit(uint8_t byte, uint8_t power, float d) {
  const uint8_t shifted = (uint8_t)(byte * power);
  return d * (float)((shifted * 3 >> 8) - 1);
}

void ck_dequantize_tq1_0(const uint8_t *restrict blocks, size_t block_count, float *restrict out) {
  static const uint8_t powers[5] = {1, 3, 9, 27, 81};
  for (size_t b = 0; b < block_count; b++, blocks += 54, out += 256) {
    const float d = load_f16(blocks + 52);
    for (int n = 0; n < 5; n++) {
      for (int j = 0; j < 32; j++) out[32 * n + j] = digit(blocks[j], powers[n], d);
    }
    for (int n = 0; n < 5; n++) {
      for (int j = 0; j < 16; j++) out[160 + 16 * n + j] = digit(blocks[32 + j], powers[n], d);
    }
    for (int n = 0; n < 4; n++) {
      for (int j = 0; j < 4; j++) out[240 + 4 * n + j] = digit(blocks[48 + j], powers[n], d);
    }
  }
}

void ck_dequantize_tq2_0(const uint8_t *restrict blocks, size_t block_count, float *restrict out) {
  for (size_t b = 0; b < block_count; b++, blocks += 66, out += 256) {
    const float d = load_f16(blocks + 64);
    for (int g = 0; g < 8; g++) {
      const uint8_t *q = blocks + 32 * (g / 4);
      const int shift = 2 * (g % 4);
      for (int j = 0; j < 32; j++) out[32 * g + j] = d * (float)((int)(q[j] >> shift & 3) - 1);
    }
  }
}

// MARK: I2_S

void ck_dequantize_i2_s(const uint8_t *restrict codes, size_t first_element, size_t count, float scale,
                        float *restrict out) {
  size_t element = first_element;
  while (count > 0) {
    const uint8_t *block = codes + element / 128 * 32;
    if (element % 128 == 0 && count >= 128) {
      for (int g = 0; g < 4; g++) {
        for (int j = 0; j < 32; j++) out[32 * g + j] = (float)((int)(block[j] >> (6 - 2 * g) & 3) - 1) * scale;
      }
      element += 128, out += 128, count -= 128;
      continue;
    }
    // A run of elements with the same shift: the rest of a group of 32.
    const size_t start = element % 32, group = element % 128 / 32;
    const size_t run = 32 - start < count ? 32 - start : count;
    for (size_t j = 0; j < run; j++) {
      out[j] = (float)((int)(block[start + j] >> (6 - 2 * group) & 3) - 1) * scale;
    }
    element += run, out += run, count -= run;
  }
}
