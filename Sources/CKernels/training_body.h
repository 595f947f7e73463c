// What training needs besides: backward passes, losses and the optimizer's arithmetic, row by row. Compiled once per
// instruction set: included by float_body.h, whose vectors and order of sums these share.
//
// Sums that decide a scale are taken in double precision; vectors have 8 of its lanes.

typedef double d8 __attribute__((vector_size(64)));

CK_INLINE d8 ck_widen_floats(const float *p) {
  v8 v;
  memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, d8);
}

CK_INLINE double ck_sum_doubles(d8 v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

static double ck_magnitude_sum(const float *x, size_t n) {
  d8 even = {0}, odd = {0};
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const d8 a = ck_widen_floats(x + i), b = ck_widen_floats(x + i + 8);
    even += __builtin_elementwise_abs(a);
    odd += __builtin_elementwise_abs(b);
  }
  double sum = ck_sum_doubles(even + odd);
  for (; i < n; i++)
    sum += (double)fabsf(x[i]);
  return sum;
}

static double ck_square_sum(const float *x, size_t n) {
  d8 even = {0}, odd = {0};
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const d8 a = ck_widen_floats(x + i), b = ck_widen_floats(x + i + 8);
    even += a * a;
    odd += b * b;
  }
  double sum = ck_sum_doubles(even + odd);
  for (; i < n; i++)
    sum += (double)x[i] * (double)x[i];
  return sum;
}

// The codes 0, 1, 2 of 16 weights: the trit + 1. Half to even: a quotient of 0.5 is 0.
CK_INLINE i16 ck_trit_codes(const float *w, float scale) {
  const v16 q = ck_load(w) / scale;
  return 1 - (i16)(q > 0.5f) + (i16)(q < -0.5f);
}

static void ck_ternarize(const float *w, size_t n, float scale, uint8_t *codes) {
  for (size_t i = 0; i < n; i += CK_TERNARY_BLOCK, codes += 32) {
    float last[CK_TERNARY_BLOCK];
    const float *block = w + i;
    if (n - i < CK_TERNARY_BLOCK) {
      memset(last, 0, sizeof last);
      memcpy(last, block, (n - i) * sizeof(float));
      block = last;
    }
    for (size_t p = 0; p < 32; p += 16) {
      const i16 packed = ck_trit_codes(block + p, scale) << 6 | ck_trit_codes(block + p + 32, scale) << 4 |
                         ck_trit_codes(block + p + 64, scale) << 2 | ck_trit_codes(block + p + 96, scale);
      const u8x16 bytes = __builtin_convertvector(packed, u8x16);
      memcpy(codes + p, &bytes, sizeof bytes);
    }
  }
}

static void ck_mix_ternary(const float *w, size_t n, float scale, float lambda, float *out) {
  for (size_t i = 0; i < n; i++) {
    const float q = w[i] / scale;
    const float trit = q > 0.5f ? scale : q < -0.5f ? -scale : 0.0f;
    out[i] = w[i] + lambda * (trit - w[i]);
  }
}

static void ck_mix_int8(const float *x, size_t n, float lambda, float *out) {
  v16 most = ck_splat(1e-5f);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const v16 v = ck_load(x + i), magnitude = ck_select(v < 0, -v, v);
    most = ck_select(magnitude > most, magnitude, most);
  }
  float largest = most[0];
  for (int l = 1; l < 16; l++)
    largest = most[l] > largest ? most[l] : largest;
  for (; i < n; i++)
    largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
  const float scale = largest / 127.0f;
  if (lambda == 1.0f) {
    for (i = 0; i < n; i++)
      out[i] = rintf(x[i] / scale) * scale;
    return;
  }
  for (i = 0; i < n; i++)
    out[i] = x[i] + lambda * (rintf(x[i] / scale) * scale - x[i]);
}

// With r = 1 / sqrt(mean(x^2) + epsilon) and c = sum(g * gain * x): dx = r * gain * g - x * r^3 * c / n.
static void ck_rms_norm_backward(const float *x, const float *gain, const float *g, size_t n, float epsilon, float *dx,
                                 float *dgain) {
  const float r = 1.0f / sqrtf(ck_dot1(x, x, n) / (float)n + epsilon);
  v16 sums = {0};
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    sums = __builtin_elementwise_fma(ck_load(g + i) * ck_load(gain + i), ck_load(x + i), sums);
  float c = ck_sum(sums);
  for (; i < n; i++)
    c = __builtin_fmaf(g[i] * gain[i], x[i], c);
  const float factor = r * r * r * (c / (float)n);
  for (i = 0; i < n; i++) {
    dx[i] += r * gain[i] * g[i] - x[i] * factor;
    dgain[i] += g[i] * x[i] * r;
  }
}

