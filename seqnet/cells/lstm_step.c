/* The pointwise work of one step of an LSTM, [batch size] row by row without gaps: compiled by compiling.py, called by
   ctypes. */

#include "nonlinear.h"

#define FEW 8000 /* units that are done before another thread has begun */

static void row_forward(size_t size, const float *restrict i, const float *restrict old, float *restrict kept,
                        float *restrict cell, float *restrict hidden) {
    const float *f = i + size, *g = f + size, *o = g + size;
    for (size_t j = 0; j < size; j++) {
        float ij = sigmoid(i[j]), fj = sigmoid(f[j]), gj = hyperbolic_tangent(g[j]), oj = sigmoid(o[j]);
        float cj = fj * old[j] + ij * gj, bent = hyperbolic_tangent(cj);
        kept[j] = ij;
        kept[size + j] = fj;
        kept[2 * size + j] = gj;
        kept[3 * size + j] = oj;
        kept[4 * size + j] = bent;
        cell[j] = cj;
        hidden[j] = oj * bent;
    }
}

/* gates: i f g o before their nonlinearities; kept: out, the gates and tanh(c), for the way back; cell, hidden: out. */
void lstm_forward(size_t threads, size_t batch, size_t size, const float *gates, const float *old, float *kept,
                  float *cell, float *hidden) {
#pragma omp parallel for num_threads(threads) if (batch * size > FEW)
    for (size_t row = 0; row < batch; row++)
        row_forward(size, gates + row * 4 * size, old + row * size, kept + row * 5 * size, cell + row * size,
                    hidden + row * size);
}

static void row_back(size_t size, const float *restrict dh, const float *restrict dc, const float *restrict i,
                     const float *restrict old, float *restrict d_gates, float *restrict d_old) {
    const float *f = i + size, *g = f + size, *o = g + size, *bent = o + size;
    for (size_t j = 0; j < size; j++) {
        float c = dc[j] + dh[j] * o[j] * (1.0f - bent[j] * bent[j]);
        d_gates[j] = c * g[j] * i[j] * (1.0f - i[j]);
        d_gates[size + j] = c * old[j] * f[j] * (1.0f - f[j]);
        d_gates[2 * size + j] = c * i[j] * (1.0f - g[j] * g[j]);
        d_gates[3 * size + j] = dh[j] * bent[j] * o[j] * (1.0f - o[j]);
        d_old[j] = c * f[j];
    }
}

/* dh, dc: the gradients of the new hidden state and cell; d_gates, d_old: out. */
void lstm_backward(size_t threads, size_t batch, size_t size, const float *dh, const float *dc, const float *kept,
                   const float *old, float *d_gates, float *d_old) {
#pragma omp parallel for num_threads(threads) if (batch * size > FEW)
    for (size_t row = 0; row < batch; row++)
        row_back(size, dh + row * size, dc + row * size, kept + row * 5 * size, old + row * size,
                 d_gates + row * 4 * size, d_old + row * size);
}
