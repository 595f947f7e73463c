// Decoding of stored tensor rows to 32-bit floats.
#ifndef CK_DEQUANTIZE_H
#define CK_DEQUANTIZE_H

#include <stddef.h>
#include <stdint.h>

#endif
