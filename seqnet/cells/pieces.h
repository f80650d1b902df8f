/* Rows cut into pieces of units that do not meet: each is gone through time with by itself, by one thread. */

#include <stddef.h>

#define PIECE 256    /* units of a piece */
#define BESIDE 20000 /* steps of units that are done before another thread has begun */

typedef struct {
    size_t row, from, units;
} piece;

static inline size_t pieces_of(size_t size) { return (size + PIECE - 1) / PIECE; }

static inline piece piece_of(size_t number, size_t size) {
    size_t from = number % pieces_of(size) * PIECE;
    piece found = {number / pieces_of(size), from, size - from < PIECE ? size - from : PIECE};
    return found;
}
