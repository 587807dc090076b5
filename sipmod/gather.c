#include "gather.h"

#include <poll.h>
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

/* Whether the descriptor could be read before the time was over. */
static bool sleep_for(uint64_t ns, int urgent_fd)
{
    struct timespec left = {.tv_nsec = (long)ns};
    struct pollfd urgent = {.fd = urgent_fd, .events = POLLIN};
    return ppoll(&urgent, 1, &left, NULL) > 0; /* a signal ends it early: no harm */
}

void gather_wait(struct gather *g, uint64_t received, uint64_t pause_us, int urgent_fd)
{
    uint64_t pause_ns = pause_us * 1000, now = uv_hrtime(), since = now - g->turned_ns;
    measure(g, received, pause_ns, now);
    g->pausing = false;
    if (g->loaded && !g->behind && since < pause_ns) {
        g->pausing = sleep_for(pause_ns - since, urgent_fd);
        now = uv_hrtime();
    }
    if (!g->pausing)
        g->turned_ns = now;
    g->behind = false;
}
