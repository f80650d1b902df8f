/* h_t = h_{t-1} + z_t (n_t - h_{t-1}) over whole sequences, which is all that a gated cell has to go through step by step
   where its gates do not see h_{t-1}: compiled by compiling.py, called by ctypes.

   Arrays are of single precision, [batch time ...] without gaps. */

#include "nonlinear.h"
#include "pieces.h"

enum { AS_IT_IS, TANH, POSITIVE }; /* what a content is bent by */

typedef struct {
    float small, z, keep; /* the smaller of z and keep = 1 - z, and both */
} gate;

/* Of a gate before its sigmoid; what is near 0 has all its digits, also where the other is near 1. */
static inline gate opened(float x) {
    float e = exponential(x > 0 ? -x : x), large = 1.0f / (1.0f + e), small = e * large;
    gate found = {small, x > 0 ? large : small, x > 0 ? small : large};
    return found;
}

static inline __attribute__((always_inline)) float bent(const int kind, float x) {
    if (kind == TANH) return hyperbolic_tangent(x);
    if (kind == POSITIVE) {
        float below = sigmoid(x);
        return x >= 0 ? x + 0.5f : below;
    }
    return x;
}

/* The slope at x, where it was bent to n. */
static inline __attribute__((always_inline)) float slope(const int kind, float x, float n) {
    if (kind == TANH) return 1.0f - n * n;
    if (kind == POSITIVE) return x >= 0 ? 1.0f : n * (1.0f - n);
    return 1.0f;
}

static inline __attribute__((always_inline)) void forward(const int kind, size_t units, const float *restrict gates,
                                                          const float *restrict content, const float *restrict before,
                                                          float *restrict y) {
    for (size_t j = 0; j < units; j++) {
        gate g = opened(gates[j]);
        float n = bent(kind, content[j]), open = gates[j] > 0;
        float near = open ? n : before[j], far = open ? before[j] : n;
        y[j] = near + g.small * (far - near);
    }
}

static inline __attribute__((always_inline)) void back(const int kind, size_t units, const float *restrict gates,
                                                       const float *restrict content, const float *restrict before,
                                                       const float *restrict dy, float *restrict d_gates,
                                                       float *restrict d_content, float *restrict carried) {
    for (size_t j = 0; j < units; j++) {
        gate g = opened(gates[j]);
        float x = content[j], n = bent(kind, x), d = dy[j] + carried[j];
        d_gates[j] = d * (n - before[j]) * g.z * g.keep;
        d_content[j] = d * g.z * slope(kind, x, n);
        carried[j] = d * g.keep;
    }
}

#define OF_KIND(call) \
    switch (kind) { \
        case TANH: call(TANH) break; \
        case POSITIVE: call(POSITIVE) break; \
        default: call(AS_IT_IS) \
    }

/* gates: z before its sigmoid, then the content before it is bent, [batch time 2*size]; start: h_0; y: out, the states. */
void pool_forward(size_t threads, size_t kind, size_t batch, size_t time, size_t size, const float *gates,
                  const float *start, float *y) {
#pragma omp parallel for num_threads(threads) if (batch * time * size > BESIDE)
    for (size_t number = 0; number < batch * pieces_of(size); number++) {
        piece own = piece_of(number, size);
        size_t row = own.row, from = own.from, units = own.units;
        const float *before = start + row * size + from;
        for (size_t t = row * time; t < (row + 1) * time; t++) {
            const float *z = gates + t * 2 * size + from;
            float *now = y + t * size + from;
#define CALL(kind) forward(kind, units, z, z + size, before, now);
            OF_KIND(CALL)
#undef CALL
            before = now;
        }
    }
}

/* The way back. dy: the gradients of the states from above; d_gates: out; carried: out, the gradient of h_0. */
void pool_backward(size_t threads, size_t kind, size_t batch, size_t time, size_t size, const float *gates,
                   const float *start, const float *y, const float *dy, float *d_gates, float *carried) {
#pragma omp parallel for num_threads(threads) if (batch * time * size > BESIDE)
    for (size_t number = 0; number < batch * pieces_of(size); number++) {
        piece own = piece_of(number, size);
        size_t row = own.row, from = own.from, units = own.units;
        float *later = carried + row * size + from;
        for (size_t j = 0; j < units; j++) later[j] = 0;
        for (size_t t = (row + 1) * time; t-- > row * time;) {
            const float *before = t > row * time ? y + (t - 1) * size + from : start + row * size + from;
            const float *z = gates + t * 2 * size + from;
            float *d_z = d_gates + t * 2 * size + from;
#define CALL(kind) back(kind, units, z, z + size, before, dy + t * size + from, d_z, d_z + size, later);
            OF_KIND(CALL)
#undef CALL
        }
    }
}
