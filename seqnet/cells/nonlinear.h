/* Nonlinearities of single precision that compilers vectorise. */

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
