// What the judges in harness.c stand on: buffers, inputs, comparison.
#ifndef HARNESS_H
#define HARNESS_H

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "CKernels.h"

static const ck_kernels *specification, *judged;

// MARK: Memory

static struct {
  void *base;
  size_t size;
} mappings[64];
static size_t mapping_count;

// `size` bytes that end at an unreadable page, filled with a pattern that no kernel writes everywhere.
static void *guarded(size_t size) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page * page;
  uint8_t *base = mmap(NULL, pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED || mprotect(base + pages, page, PROT_NONE) != 0 || mapping_count == 64) {
    fprintf(stderr, "harness: no memory for %zu bytes: %s\n", size, strerror(errno));
    exit(2);
  }
  mappings[mapping_count].base = base;
  mappings[mapping_count++].size = pages + page;
  memset(base, 0xa5, pages);
  return base + pages - size;
}

static void release_all(void) {
  while (mapping_count > 0) {
    mapping_count--;
    munmap(mappings[mapping_count].base, mappings[mapping_count].size);
  }
}

// MARK: Inputs

static uint64_t state;

static uint64_t next_word(void) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

// Of either sign, over six octaves, every bit of the significand in use.
static float next_float(void) {
  const uint64_t word = next_word();
  const float value = (float)(1 + (word & 0x7fffff) * 0x1p-23) * (float)(1 << (word >> 23 & 7)) * 0x1p-5f;
  return word >> 63 ? -value : value;
}

static float *floats(size_t count) {
  float *values = guarded(count * sizeof(float));
  for (size_t i = 0; i < count; i++)
    values[i] = next_float();
  return values;
}

// A finite half: also zeros and subnormals.
static uint16_t next_half(void) {
  const uint16_t half = (uint16_t)next_word();
  return (half & 0x7c00) == 0x7c00 ? half & 0x83ff : half;
}

static uint16_t *halves(size_t count) {
  uint16_t *values = guarded(count * sizeof(uint16_t));
  for (size_t i = 0; i < count; i++)
    values[i] = ck_f32_to_f16(next_float());
  return values;
}

enum pattern { ALL_HIGH, ALL_LOW, ALTERNATING, OUTLIER, RANDOM, PATTERNS };
static const char *const pattern_names[] = {"all high", "all low", "alternating", "one outlier", "random"};

static int8_t *activations(size_t count, enum pattern pattern) {
  int8_t *values = guarded(count);
  for (size_t i = 0; i < count; i++)
    switch (pattern) {
    case ALL_HIGH: values[i] = 127; break;
    case ALL_LOW: values[i] = -128; break;
    case ALTERNATING: values[i] = i % 2 ? -128 : 127; break;
    case OUTLIER: values[i] = i == count - 1 ? -128 : 0; break;
    default: values[i] = (int8_t)next_word();
    }
  return values;
}

// Packed rows. Code 3, which good files do not contain, is among the random ones.
static uint8_t *trits(size_t bytes, enum pattern pattern) {
  uint8_t *codes = guarded(bytes);
  for (size_t i = 0; i < bytes; i++)
    switch (pattern) {
    case ALL_HIGH: codes[i] = 0xaa; break;
    case ALL_LOW: codes[i] = 0x00; break;
    case ALTERNATING: codes[i] = i % 2 ? 0x00 : 0xaa; break;
    case OUTLIER: codes[i] = i == bytes - 1 ? 0x56 : 0x55; break;
    default: codes[i] = (uint8_t)next_word();
    }
  return codes;
}

// MARK: Judging

static size_t kernels_passed, kernels_failed;
static const char *kernel;
static size_t cases, differences;
static uint64_t digest;
static char first_difference[256];

static void begin(const char *name) {
  kernel = name;
  cases = differences = 0;
  digest = 0xcbf29ce484222325;
  state = 1;
}

static void end(void) {
  if (differences == 0) {
    kernels_passed++;
    printf("ok    %-14s %6zu cases  %016llx\n", kernel, cases, (unsigned long long)digest);
  } else {
    kernels_failed++;
    printf("FAIL  %-14s %zu of %zu cases differ, first: %s\n", kernel, differences, cases, first_difference);
  }
  fflush(stdout);
}

// One case: the whole outputs, with what lies between the results.
static void compare(const void *expected, const void *found, size_t size, const char *label) {
  cases++;
  const uint8_t *a = expected, *b = found;
  for (size_t i = 0; i < size; i++)
    digest = (digest ^ b[i]) * 0x100000001b3;
  if (memcmp(a, b, size) == 0)
    return;
  size_t at = 0;
  while (a[at] == b[at])
    at++;
  if (differences++ == 0)
    snprintf(first_difference, sizeof first_difference, "%s, byte %zu of %zu", label, at, size);
}

// Which NaN comes out of an operation on one is the processor's choice.
static void compare_floats(float *expected, float *found, size_t count, const char *label) {
  for (size_t i = 0; i < count; i++) {
    if (isnan(expected[i]))
      expected[i] = NAN;
    if (isnan(found[i]))
      found[i] = NAN;
  }
  compare(expected, found, count * sizeof(float), label);
}

static const char *label(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *label(const char *format, ...) {
  static char text[160];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const size_t widths[] = {1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 192, 255, 576, 1536, 2560};

#endif
