// The specification: what every other instruction set must reproduce bit for bit.
#include "float_body.h"

static void ternary_dot(const uint8_t *codes, size_t n, size_t rows, const int8_t *x, int32_t x_sum, int32_t *out) {
  for (size_t r = 0; r < rows; r++) {
    const uint8_t *row = codes + r * (n / 4);
    // Wraps where a sum of more than 2^31 / 256 = 8.4 M inputs could; matrices are far narrower (checked by the caller).
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
      size_t e = i % CK_TERNARY_BLOCK;
      int32_t code = (row[i / CK_TERNARY_BLOCK * 32 + e % 32] >> (6 - 2 * (e / 32))) & 3;
      sum += code * x[i];
    }
    out[r] = sum - x_sum;
  }
}

static void ternary_decode(const uint8_t *codes, size_t n, float *out) {
  for (size_t b = 0; b < n / CK_TERNARY_BLOCK; b++, codes += 32, out += CK_TERNARY_BLOCK)
    for (size_t p = 0; p < 32; p++) {
      out[p] = (float)((codes[p] >> 6) & 3) - 1.0f;
      out[p + 32] = (float)((codes[p] >> 4) & 3) - 1.0f;
      out[p + 64] = (float)((codes[p] >> 2) & 3) - 1.0f;
      out[p + 96] = (float)(codes[p] & 3) - 1.0f;
    }
}

static float quantize(const float *x, size_t n, int8_t *out, int32_t *sum) {
  float largest = 1e-5f;
  for (size_t i = 0; i < n; i++) {
    float magnitude = fabsf(x[i]);
    largest = magnitude > largest ? magnitude : largest;
  }
  float scale = largest / 127.0f;
  int32_t total = 0;
  for (size_t i = 0; i < n; i++) {
    float q = rintf(x[i] / scale);
    // Not a number compares false and becomes -128, as the vector conversions make it.
    q = q >= -128.0f ? q : -128.0f;
    q = q <= 127.0f ? q : 127.0f;
    out[i] = (int8_t)q;
    total += (int8_t)q;
  }
  *sum = total;
  return scale;
}

const ck_kernels ck_kernels_scalar = {
    .dot = ck_dot,
    .ternary_dot = ternary_dot,
    .ternary_decode = ternary_decode,
    .quantize = quantize,
    .rms_norm = ck_rms_norm,
    .add = ck_add,
    .attend = ck_attend,
};

void ck_silu_gate(float *gate, const float *up, size_t n) {
  for (size_t i = 0; i < n; i++)
    gate[i] = gate[i] / (1.0f + expf(-gate[i])) * up[i];
}

void ck_relu2_gate(float *gate, const float *up, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float z = gate[i] > 0 ? gate[i] : 0;
    gate[i] = z * z * up[i];
  }
}

void ck_rotate(float *head, const float *cosines, const float *sines, size_t rotated, bool interleaved) {
  size_t half = rotated / 2;
  size_t step = interleaved ? 2 : 1, distance = interleaved ? 1 : half;
  for (size_t i = 0; i < half; i++) {
    float *a = head + i * step, *b = a + distance;
    float x = *a, y = *b;
    *a = x * cosines[i] - y * sines[i];
    *b = x * sines[i] + y * cosines[i];
  }
}
