#include "limit.h"

#include <pthread.h>
#include <stdlib.h>

enum { WAYS = 8, SECOND_US = 1000000, MINUTE_S = 60 };

/* The generic cell rate algorithm: full_us is when the whole burst may come again. One that lies
 * behind is as good as an empty entry. */
struct entry {
    uint64_t who;
    int64_t full_us;
};

struct limit {
    pthread_mutex_t mutex;
    size_t sets; /* of WAYS entries */
    struct entry entries[];
};

int limit_open(struct limit **ret, size_t room)
{
    size_t sets = room / WAYS + 1;
    struct limit *l = calloc(1, sizeof(*l) + sets * WAYS * sizeof(struct entry));
    if (!l)
        return ERR_NOMEM;
    pthread_mutex_init(&l->mutex, NULL);
    l->sets = sets;
    *ret = l;
    return ERR_OK;
}

void limit_close(struct limit *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->mutex);
    free(l);
}

/* The entry of `who`, or the one that it may have. */
static struct entry *find(struct limit *l, uint64_t who)
{
    struct entry *set = &l->entries[who % l->sets * WAYS], *oldest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].who == who)
            return &set[i];
        if (set[i].full_us < oldest->full_us)
            oldest = &set[i];
    }
    return oldest;
}

static int64_t seconds_up(int64_t us)
{
    return us > 0 ? (us + SECOND_US - 1) / SECOND_US : 0;
}

static bool check(struct limit *l, uint64_t who, const struct limit_rule *rule, int64_t now_us,
                  bool take, struct limit_state *ret)
{
    *ret = (struct limit_state){0};
    if (rule->per_minute <= 0)
        return true;
    int64_t step = (int64_t)MINUTE_S * SECOND_US / rule->per_minute;
    step = step > 0 ? step : 1;
    int64_t whole = step * rule->burst;
    pthread_mutex_lock(&l->mutex);
    struct entry *e = find(l, who);
    int64_t full = e->who == who && e->full_us > now_us ? e->full_us : now_us;
    bool allowed = full + step - now_us <= whole;
    if (allowed && take) {
        full += step;
        *e = (struct entry){who, full};
    }
    pthread_mutex_unlock(&l->mutex);
    int64_t used = full - now_us;
    ret->limited = true;
    ret->most = rule->burst;
    ret->left = used >= whole ? 0 : (whole - used) / step;
    ret->full_s = seconds_up(used);
    ret->retry_s = allowed ? 0 : seconds_up(full + step - now_us - whole);
    return allowed;
}

bool limit_take(struct limit *l, uint64_t who, const struct limit_rule *rule, int64_t now_us,
                struct limit_state *ret)
{
    return check(l, who, rule, now_us, true, ret);
}

bool limit_look(struct limit *l, uint64_t who, const struct limit_rule *rule, int64_t now_us,
                struct limit_state *ret)
{
    return check(l, who, rule, now_us, false, ret);
}
