/* A name server's answer: what is read of it is bounded, and ordered whatever its numbers are. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "srv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct srv list[SRV_MAX];
    size_t n = 0;
    int64_t ttl = 0;
    if (srv_read(data, size, list, &n, &ttl) != ERR_OK)
        return 0;
    if (n > SRV_MAX || ttl < -1 || ttl > UINT32_MAX)
        abort();
    srv_order(list, n);
    for (size_t i = 0; i < n; i++) {
        if (memchr(list[i].target, '\0', SRV_TARGET) == NULL ||
            (i > 0 && list[i].priority < list[i - 1].priority))
            abort();
    }
    return 0;
}
