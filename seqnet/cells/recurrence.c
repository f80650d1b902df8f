/* A GRU and a vanilla RNN over a whole sequence: compiled by compiling.py, called by ctypes.

   Arrays are of single precision, [time batch ...] without gaps. Each thread keeps to its own units, for which it has laid
   out its part of the recurrent weights in panels; in a step it multiplies, bends, and waits for the others once. What is
   computed does not depend on the number of threads. */

#include "nonlinear.h"
#include "product.h"

#ifdef _OPENMP
#include <omp.h>
#define THIS_THREAD ((size_t)omp_get_thread_num())
#define THREADS ((size_t)omp_get_num_threads())
#else
#define THIS_THREAD ((size_t)0)
#define THREADS ((size_t)1)
#endif

#define FEW 100000 /* multiplications of a step that are done before another thread has begun */

typedef struct {
    size_t first, end; /* panels */
    size_t from, to;   /* units */
} part;

/* This thread's part of so many units. */
static part own(size_t size) {
    size_t panels = panels_of(size), number = THIS_THREAD, threads = THREADS;
    part mine = {panels * number / threads, panels * (number + 1) / threads, 0, 0};
    mine.from = least(mine.first * PANEL, size);
    mine.to = least(mine.end * PANEL, size);
    return mine;
}

/* Its panels of the weights that lead to `size` units, of the gates side by side: panel p of gate g is number
   g * panels_of(size) + p. Element (k, j) of a gate's weights lies at k * down + j * right, a gate's `gate` after the last. */
static void lay_out_own(part mine, size_t gates, size_t depth, size_t size, const float *weight, size_t down,
                        size_t right, size_t gate, float *panels) {
    for (size_t g = 0; g < gates; g++)
        for (size_t p = mine.first; p < mine.end; p++)
            lay_out(depth, size, weight + g * gate, down, right, p * PANEL,
                    panels + (g * panels_of(size) + p) * depth * PANEL);
}

/* x [batch depth] times its panels of one gate, added to y [batch size] whose rows are `down` apart. */
static void add_own(part mine, size_t batch, size_t depth, size_t size, const float *x, const float *panels, float *y,
                    size_t down) {
    for (size_t p = mine.first; p < mine.end; p++)
        multiply(batch, depth, x, depth, panels + p * depth * PANEL, y + p * PANEL, down,
                 least(size - p * PANEL, PANEL));
}

static void bend(float *x, size_t from, size_t to) {
    for (size_t j = from; j < to; j++) x[j] = hyperbolic_tangent(x[j]);
}

/* totals: the inputs' part of every step, then the states; weight: [size size]; hidden: the state before the first step;
   panels: room for the weights, [size panels PANEL]. */
void tanh_forward(size_t threads, size_t time, size_t batch, size_t size, const float *weight, const float *hidden,
                  float *totals, float *panels) {
#pragma omp parallel num_threads(threads) if (batch * size * size > FEW)
    {
        part mine = own(size);
        lay_out_own(mine, 1, size, size, weight, 1, size, 0, panels);
        const float *before = hidden;
        for (size_t t = 0; t < time; t++) {
            float *now = totals + t * batch * size;
            add_own(mine, batch, size, size, before, panels, now, size);
            for (size_t row = 0; row < batch; row++) bend(now + row * size, mine.from, mine.to);
            before = now;
#pragma omp barrier
        }
    }
}

/* The way back: d_totals: out, the gradients before the nonlinearity; later: out, that of the state before the first
   step; y: the states; dy: their gradients from above. */
void tanh_backward(size_t threads, size_t time, size_t batch, size_t size, const float *weight, const float *dy,
                   const float *y, float *d_totals, float *later, float *panels) {
#pragma omp parallel num_threads(threads) if (batch * size * size > FEW)
    {
        part mine = own(size);
        lay_out_own(mine, 1, size, size, weight, size, 1, 0, panels);
        for (size_t row = 0; row < batch; row++)
            for (size_t j = mine.from; j < mine.to; j++) later[row * size + j] = 0;
        for (size_t t = time; t-- > 0;) {
            size_t step = t * batch * size;
            for (size_t row = 0; row < batch; row++)
                for (size_t j = mine.from; j < mine.to; j++) {
                    size_t at = row * size + j;
                    float state = y[step + at];
                    d_totals[step + at] = (dy[step + at] + later[at]) * (1.0f - state * state);
                    later[at] = 0;
                }
#pragma omp barrier
            add_own(mine, batch, size, size, d_totals + step, panels, later, size);
        }
    }
}

