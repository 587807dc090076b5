/* A stream that comes in pieces: it must fall into the same parts however it is cut. The first byte
 * is the size of the pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 1024 };

/* Takes parts until there is no whole one, or the stream can't be read on. */
static bool take(struct frame *f, struct span all, size_t *at, uint64_t *sum)
{
    for (;;) {
        size_t n;
        enum frame_found found = frame_next(f, (struct span){all.p + *at, all.n - *at}, LIMIT, &n);
        if (found == FRAME_MORE)
            return true;
        if (n > all.n - *at || (found == FRAME_MESSAGE && (n == 0 || n > LIMIT)))
            abort();
        *sum = *sum * 31 + (uint64_t)found;
        if (found == FRAME_MALFORMED || found == FRAME_TOO_LARGE)
            return false;
        *sum = *sum * 31 + n;
        *at += n;
    }
}

/* What comes out of a stream, as one number. */
static uint64_t cut(struct span all, size_t piece)
{
    struct frame f = {0};
    size_t at = 0;
    uint64_t sum = 0;
    for (size_t n = 0; n < all.n;) {
        n = n + piece < all.n ? n + piece : all.n;
        if (!take(&f, (struct span){all.p, n}, &at, &sum))
            break;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct span all = {(const char *)data + 1, size - 1};
    size_t piece = data[0] ? data[0] : 1;
    if (cut(all, piece) != cut(all, 1))
        abort();
    return 0;
}
