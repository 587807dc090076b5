#include "gather.h"

#include <time.h>
#include <uv.h>

enum { WINDOW_NS = 20 * 1000 * 1000 };

static void measure(struct gather *g, uint64_t received, uint64_t pause_ns, uint64_t now)
{
    uint64_t passed = now - g->window_ns;
    if (passed < WINDOW_NS)
        return;
    g->loaded = (received - g->window_received) * pause_ns >= passed;
    g->window_ns = now;
    g->window_received = received;
}

void gather_wait(struct gather *g, uint64_t received, uint64_t pause_us)
{
    uint64_t pause_ns = pause_us * 1000, now = uv_hrtime(), since = now - g->turned_ns;
    measure(g, received, pause_ns, now);
    if (g->loaded && since < pause_ns) {
        struct timespec left = {.tv_nsec = (long)(pause_ns - since)};
        (void)nanosleep(&left, NULL); /* a signal ends it early: no harm */
        now = uv_hrtime();
    }
    g->turned_ns = now;
}
