#include "stock.h"

#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "reply.h"

static int compare(const void *a, const void *b)
{
    const struct stock_number *x = a, *y = b;
    int by_state = strcmp(x->state, y->state);
    return by_state ? by_state : strcmp(x->number, y->number);
}

int stock_read(const struct redisReply *r, size_t at, struct scratch *mem, struct stock *ret)
{
    size_t count = (reply_count(r) - at) / 2;
    struct stock s = {scratch_array(mem, count, sizeof(*s.numbers)), count};
    if (!s.numbers)
        return ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        s.numbers[i].number = scratch_text(mem, reply_span(r, at + 2 * i));
        s.numbers[i].state = scratch_text(mem, reply_span(r, at + 2 * i + 1));
        if (!s.numbers[i].number || !s.numbers[i].state)
            return ERR_NOMEM;
    }
    if (count)
        qsort(s.numbers, count, sizeof(*s.numbers), compare);
    *ret = s;
    return ERR_OK;
}

struct stock stock_of_state(const struct stock *s, const char *state)
{
    size_t from = 0;
    while (from < s->count && strcmp(s->numbers[from].state, state) != 0)
        from++;
    size_t to = from;
    while (to < s->count && strcmp(s->numbers[to].state, state) == 0)
        to++;
    return (struct stock){s->numbers + from, to - from};
}

static int send_state(struct redis_pool *redis, const struct stock *s, const char *function,
                      const char *const head[])
{
    struct redisReply *r = NULL;
    struct cmd c = {0};
    cmd_fcall(&c, function, key_inventory(s->numbers[0].state).text);
    for (size_t i = 0; head[i]; i++)
        cmd_text(&c, head[i]);
    for (size_t i = 0; i < s->count; i++)
        cmd_text(&c, s->numbers[i].number);
    int err = redis_send(redis, &c, &r);
    cmd_free(&c);
    reply_free(r);
    return err;
}

int stock_each(struct redis_pool *redis, const struct stock *s, const char *function,
               const char *const head[], const char **ret_state)
{
    for (size_t from = 0; from < s->count;) {
        struct stock rest = {s->numbers + from, s->count - from};
        struct stock one = stock_of_state(&rest, rest.numbers[0].state);
        int err = send_state(redis, &one, function, head);
        if (err == ERR_REFUSED && ret_state)
            *ret_state = one.numbers[0].state;
        if (err != ERR_OK)
            return err;
        from += one.count;
    }
    return ERR_OK;
}

const char *stock_cart_owner(struct scratch *mem, const char *account, const char *cart)
{
    return scratch_printf(mem, "%s:c:%s", account, cart);
}

const char *stock_order_owner(struct scratch *mem, const char *account, const char *order)
{
    return scratch_printf(mem, "%s:o:%s", account, order);
}
