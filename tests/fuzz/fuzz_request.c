/* A request's parameters in each encoding, then read as every endpoint would. The first byte
 * chooses. */
#include <stdint.h>
#include <stdlib.h>

#include "endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const TYPES[] = {
    "application/x-www-form-urlencoded",
    "application/json",
    "multipart/form-data; boundary=b",
};

static void check_list(const struct arg *arg)
{
    for (size_t i = 0; i < arg->count; i++) {
        if (!arg->items[i][0])
            abort();
    }
}

static void read_as(const struct endpoint *e, const struct request *r)
{
    struct endpoint_fault fault = {0};
    struct args args;
    int err = endpoint_read(e, r, &args, &fault);
    if (err == ERR_INVALID && (!fault.param || !fault.detail))
        abort();
    for (size_t i = 0; err == ERR_OK && e->params[i].name; i++) {
        if (!args.values[i].text || (e->params[i].required && !args.values[i].set))
            abort();
        check_list(&args.values[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct scratch mem = {0};
    struct request r = {.mem = &mem};
    const char *type = TYPES[data[0] % 3];
    int err = request_add_body(&r, span_of(type), (struct span){(const char *)data + 1, size - 1});
    if (err == ERR_INVALID && !r.fault)
        abort();
    for (size_t i = 0; err == ERR_OK && i < endpoint_count; i++)
        read_as(&endpoints[i], &r);
    scratch_clear(&mem);
    return 0;
}
