// The C side of `Kernels`: SIMD only. No allocation, no threads, no globals but constant tables.
// One file per instruction set and kernel family; every kernel has a scalar twin that is its specification.
#ifndef CKERNELS_H
#define CKERNELS_H

#include "dequantize.h"

#endif
