/* C += A B of single precision for a B that many A are multiplied by, on one thread: B lies in panels of PANEL columns,
   so that a few rows of C stay in registers while A and B are read once. */

#include <stddef.h>
#include <string.h>

#ifdef __AVX512F__
#define LANES 16
#define ROWS 12
#else
#define LANES 8
#define ROWS 6
#endif
#define PANEL (2 * LANES)

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static inline size_t panels_of(size_t columns) { return (columns + PANEL - 1) / PANEL; }

static inline size_t least(size_t one, size_t other) { return one < other ? one : other; }

/* A panel of M [depth columns], whose element (k, j) lies at k * down + j * right, from `column` on; 0 beyond the end. */
static void lay_out(size_t depth, size_t columns, const float *from, size_t down, size_t right, size_t column,
                    float *restrict panel) {
    size_t width = least(columns - column, PANEL);
    for (size_t k = 0; k < depth; k++)
        for (size_t j = 0; j < PANEL; j++) panel[k * PANEL + j] = j < width ? from[k * down + (column + j) * right] : 0;
}

/* `rows` rows of A, each `down` after the one before, by one panel, added to `width` columns of C. */
static inline __attribute__((always_inline)) void block(const int rows, size_t depth, const float *a, size_t a_down,
                                                        const float *panel, float *c, size_t c_down, size_t width) {
    vector sums[ROWS][2];
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) sums[r][0] = sums[r][1] = (vector){0};
    for (size_t k = 0; k < depth; k++) {
        vector left = *(const vector *)(panel + k * PANEL), right = *(const vector *)(panel + k * PANEL + LANES);
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++) {
            sums[r][0] += a[r * a_down + k] * left;
            sums[r][1] += a[r * a_down + k] * right;
        }
    }
    for (int r = 0; r < rows; r++) {
        float *out = c + r * c_down;
        if (width == PANEL) {
            *(vector *)out += sums[r][0];
            *(vector *)(out + LANES) += sums[r][1];
        } else {
            float sum[PANEL];
            memcpy(sum, sums[r], sizeof sum);
            for (size_t j = 0; j < width; j++) out[j] += sum[j];
        }
    }
}

/* The same of any number of rows, in blocks of nearly equal height. */
static void multiply(size_t rows, size_t depth, const float *a, size_t a_down, const float *panel, float *c,
                     size_t c_down, size_t width) {
    size_t blocks = (rows + ROWS - 1) / ROWS;
    for (size_t n = 0; n < blocks; n++) {
        size_t first = rows * n / blocks;
        const float *from = a + first * a_down;
        float *to = c + first * c_down;
#define OF(height) \
    case height: \
        block(height, depth, from, a_down, panel, to, c_down, width); \
        break;
        switch (rows * (n + 1) / blocks - first) {
            OF(1) OF(2) OF(3) OF(4) OF(5) OF(6)
#if ROWS > 6
            OF(7) OF(8) OF(9) OF(10) OF(11) OF(12)
#endif
        }
#undef OF
    }
}
