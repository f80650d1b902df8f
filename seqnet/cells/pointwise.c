/* The pointwise work of one step of a GRU, an LSTM and a vanilla RNN: compiled once by native.py, called by ctypes.
   All arrays are of single precision, row by row without gaps. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* e^x to about one unit in the last place: 2^n times a polynomial in what is left, which compilers vectorise. */
static inline float exponential(float x) {
    x = x > 88.0f ? 88.0f : (x < -87.0f ? -87.0f : x);
    float shifted = x * 1.44269504f + 12582912.0f; /* adding 1.5 * 2^23 rounds to the nearest whole number */
    float n = shifted - 12582912.0f;
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    int32_t bits = ((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

static inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

/* Near 0 the exponential would cancel, so a series stands in. */
static inline float hyperbolic_tangent(float x) {
    float square = x * x;
    float series = x * (1.0f + square * (-0.33333333f + square * (0.13333333f + square * -0.05396825f)));
    float whole = 2.0f * sigmoid(2.0f * x) - 1.0f;
    return square < 0.01f ? series : whole;
}

/* gates: the input's part of r z n, then the gates themselves; hidden: W_hh h; n_hidden: out, with its bias. */
void gru_forward(size_t batch, size_t size, float *restrict gates, const float *restrict hidden,
                 const float *restrict bias_n, float *restrict n_hidden, const float *restrict h,
                 float *restrict out) {
    for (size_t row = 0; row < batch; row++) {
        float *r = gates + row * 3 * size, *z = r + size, *n = z + size;
        const float *from = hidden + row * 3 * size, *old = h + row * size;
        float *kept = n_hidden + row * size, *y = out + row * size;
        for (size_t j = 0; j < size; j++) {
            float rj = sigmoid(r[j] + from[j]);
            float zj = sigmoid(z[j] + from[size + j]);
            float nh = from[2 * size + j] + bias_n[j];
            float nj = hyperbolic_tangent(n[j] + rj * nh);
            r[j] = rj;
            z[j] = zj;
            n[j] = nj;
            kept[j] = nh;
            y[j] = (1.0f - zj) * nj + zj * old[j];
        }
    }
}

/* dh: the gradient of the new state from later steps, then the part of the old state's that passes by the gates.
   d_hidden: the gradients before the nonlinearities r z n on the hidden side; d_n: that of n on the input's side. */
void gru_backward(size_t batch, size_t size, const float *restrict dy, float *restrict dh, const float *restrict gates,
                  const float *restrict n_hidden, const float *restrict h, float *restrict d_hidden,
                  float *restrict d_n) {
    for (size_t row = 0; row < batch; row++) {
        const float *r = gates + row * 3 * size, *z = r + size, *n = z + size;
        const float *grad = dy + row * size, *kept = n_hidden + row * size, *old = h + row * size;
        float *back = d_hidden + row * 3 * size, *carried = dh + row * size, *input = d_n + row * size;
        for (size_t j = 0; j < size; j++) {
            float d = carried[j] + grad[j], rj = r[j], zj = z[j], nj = n[j];
            float dn = d * (1.0f - zj) * (1.0f - nj * nj);
            back[j] = dn * kept[j] * rj * (1.0f - rj);
            back[size + j] = d * (old[j] - nj) * zj * (1.0f - zj);
            back[2 * size + j] = dn * rj;
            input[j] = dn;
            carried[j] = d * zj;
        }
    }
}

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

/* total: the input's part, then the new state. */
void tanh_forward(size_t count, float *restrict total, const float *restrict hidden) {
    for (size_t j = 0; j < count; j++) total[j] = hyperbolic_tangent(total[j] + hidden[j]);
}

/* d_total: the gradient before the nonlinearity, of the state y; dh: that of y from later steps. */
void tanh_backward(size_t count, const float *restrict dy, const float *restrict dh, const float *restrict y,
                   float *restrict d_total) {
    for (size_t j = 0; j < count; j++) d_total[j] = (dy[j] + dh[j]) * (1.0f - y[j] * y[j]);
}