// The first `count` of 16 elements, or all; what is missing is `missing`.
CK_INLINE v16 ck_load_part(const float *p, size_t count, float missing) {
  if (count >= 16)
    return ck_load(p);
  v16 v = ck_splat(missing);
  for (size_t l = 0; l < count; l++)
    v[l] = p[l];
  return v;
}

CK_INLINE void ck_store_part(float *p, v16 v, size_t count) {
  if (count >= 16)
    return ck_store(p, v);
  for (size_t l = 0; l < count; l++)
    p[l] = v[l];
}

static void ck_silu_gate_backward(float *gate, float *up, const float *g, size_t n) {
  for (size_t i = 0; i < n; i += 16) {
    const v16 z = ck_load_part(gate + i, n - i, 0), u = ck_load_part(up + i, n - i, 0);
    const v16 d = ck_load_part(g + i, n - i, 0);
    const v16 e = ck_exp(-ck_select(z < 0, -z, z));
    const v16 sigmoid = ck_select(z < 0, e, ck_splat(1.0f)) / (1.0f + e);
    ck_store_part(gate + i, d * u * sigmoid * (1.0f + z * (1.0f - sigmoid)), n - i);
    ck_store_part(up + i, d * z * sigmoid, n - i);
  }
}

static void ck_relu2_gate_backward(float *gate, float *up, const float *g, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const float z = gate[i] > 0 ? gate[i] : 0;
    gate[i] = g[i] * up[i] * 2.0f * z;
    up[i] = g[i] * z * z;
  }
}

// Whole vectors: what lies between `n` and the next multiple of 16 is overwritten with zeros.
static float ck_softmax(float *x, size_t n, float scale) {
  const size_t padded = (n + 15) / 16 * 16;
  for (size_t i = n; i < padded; i++)
    x[i] = -INFINITY;
  v16 most = ck_load(x);
  for (size_t i = 16; i < padded; i += 16) {
    const v16 v = ck_load(x + i);
    most = ck_select(v > most, v, most);
  }
  float largest = most[0];
  for (int l = 1; l < 16; l++)
    largest = most[l] > largest ? most[l] : largest;
  v16 sums = {0};
  for (size_t i = 0; i < padded; i += 16) {
    const v16 e = ck_exp((ck_load(x + i) - largest) * scale);
    ck_store(x + i, e);
    sums += e;
  }
  const float total = ck_sum(sums), inverse = 1.0f / total;
  for (size_t i = 0; i < padded; i += 16)
    ck_store(x + i, ck_load(x + i) * inverse);
  return largest * scale + logf(total);
}

static void ck_softmax_backward(const float *p, float *g, size_t n, float scale) {
  const float dot = ck_dot1(p, g, n);
  for (size_t i = 0; i < n; i++)
    g[i] = p[i] * (g[i] - dot) * scale;
}

// The softmax is formed in blocks of 2048 logits whose sums are added in double precision: a vocabulary is long.
static double ck_log_sum_exp(const float *x, size_t n, float scale, float *largest_out) {
  v16 most = ck_splat(-INFINITY);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const v16 v = ck_load(x + i);
    most = ck_select(v > most, v, most);
  }
  float largest = most[0];
  for (int l = 1; l < 16; l++)
    largest = most[l] > largest ? most[l] : largest;
  for (; i < n; i++)
    largest = x[i] > largest ? x[i] : largest;
  double total = 0;
  for (size_t first = 0; first < n; first += 2048) {
    const size_t end = n - first < 2048 ? n : first + 2048;
    v16 sums = {0};
    for (i = first; i + 16 <= end; i += 16)
      sums += ck_exp((ck_load(x + i) - largest) * scale);
    if (i < end)
      sums += ck_exp((ck_load_part(x + i, end - i, -INFINITY) - largest) * scale);
    total += (double)ck_sum(sums);
  }
  *largest_out = largest;
  return (double)largest * scale + log(total);
}

// exp(x[i] * scale - offset) for 16 logits of which `count` count.
CK_INLINE v16 ck_probabilities(const float *x, size_t count, float scale, float offset) {
  return ck_exp(ck_load_part(x, count, -INFINITY) * scale - offset);
}

