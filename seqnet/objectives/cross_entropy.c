/* Cross-entropy of logits [rows classes], row by row without gaps: compiled by compiling.py, called by ctypes. */

#include <math.h>

#include "../cells/nonlinear.h"

#define FEW 8000 /* logits that are done before another thread has begun */

static float largest(size_t classes, const float *row) {
    float most = row[0];
#pragma omp simd reduction(max : most)
    for (size_t j = 0; j < classes; j++) most = row[j] > most ? row[j] : most;
    return most;
}

/* targets: of each row, below 0 where it is not asked; smoothing: the share of the target that all classes have evenly;
   losses: out; logs: out, the logarithms of the sums of e^logit. */
void cross_entropy_forward(size_t threads, size_t rows, size_t classes, const float *logits, const int64_t *targets,
                           float smoothing, float *losses, float *logs) {
#pragma omp parallel for num_threads(threads) if (rows * classes > FEW)
    for (size_t i = 0; i < rows; i++) {
        const float *row = logits + i * classes;
        float most = largest(classes, row), sum = 0, total = 0;
#pragma omp simd reduction(+ : sum, total)
        for (size_t j = 0; j < classes; j++) {
            sum += exponential(row[j] - most);
            total += row[j] - most;
        }
        float log = logf(sum);
        logs[i] = most + log;
        float mean = smoothing > 0 ? smoothing * (total / (float)classes) : 0;
        losses[i] = targets[i] < 0 ? 0 : log - (1.0f - smoothing) * (row[targets[i]] - most) - mean;
    }
}

/* d_losses: the gradient of each row's loss; d_logits: out. */
void cross_entropy_backward(size_t threads, size_t rows, size_t classes, const float *logits, const int64_t *targets,
                            const float *logs, const float *d_losses, float smoothing, float *d_logits) {
    float even = smoothing / (float)classes;
#pragma omp parallel for num_threads(threads) if (rows * classes > FEW)
    for (size_t i = 0; i < rows; i++) {
        const float *restrict row = logits + i * classes;
        float *restrict out = d_logits + i * classes;
        float d = targets[i] < 0 ? 0 : d_losses[i], log = logs[i];
        for (size_t j = 0; j < classes; j++) out[j] = d * (exponential(row[j] - log) - even);
        if (targets[i] >= 0) out[targets[i]] -= d * (1.0f - smoothing);
    }
}
