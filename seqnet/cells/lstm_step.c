/* The pointwise work of one step of an LSTM, [batch size] row by row without gaps: compiled by native.py, called by
   ctypes. */

#include "nonlinear.h"

/* gates: i f g o before their nonlinearities; kept: out, the gates and tanh(c), for the way back; cell, hidden: out. */
void lstm_forward(size_t batch, size_t size, const float *restrict gates, const float *restrict old,
                  float *restrict kept, float *restrict cell, float *restrict hidden) {
    for (size_t row = 0; row < batch; row++) {
        const float *i = gates + row * 4 * size, *f = i + size, *g = f + size, *o = g + size;
        float *keep = kept + row * 5 * size;
        for (size_t j = 0; j < size; j++) {
            float ij = sigmoid(i[j]), fj = sigmoid(f[j]), gj = hyperbolic_tangent(g[j]), oj = sigmoid(o[j]);
            float cj = fj * old[row * size + j] + ij * gj, bent = hyperbolic_tangent(cj);
            keep[j] = ij;
            keep[size + j] = fj;
            keep[2 * size + j] = gj;
            keep[3 * size + j] = oj;
            keep[4 * size + j] = bent;
            cell[row * size + j] = cj;
            hidden[row * size + j] = oj * bent;
        }
    }
}

/* dh, dc: the gradients of the new hidden state and cell; d_gates, d_old: out. */
void lstm_backward(size_t batch, size_t size, const float *restrict dh, const float *restrict dc,
                   const float *restrict kept, const float *restrict old, float *restrict d_gates,
                   float *restrict d_old) {
    for (size_t row = 0; row < batch; row++) {
        const float *i = kept + row * 5 * size, *f = i + size, *g = f + size, *o = g + size, *bent = o + size;
        float *back = d_gates + row * 4 * size;
        for (size_t j = 0; j < size; j++) {
            float h = dh[row * size + j];
            float c = dc[row * size + j] + h * o[j] * (1.0f - bent[j] * bent[j]);
            back[j] = c * g[j] * i[j] * (1.0f - i[j]);
            back[size + j] = c * old[row * size + j] * f[j] * (1.0f - f[j]);
            back[2 * size + j] = c * i[j] * (1.0f - g[j] * g[j]);
            back[3 * size + j] = h * bent[j] * o[j] * (1.0f - o[j]);
            d_old[row * size + j] = c * f[j];
        }
    }
}
