#ifndef CK_ADAMW_H
#define CK_ADAMW_H

#include <stddef.h>

/// What one step of AdamW multiplies by, the same for all weights of a matrix.
typedef struct {
    /// 1 - rate * decay.
    float keep;
    /// rate / (1 - beta1^t).
    float rate;
    /// beta1, 1 - beta1, beta2, 1 - beta2.
    float mean_memory, mean_share, square_memory, square_share;
    /// 1 / sqrt(1 - beta2^t).
    float correction;
    float epsilon;
} ck_adamw;

/// One step for `count` weights and both running means. The arrays do not overlap.
void ck_adamw_update(const ck_adamw *step, float *values, const float *gradient, float *mean, float *square, size_t count);

#endif
