// The specification: what every other instruction set must reproduce bit for bit.
#define CK_BLOCK_ROWS 1
#define CK_BLOCK_TOKENS 2
#define CK_ATTEND_SUMS 4
#include "float_body.h"

static void packed_product(const uint8_t *codes, size_t n, size_t rows, const ck_activations *x, float scale,
                           float *out, size_t out_stride, uint8_t *tile) {
  (void)tile;
  for (size_t r = 0; r < rows; r++, codes += n / 4)
    for (size_t t = 0; t < x->tokens; t++) {
      const int8_t *input = x->codes + t * x->stride;
      // Wraps where a sum of more than 2^31 / 384 = 5.6 M inputs could; matrices are far narrower (checked by the caller).
      int32_t sum = 0;
      for (size_t i = 0; i < n; i++) {
        size_t e = i % CK_TERNARY_BLOCK;
        int32_t code = (codes[i / CK_TERNARY_BLOCK * 32 + e % 32] >> (6 - 2 * (e / 32))) & 3;
        sum += code * input[i];
      }
      out[t * out_stride + r] = (float)(sum - x->sums[t]) * (scale * x->scales[t]);
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

static void interleaved_product(const uint8_t *codes, size_t blocks, size_t rows, const ck_activations *x, float scale,
                                float *out, size_t out_stride, uint8_t *tile) {
  (void)tile;
  for (size_t r = 0; r < rows; r++)
    for (size_t t = 0; t < x->tokens; t++) {
      const uint8_t *block = codes + r / CK_INTERLEAVED_ROWS * blocks * CK_INTERLEAVED_BYTES;
      const int8_t *input = x->codes + t * x->stride;
      int32_t sum = 0;
      for (size_t j = 0; j < blocks; j++, block += CK_INTERLEAVED_BYTES, input += CK_INTERLEAVED_INPUTS)
        for (size_t i = 0; i < 4; i++) {
          size_t bit = 5 * (4 * (r % CK_INTERLEAVED_ROWS) + i);
          int32_t code = ((block[bit / 8] | (bit % 8 > 3 ? block[bit / 8 + 1] << 8 : 0)) >> bit % 8) & 31;
          sum += code % 3 * input[i] + code / 3 % 3 * input[4 + i] + code / 9 * input[8 + i];
        }
      out[t * out_stride + r] = (float)(sum - x->sums[t]) * (scale * x->scales[t]);
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
    out[i] = ck_to_int8(x[i], scale);
    total += out[i];
  }
  *sum = total;
  return scale;
}

static void split_sums(const int8_t *codes, size_t n, size_t rows, const ck_split *x, size_t first, size_t tokens,
                       int32_t *high, int32_t *low) {
  for (size_t r = 0; r < rows; r++)
    for (size_t t = 0; t < tokens; t++) {
      int32_t h = 0, l = 0;
      for (size_t i = 0; i < n; i++) {
        h += codes[r * n + i] * x->high[(first + t) * x->stride + i];
        l += codes[r * n + i] * x->low[(first + t) * x->stride + i];
      }
      high[r * tokens + t] = h;
      low[r * tokens + t] = l;
    }
}

#include "int8_product_body.h"

const ck_kernels ck_kernels_scalar = {
    CK_FLOAT_KERNELS,
    .packed_product = packed_product,
    .interleaved_product = interleaved_product,
    .ternary_decode = ternary_decode,
    .quantize = quantize,
    .int8_product = int8_product,
};

void ck_interleave(const uint8_t *codes, size_t row_bytes, size_t rows, size_t columns, size_t blocks, uint8_t *digits,
                   uint8_t *out) {
  const size_t width = (row_bytes * 4 > blocks * CK_INTERLEAVED_INPUTS ? row_bytes * 4 : blocks * CK_INTERLEAVED_INPUTS);
  // First every weight to a byte of its own, as value + 1; what is missing is the weight 0.
  memset(digits, 1, CK_INTERLEAVED_ROWS * width);
  for (size_t r = 0; r < rows; r++) {
    uint8_t *target = digits + r * width;
    const uint8_t *source = codes + r * row_bytes;
    for (size_t b = 0; b < row_bytes / 32; b++, source += 32, target += CK_TERNARY_BLOCK)
      for (size_t p = 0; p < 32; p++) {
        target[p] = source[p] >> 6;
        target[p + 32] = (source[p] >> 4) & 3;
        target[p + 64] = (source[p] >> 2) & 3;
        target[p + 96] = source[p] & 3;
      }
    memset(digits + r * width + columns, 1, width - columns);
  }
  for (size_t j = 0; j < blocks; j++, out += CK_INTERLEAVED_BYTES)
    for (size_t q = 0; q < 8; q++) {
      // Two rows of four codes each, all eight at once: no sum passes 26.
      uint64_t bits = 0;
      for (size_t half = 0; half < 2; half++) {
        const uint8_t *d = digits + (2 * q + half) * width + j * CK_INTERLEAVED_INPUTS;
        uint32_t w0, w1, w2;
        memcpy(&w0, d, 4);
        memcpy(&w1, d + 4, 4);
        memcpy(&w2, d + 8, 4);
        bits |= (uint64_t)(w0 + 3 * w1 + 9 * w2) << (32 * half);
      }
      // The five bits of every byte move together: by pairs, by fours, all eight.
      bits = (bits & 0x001f001f001f001f) | (bits & 0x1f001f001f001f00) >> 3;
      bits = (bits & 0x000003ff000003ff) | (bits & 0x03ff000003ff0000) >> 6;
      bits = (bits & 0x00000000000fffff) | (bits & 0x000fffff00000000) >> 12;
      memcpy(out + 5 * q, &bits, 5);
    }
}

void ck_encode_int8(const float *row, size_t n, int8_t *codes, float *scale, double *error, double *norm) {
  float largest = 0;
  for (size_t i = 0; i < n; i++)
    largest = fabsf(row[i]) > largest ? fabsf(row[i]) : largest;
  *scale = largest > 0 ? largest / 127.0f : 1.0f;
  // Eight sums side by side, which the compiler makes vectors of; their error is far below what the bound allows for.
  double errors[8] = {0}, squares[8] = {0};
  float inverse = 1.0f / *scale;
  for (size_t i = 0; i < n; i++) {
    float scaled = row[i] * inverse;
    codes[i] = (int8_t)(int32_t)(scaled + (scaled < 0 ? -0.5f : 0.5f));
    double difference = (double)row[i] - (double)*scale * codes[i];
    errors[i % 8] += difference * difference;
    squares[i % 8] += (double)row[i] * row[i];
  }
  double error_sum = 0, square_sum = 0;
  for (int i = 0; i < 8; i++) {
    error_sum += errors[i];
    square_sum += squares[i];
  }
  *error = sqrt(error_sum);
  *norm = sqrt(square_sum);
}

void ck_split_row(const float *row, size_t n, int8_t *high, int8_t *low, float *scale, int32_t *high_sum,
                  int32_t *low_sum, double *error, double *norm) {
  float largest = 0;
  bool finite = true;
  for (size_t i = 0; i < n; i++) {
    largest = fabsf(row[i]) > largest ? fabsf(row[i]) : largest;
    finite &= isfinite(row[i]) != 0;
  }
  *high_sum = *low_sum = 0;
  *error = *norm = 0;
  // 127 high steps of 128.
  *scale = finite ? largest / 16256.0f : NAN;
  if (*scale == 0)
    *scale = 1;
  for (size_t i = 0; i < n; i++) {
    const float scaled = finite ? rintf(row[i] / *scale) : 0;
    const int32_t integer = (int32_t)(scaled > 16256 ? 16256 : scaled < -16256 ? -16256 : scaled);
    high[i] = (int8_t)((integer + 64) >> 7);
    low[i] = (int8_t)(integer - 128 * high[i]);
    *high_sum += high[i];
    *low_sum += low[i];
    const double difference = (double)row[i] - (double)*scale * integer;
    *error += difference * difference;
    *norm += (double)row[i] * row[i];
  }
  *error = sqrt(*error);
  *norm = sqrt(*norm);
}

uint64_t ck_sum_words(const uint64_t *words, size_t count) {
  uint64_t a = 0, b = 0, c = 0, d = 0;
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    a += words[i];
    b += words[i + 1];
    c += words[i + 2];
    d += words[i + 3];
  }
  return a + b + c + d;
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
