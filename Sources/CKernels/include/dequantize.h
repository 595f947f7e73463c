// Decoding of stored tensor rows to 32-bit floats.
//
// Every function reads `block_count` whole blocks from `blocks` (no alignment needed) and writes
// `block_count * elements per block` floats. The order of the float operations is that of gguf-py and of ggml's
// reference decoders, so that the results are equal to theirs bit for bit.
#ifndef CK_DEQUANTIZE_H
#define CK_DEQUANTIZE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// IEEE half to float, exact for normal numbers, subnormals, zeros and infinities; a NaN keeps its payload.
// Branch-free integer arithmetic: loops over it vectorize without F16C.
static inline float ck_f16_to_f32(uint16_t half) {
  const uint32_t magnitude = half & 0x7FFFu;
  uint32_t bits = (magnitude << 13) + 0x38000000u;  // moves the exponent bias from 15 to 127
  bits += magnitude >= 0x7C00u ? 0x38000000u : 0u;  // infinity and NaN: exponent 255
  const float subnormal = (float)(int32_t)magnitude * 0x1p-24f;
  uint32_t subnormal_bits;
  memcpy(&subnormal_bits, &subnormal, 4);
  bits = magnitude < 0x0400u ? subnormal_bits : bits;
  bits |= (uint32_t)(half & 0x8000u) << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

// The upper half of a float.
// The other way: to nearest, half to even; beyond 65,520 infinite; subnormals kept.
static inline uint16_t ck_f32_to_f16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  bits &= 0x7fffffff;
  if (bits > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (bits >> 13 & 0x3ff));
  if (bits >= 0x477ff000) return sign | 0x7c00;
  if (bits < 0x38800000) {
    // Subnormal: adding 0.5 leaves the rounded multiple of 2^-24 in the low bits.
    float magnitude;
    memcpy(&magnitude, &bits, 4);
    magnitude += 0.5f;
    memcpy(&bits, &magnitude, 4);
    return (uint16_t)(sign | (bits - 0x3f000000));
  }
  const uint32_t odd = bits >> 13 & 1;
  return (uint16_t)(sign | ((bits + 0xfff + odd - 0x38000000) >> 13));
}

static inline float ck_bf16_to_f32(uint16_t upper) {
  const uint32_t bits = (uint32_t)upper << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

// One element per block.
void ck_dequantize_f32(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_f64(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_f16(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_bf16(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_u8(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_i8(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_i16(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_i32(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_i64(const uint8_t *blocks, size_t block_count, float *out);

// 32 elements per block of 18, 20, 22, 24 and 34 bytes.
void ck_dequantize_q4_0(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_q4_1(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_q5_0(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_q5_1(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_q8_0(const uint8_t *blocks, size_t block_count, float *out);

// 256 elements per block of 144, 176, 210, 54 and 66 bytes.
void ck_dequantize_q4_k(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_q5_k(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_q6_k(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_tq1_0(const uint8_t *blocks, size_t block_count, float *out);
void ck_dequantize_tq2_0(const uint8_t *blocks, size_t block_count, float *out);

// I2_S in the layout of every official file: element e of the flat row-major tensor is in byte
// 32 * (e / 128) + e % 32, at bit 6 - 2 * (e % 128 / 32); value = (code - 1) * scale. Code 3, which good files do
// not contain, decodes as +2 * scale. `first_element` need not be a multiple of 128.
void ck_dequantize_i2_s(const uint8_t *codes, size_t first_element, size_t count, float scale, float *out);

#endif