CK_INLINE void ck_add_part(float *to, v16 value, size_t count, bool accumulates) {
  ck_store_part(to, accumulates ? ck_load_part(to, count, 0) + value : value, count);
}

static double ck_cross_entropy(const float *logits, size_t n, size_t target, float smoothing, float weight,
                               float *gradient, bool accumulates) {
  float largest;
  const double normalizer = ck_log_sum_exp(logits, n, 1.0f, &largest);
  double loss = normalizer - (double)logits[target];
  if (smoothing != 0) {
    double sum = 0;
    for (size_t first = 0; first < n; first += 2048) {
      const size_t end = n - first < 2048 ? n : first + 2048;
      v16 sums = {0};
      size_t i = first;
      for (; i + 16 <= end; i += 16)
        sums += ck_load(logits + i);
      sum += (double)ck_sum(sums);
      for (; i < end; i++)
        sum += (double)logits[i];
    }
    loss = (1.0 - (double)smoothing) * loss + (double)smoothing * (normalizer - sum / (double)n);
  }
  if (gradient) {
    const float uniform = weight * smoothing / (float)n, offset = (float)normalizer;
    for (size_t i = 0; i < n; i += 16) {
      const v16 p = ck_probabilities(logits + i, n - i, 1.0f, offset);
      ck_add_part(gradient + i, p * weight - uniform, n - i, accumulates);
    }
    gradient[target] -= weight * (1.0f - smoothing);
  }
  return loss;
}

// T^2 KL(softmax(teacher / T) || softmax(student / T)) and, times `weight`, its gradient T (q - p) by the student's logits.
static double ck_distillation(const float *student, const float *teacher, size_t n, float temperature, float weight,
                              float *gradient, bool accumulates) {
  float largest;
  const float scale = 1.0f / temperature;
  const double student_normalizer = ck_log_sum_exp(student, n, scale, &largest);
  const double teacher_normalizer = ck_log_sum_exp(teacher, n, scale, &largest);
  // KL = sum p (log p - log q): the difference of the logits under p, and of the normalizers.
  double expected = 0;
  for (size_t first = 0; first < n; first += 2048) {
    const size_t end = n - first < 2048 ? n : first + 2048;
    v16 sums = {0};
    for (size_t i = first; i < end; i += 16) {
      const size_t count = end - i;
      const v16 p = ck_probabilities(teacher + i, count, scale, (float)teacher_normalizer);
      const v16 q = ck_probabilities(student + i, count, scale, (float)student_normalizer);
      const v16 difference = ck_load_part(teacher + i, count, 0) - ck_load_part(student + i, count, 0);
      sums = __builtin_elementwise_fma(p, difference, sums);
      if (gradient)
        ck_add_part(gradient + i, (q - p) * (weight * temperature), count, accumulates);
    }
    expected += (double)ck_sum(sums);
  }
  const double divergence = expected * (double)scale - teacher_normalizer + student_normalizer;
  return (double)temperature * (double)temperature * divergence;
}

static void ck_adamw(float *p, const float *g, float *m, float *v, size_t n, const ck_adamw_step *s) {
  const ck_adamw_step step = *s;
  for (size_t i = 0; i < n; i += 16) {
    const v16 gradient = ck_load_part(g + i, n - i, 0);
    const v16 first = step.memory1 * ck_load_part(m + i, n - i, 0) + step.share1 * gradient;
    const v16 second = step.memory2 * ck_load_part(v + i, n - i, 0) + step.share2 * (gradient * gradient);
    const v16 divisor = __builtin_elementwise_sqrt(second) * step.correction + step.epsilon;
    ck_store_part(p + i, step.keep * ck_load_part(p + i, n - i, 0) - step.rate * first / divisor, n - i);
    ck_store_part(m + i, first, n - i);
    ck_store_part(v + i, second, n - i);
  }
}

// The members of the table that are written here.
#define CK_TRAINING_KERNELS                                                                                            \
  .magnitude_sum = ck_magnitude_sum, .square_sum = ck_square_sum, .ternarize = ck_ternarize,                           \
  .mix_ternary = ck_mix_ternary, .mix_int8 = ck_mix_int8, .rms_norm_backward = ck_rms_norm_backward,                   \
  .silu_gate_backward = ck_silu_gate_backward, .relu2_gate_backward = ck_relu2_gate_backward, .softmax = ck_softmax,   \
  .softmax_backward = ck_softmax_backward, .cross_entropy = ck_cross_entropy, .distillation = ck_distillation,         \
  .adamw = ck_adamw
