/* Any bytes as a message that is captured: found in, put into the ring, into packets and into HEP.
 * The first byte chooses the way. */
#include <stdint.h>
#include <stdlib.h>

#include "capture_find.h"
#include "capture_hep.h"
#include "capture_ring.h"
#include "packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RING_BYTES = 65536 };

static bool count(void *arg, struct span packet)
{
    *(size_t *)arg += packet.n;
    return true;
}

static bool lies_in(struct span part, struct span whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void look(struct span bytes)
{
    struct span id = capture_find_call_id(bytes), ours = capture_find_id(bytes);
    if (!lies_in(id, bytes) || id.n > CAPTURE_CALL_ID || !lies_in(ours, bytes))
        abort();
    (void)capture_find_number(bytes, SPAN_LIT("2065550100"));
    (void)capture_find_call(bytes, id);
}

static void keep(const struct capture_message *m)
{
    static struct capture_ring *ring;
    struct capture_message found;
    if (!ring && capture_ring_new(&ring, RING_BYTES) != ERR_OK)
        abort();
    capture_ring_add(ring, m);
    uint64_t position = capture_ring_latest(ring);
    bool there = capture_ring_next(ring, &position, &found);
    if (!there || !span_eq(found.wire.bytes, m->wire.bytes))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char packet[65535];
    struct addr places[2];
    size_t n = 0;
    if (size < 2 || size > RING_BYTES / 2)
        return 0;
    bool six = data[0] & 1;
    if (addr_parse(six ? SPAN_LIT("2001:db8::1") : SPAN_LIT("192.0.2.1"), 5060, &places[0]) !=
        ERR_OK)
        abort();
    places[1] = places[0];
    struct capture_message m = {
        .at_us = 1,
        .wire = {.out = data[0] & 2,
                 .protocol = data[0] & 4 ? PROTOCOL_TCP : PROTOCOL_UDP,
                 .local = &places[0],
                 .remote = &places[1],
                 .bytes = {(const char *)data + 1, size - 1}}
    };
    struct packet_way way = {&places[0], &places[1], data[0] & 4, 1, 1};
    look(m.wire.bytes);
    keep(&m);
    if (!packet_each(&way, m.wire.bytes, count, &n) || n < size - 1)
        abort();
    if (capture_hep_write(&m, 1, SPAN_LIT("key"), packet, sizeof packet) < size - 1)
        abort();
    return 0;
}
