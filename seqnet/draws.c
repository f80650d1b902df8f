/* Random numbers of an element's place: compiled by compiling.py, called by ctypes. The same bits as draws.py's in torch.

   Philox4x32-10 (Salmon et al. 2011), LANES blocks at a time. */

#include <stddef.h>
#include <stdint.h>

#define LANES 8
#define LOW 0xFFFFFFFFu
#define GROUP (4 * LANES)
#define FEW 8000 /* numbers that are drawn before another thread has begun */

typedef uint64_t lanes __attribute__((vector_size(8 * LANES))); /* of each 64 bits the lower half is a word */

/* Word w of block `first + j` becomes words[w * LANES + j]. */
static inline void draw(uint64_t key, uint64_t first, uint64_t row, uint64_t site, uint32_t *restrict words) {
    lanes a = {0, 1, 2, 3, 4, 5, 6, 7}, b = {0}, c = b + row, d = b + site;
    uint32_t k = (uint32_t)key, l = (uint32_t)(key >> 32);
    a += first;
    for (int round = 0; round < 10; round++) {
        lanes p = (a & LOW) * 0xD2511F53u, q = (c & LOW) * 0xCD9E8D57u;
        a = (q >> 32) ^ b ^ k;
        b = q;
        c = (p >> 32) ^ d ^ l;
        d = p;
        k += 0x9E3779B9u;
        l += 0xBB67AE85u;
    }
    for (int j = 0; j < LANES; j++) {
        words[j] = (uint32_t)a[j];
        words[LANES + j] = (uint32_t)b[j];
        words[2 * LANES + j] = (uint32_t)c[j];
        words[3 * LANES + j] = (uint32_t)d[j];
    }
}

static inline size_t least(size_t one, size_t other) { return one < other ? one : other; }

static inline void keep_some(const uint32_t *words, size_t count, uint32_t dropped, float kept, float *restrict out) {
    for (size_t j = 0; j < count; j++) out[j] = words[j] >= dropped ? kept : 0.0f;
}

/* out [rows places]: 0 where a word is below `dropped`, elsewhere `kept`. */
void keep(size_t threads, uint64_t key, uint64_t first_row, uint64_t site, size_t rows, size_t places, uint32_t dropped,
          float kept, float *out) {
#pragma omp parallel for num_threads(threads) if (rows * places > FEW)
    for (size_t row = 0; row < rows; row++)
        for (size_t place = 0; place < places; place += GROUP) {
            uint32_t words[GROUP];
            float *to = out + row * places + place;
            draw(key, place / 4, first_row + row, site, words);
            if (places - place >= GROUP)
                keep_some(words, GROUP, dropped, kept, to);
            else
                keep_some(words, places - place, dropped, kept, to);
        }
}

/* out [rows places]: numbers between 0 and 1. */
void uniform(size_t threads, uint64_t key, uint64_t first_row, uint64_t site, size_t rows, size_t places, double *out) {
#pragma omp parallel for num_threads(threads) if (rows * places > FEW)
    for (size_t row = 0; row < rows; row++)
        for (size_t place = 0; place < places; place += GROUP) {
            uint32_t words[GROUP];
            size_t count = least(places - place, GROUP);
            draw(key, place / 4, first_row + row, site, words);
            for (size_t j = 0; j < count; j++) out[row * places + place + j] = (words[j] + 0.5) * 0x1p-32;
        }
}