/* Units of a row: r z n become the gates, out the new state. */
static void gru_row(size_t from, size_t to, float *restrict r, float *restrict z, float *restrict n,
                    const float *restrict n_hidden, const float *restrict old, float *restrict out) {
    for (size_t j = from; j < to; j++) {
        float rj = sigmoid(r[j]), zj = sigmoid(z[j]), nj = hyperbolic_tangent(n[j] + rj * n_hidden[j]);
        r[j] = rj;
        z[j] = zj;
        n[j] = nj;
        out[j] = (1.0f - zj) * nj + zj * old[j];
    }
}

/* gates: the inputs' part of r z n, then the gates themselves; weight: [3*size size]; bias_n: [size]; n_hidden: out,
   W_n h + bias_n; y: out, the states; panels: room for [3 size panels PANEL]. */
void gru_forward(size_t threads, size_t time, size_t batch, size_t size, const float *weight, const float *bias_n,
                 const float *hidden, float *gates, float *n_hidden, float *y, float *panels) {
    size_t gate = panels_of(size) * size * PANEL;
#pragma omp parallel num_threads(threads) if (3 * batch * size * size > FEW)
    {
        part mine = own(size);
        lay_out_own(mine, 3, size, size, weight, 1, size, size * size, panels);
        const float *before = hidden;
        for (size_t t = 0; t < time; t++) {
            float *rzn = gates + t * batch * 3 * size, *kept = n_hidden + t * batch * size, *now = y + t * batch * size;
            for (size_t row = 0; row < batch; row++)
                for (size_t j = mine.from; j < mine.to; j++) kept[row * size + j] = bias_n[j];
            add_own(mine, batch, size, size, before, panels, rzn, 3 * size);
            add_own(mine, batch, size, size, before, panels + gate, rzn + size, 3 * size);
            add_own(mine, batch, size, size, before, panels + 2 * gate, kept, size);
            for (size_t row = 0; row < batch; row++) {
                float *r = rzn + row * 3 * size;
                gru_row(mine.from, mine.to, r, r + size, r + 2 * size, kept + row * size, before + row * size,
                        now + row * size);
            }
            before = now;
#pragma omp barrier
        }
    }
}

static void gru_row_back(size_t size, size_t from, size_t to, const float *restrict dy, const float *restrict r,
                         const float *restrict n_hidden, const float *restrict old, float *restrict d_r,
                         float *restrict d_z, float *restrict d_rn, float *restrict d_n, float *restrict carried) {
    const float *z = r + size, *n = z + size;
    for (size_t j = from; j < to; j++) {
        float d = carried[j] + dy[j], rj = r[j], zj = z[j], nj = n[j];
        float dn = d * (1.0f - zj) * (1.0f - nj * nj);
        d_r[j] = dn * n_hidden[j] * rj * (1.0f - rj);
        d_z[j] = d * (old[j] - nj) * zj * (1.0f - zj);
        d_rn[j] = dn * rj;
        d_n[j] = dn;
        carried[j] = d * zj;
    }
}

/* The way back. dy: the gradients of the states from above; before: the state that each step began from; d_hidden: out,
   the gradients before the nonlinearities r z n on the hidden side; d_n: out, that of n on the input's side; later: out, that
   of the state before the first step; panels: room for [3*size panels PANEL]. */
void gru_backward(size_t threads, size_t time, size_t batch, size_t size, const float *weight, const float *dy,
                  const float *gates, const float *n_hidden, const float *before, float *d_hidden, float *d_n,
                  float *later, float *panels) {
#pragma omp parallel num_threads(threads) if (3 * batch * size * size > FEW)
    {
        part mine = own(size);
        lay_out_own(mine, 1, 3 * size, size, weight, size, 1, 0, panels);
        for (size_t row = 0; row < batch; row++)
            for (size_t j = mine.from; j < mine.to; j++) later[row * size + j] = 0;
        for (size_t t = time; t-- > 0;) {
            for (size_t row = t * batch; row < (t + 1) * batch; row++) {
                float *d_r = d_hidden + row * 3 * size, *carried = later + (row - t * batch) * size;
                gru_row_back(size, mine.from, mine.to, dy + row * size, gates + row * 3 * size, n_hidden + row * size,
                             before + row * size, d_r, d_r + size, d_r + 2 * size, d_n + row * size, carried);
            }
#pragma omp barrier
            add_own(mine, batch, 3 * size, size, d_hidden + t * batch * 3 * size, panels, later, size);
        }
    }
}

/* How many numbers `panels` above hold for weights of `depth` by `size`. */
size_t room(size_t depth, size_t size) { return depth * panels_of(size) * PANEL; }
