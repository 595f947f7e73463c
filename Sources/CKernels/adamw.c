// One step of AdamW. Plain C for all processors: the compiler makes vectors of it, square root and division are rounded
// correctly everywhere, and memory is the limit even with the narrowest vectors. In Swift the square root stays a call.

#include "adamw.h"

#include <math.h>

void ck_adamw_update(const ck_adamw *step, float *restrict values, const float *restrict gradient,
                     float *restrict mean, float *restrict square, size_t count) {
    const ck_adamw s = *step;
    for (size_t i = 0; i < count; i++) {
        float m = s.mean_memory * mean[i] + s.mean_share * gradient[i];
        float v = s.square_memory * square[i] + s.square_share * (gradient[i] * gradient[i]);
        mean[i] = m;
        square[i] = v;
        values[i] = s.keep * values[i] - s.rate * m / (sqrtf(v) * s.correction + s.epsilon);
    }
}
