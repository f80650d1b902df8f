/* A simple recurrent unit over whole sequences, but for its products: compiled by compiling.py, called by ctypes.

   Arrays are of single precision, [batch time ...] without gaps. */

#include "nonlinear.h"
#include "pieces.h"

static void forward(size_t units, size_t size, const float *restrict f, const float *restrict v,
                    const float *restrict before, float *restrict cell, float *restrict y) {
    const float *r = f + size, *content = r + size, *x = content + size, *v_r = v + size;
    for (size_t j = 0; j < units; j++) {
        float old = before[j], fj = sigmoid(f[j] + v[j] * old), rj = sigmoid(r[j] + v_r[j] * old);
        float now = content[j] + fj * (old - content[j]);
        cell[j] = now;
        y[j] = x[j] + rj * (now - x[j]);
    }
}

static void back(size_t units, size_t size, const float *restrict f, const float *restrict v,
                 const float *restrict before, const float *restrict cell, const float *restrict dy,
                 const float *restrict d_cell, float *restrict d_f, float *restrict d_v, float *restrict carried) {
    const float *r = f + size, *content = r + size, *x = content + size, *v_r = v + size;
    for (size_t j = 0; j < units; j++) {
        float old = before[j], fj = sigmoid(f[j] + v[j] * old), rj = sigmoid(r[j] + v_r[j] * old);
        float to_r = dy[j] * (cell[j] - x[j]) * rj * (1.0f - rj);
        float d = dy[j] * rj + d_cell[j] + carried[j];
        float to_f = d * (old - content[j]) * fj * (1.0f - fj);
        d_f[j] = to_f;
        d_f[size + j] = to_r;
        d_f[2 * size + j] = d * (1.0f - fj);
        d_f[3 * size + j] = dy[j] * (1.0f - rj);
        d_v[j] += to_f * old;
        d_v[size + j] += to_r * old;
        carried[j] = d * fj + to_f * v[j] + to_r * v_r[j];
    }
}

/* gates: f and r before their sigmoids, the new content, and what the highway takes, [batch time 4*size]; v: of f and r,
   [2*size]; start: c_0; cells, y: out, states and outputs. */
void sru_forward(size_t threads, size_t batch, size_t time, size_t size, const float *gates, const float *v,
                 const float *start, float *cells, float *y) {
#pragma omp parallel for num_threads(threads) if (batch * time * size > BESIDE)
    for (size_t number = 0; number < batch * pieces_of(size); number++) {
        piece own = piece_of(number, size);
        const float *before = start + own.row * size + own.from;
        for (size_t t = own.row * time; t < (own.row + 1) * time; t++) {
            float *now = cells + t * size + own.from;
            forward(own.units, size, gates + t * 4 * size + own.from, v + own.from, before, now, y + t * size + own.from);
            before = now;
        }
    }
}

/* The way back. dy, d_cells: the gradients of outputs and states from above; d_gates: out; d_v: out, of each row
   [batch 2*size]; carried: out, the gradient of c_0. */
void sru_backward(size_t threads, size_t batch, size_t time, size_t size, const float *gates, const float *v,
                  const float *start, const float *cells, const float *dy, const float *d_cells, float *d_gates,
                  float *d_v, float *carried) {
#pragma omp parallel for num_threads(threads) if (batch * time * size > BESIDE)
    for (size_t number = 0; number < batch * pieces_of(size); number++) {
        piece own = piece_of(number, size);
        float *later = carried + own.row * size + own.from, *of_v = d_v + own.row * 2 * size + own.from;
        for (size_t j = 0; j < own.units; j++) later[j] = of_v[j] = of_v[size + j] = 0;
        for (size_t t = (own.row + 1) * time; t-- > own.row * time;) {
            size_t at = t * size + own.from, of_gates = t * 4 * size + own.from;
            const float *before = t > own.row * time ? cells + at - size : start + own.row * size + own.from;
            back(own.units, size, gates + of_gates, v + own.from, before, cells + at, dy + at, d_cells + at,
                 d_gates + of_gates, of_v, later);
        }
    }
}
