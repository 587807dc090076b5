#include "redis_async.h"

#include <signal.h>
#include <stdlib.h>

#include "log.h"
#include "redis_link.h"
#include "redis_target.h"

enum {
    WAITING_MAX = 100000,
    SILENT_DEADLINES = 3, /* so many without a byte: the link is dead */
    HEARTBEAT_MS = 1000,
    RETRY_FIRST_MS = 50,
    RETRY_LAST_MS = 1000,
};

enum state { DOWN, CONNECTING, GREETING, UP };

/* A command whose reply hasn't come. Replies come in order, so this is a queue; as all have the
 * same time to wait, those that were given up are a run at its head. */
struct waiting {
    struct waiting *next;
    uint64_t sent_ms, sent_ns; /* loop time; uv_hrtime, if somebody observes */
    redis_async_fn *fn;
    void *arg;
    bool expired; /* fn has been told; the late reply is dropped */
};

struct channel {
    struct channel *next;
    redis_async_message_fn *fn;
    void *arg;
    char name[];
};

struct redis_async {
    uv_loop_t *loop;
    struct redis_target target;
    redis_async_state_fn *state_fn;
    void *state_arg;
    redis_observe_fn *observe; /* NULL: nobody does */
    void *observe_arg;
    enum state state;
    bool closing;
    bool complained;         /* the log tells of the failure already */
    bool suspect;            /* silent too long; one more turn of the loop before it is dropped */
    struct redis_link *link; /* NULL: down */
    unsigned greetings;      /* replies that must come before the link is up */
    unsigned attempts;       /* since it was last up */
    struct waiting *head, *tail;
    struct waiting *due; /* first that has not expired */
    size_t waiting_n;
    struct channel *channels;
    uv_timer_t deadline;
    uv_timer_t pace; /* down: the next attempt; up: heartbeats */
    unsigned handles;
};

static void tell(const struct redis_async *r, const struct waiting *w, int err)
{
    if (r->observe != NULL)
        r->observe(r->observe_arg, (int64_t)(uv_hrtime() - w->sent_ns) / 1000, err);
}

static void fail_waiting(struct redis_async *r)
{
    struct waiting *w = r->head;
    r->head = r->tail = r->due = NULL;
    r->waiting_n = 0;
    while (w != NULL) {
        struct waiting *next = w->next;
        if (!w->expired)
            tell(r, w, ERR_UNAVAILABLE);
        if (!w->expired && w->fn != NULL)
            w->fn(w->arg, NULL, ERR_UNAVAILABLE);
        free(w);
        w = next;
    }
}

static void on_retry(uv_timer_t *timer);

static void schedule_retry(struct redis_async *r)
{
    uint64_t ms = RETRY_LAST_MS;
    if (r->attempts < 5)
        ms = (uint64_t)RETRY_FIRST_MS << r->attempts;
    r->attempts++;
    ms = ms / 2 + arc4random_uniform((uint32_t)(ms / 2) + 1);
    uv_timer_start(&r->pace, on_retry, ms, 0);
}

static void lose(struct redis_async *r, const char *why)
{
    bool was_up = r->state == UP;
    r->state = DOWN;
    r->suspect = false;
    if (!r->complained)
        log_warn("redis %s: no link: %s", r->target.name, why);
    r->complained = true;
    redis_link_close(r->link);
    r->link = NULL;
    uv_timer_stop(&r->deadline);
    fail_waiting(r);
    if (was_up && !r->closing && r->state_fn != NULL)
        r->state_fn(r->state_arg, false);
    if (!r->closing)
        schedule_retry(r);
}

/* Silence counts from the last byte, or from the oldest command if that is younger. */
static uint64_t silent_since(const struct redis_async *r)
{
    uint64_t heard = redis_link_heard_ms(r->link);
    return heard > r->head->sent_ms ? heard : r->head->sent_ms;
}

static void on_deadline(uv_timer_t *timer);

static void arm_deadline(struct redis_async *r)
{
    uint64_t timeout = (uint64_t)r->target.timeout_ms, now = uv_now(r->loop);
    if (r->head == NULL)
        return;
    uint64_t at = silent_since(r) + SILENT_DEADLINES * timeout;
    if (r->due != NULL && r->due->sent_ms + timeout < at)
        at = r->due->sent_ms + timeout;
    uv_timer_start(&r->deadline, on_deadline, at > now ? at - now : 1, 0);
}

static void expire_due(struct redis_async *r)
{
    uint64_t now = uv_now(r->loop);
    while (r->due != NULL && r->due->sent_ms + (uint64_t)r->target.timeout_ms <= now) {
        struct waiting *w = r->due;
        r->due = w->next;
        w->expired = true;
        tell(r, w, ERR_TIMEOUT);
        if (w->fn != NULL)
            w->fn(w->arg, NULL, ERR_TIMEOUT);
    }
}

static bool is_silent(const struct redis_async *r)
{
    uint64_t longest = SILENT_DEADLINES * (uint64_t)r->target.timeout_ms;
    return r->head != NULL && uv_now(r->loop) >= silent_since(r) + longest;
}

static void on_deadline(uv_timer_t *timer)
{
    struct redis_async *r = timer->data;
    if (r->state == CONNECTING) {
        lose(r, "connecting took too long");
        return;
    }
    expire_due(r);
    if (r->link == NULL)
        return;
    if (!is_silent(r)) {
        r->suspect = false;
        arm_deadline(r);
    } else if (!r->suspect) {
        /* It may be us who slept: timers run before the sockets are read. */
        r->suspect = true;
        uv_timer_start(&r->deadline, on_deadline, 1, 0);
    } else {
        lose(r, "it is silent");
    }
}

static int submit(struct redis_async *r, unsigned within_ms, redis_async_fn *fn, void *arg,
                  size_t argc, const char *const argv[], const size_t lens[])
{
    struct waiting *w = malloc(sizeof(*w));
    if (w == NULL)
        return ERR_NOMEM;
    int err = redis_link_write(r->link, within_ms, argc, argv, lens);
    if (err != ERR_OK) {
        free(w);
        return err;
    }
    uv_update_time(r->loop); /* a long turn must not shorten the deadline */
    *w = (struct waiting){.sent_ms = uv_now(r->loop), .fn = fn, .arg = arg};
    w->sent_ns = r->observe != NULL ? uv_hrtime() : 0;
    if (r->tail != NULL)
        r->tail->next = w;
    else
        r->head = w;
    r->tail = w;
    if (r->due == NULL)
        r->due = w;
    r->waiting_n++;
    if (r->due == w || !uv_is_active((const uv_handle_t *)&r->deadline))
        arm_deadline(r); /* the timer may stand for those that have expired */
    return ERR_OK;
}

static void on_heartbeat(uv_timer_t *timer)
{
    static const char *const PING[] = {"PING"};
    struct redis_async *r = timer->data;
    bool quiet = uv_now(r->loop) >= redis_link_heard_ms(r->link) + HEARTBEAT_MS;
    if (quiet && r->head == NULL && submit(r, 0, NULL, NULL, 1, PING, NULL) != ERR_OK)
        lose(r, err_text(ERR_NOMEM));
}

static void rise(struct redis_async *r)
{
    r->state = UP;
    r->attempts = 0;
    if (r->complained)
        log_info("redis %s: the link is up again", r->target.name);
    r->complained = false;
    uv_timer_start(&r->pace, on_heartbeat, HEARTBEAT_MS, HEARTBEAT_MS);
    if (r->state_fn != NULL)
        r->state_fn(r->state_arg, true);
}

/* A reply to AUTH, PING or SUBSCRIBE. PING's tells that the server is there and not loading. */
static void on_greeting(void *arg, const struct redisReply *reply, int err)
{
    struct redis_async *r = arg;
    if (r->link == NULL)
        return;
    if (err != ERR_OK)
        lose(r, err_text(err));
    else if (raw_is_error(reply))
        lose(r, raw_text(reply));
    else if (r->state == GREETING && --r->greetings == 0)
        rise(r);
}

static int greet(struct redis_async *r, size_t argc, const char *const argv[])
{
    int err = submit(r, 0, on_greeting, r, argc, argv, NULL);
    if (err == ERR_OK && r->state == GREETING)
        r->greetings++;
    return err;
}

static int greet_channel(struct redis_async *r, const struct channel *c)
{
    return greet(r, 2, (const char *const[]){"SUBSCRIBE", c->name});
}

static int greet_all(struct redis_async *r)
{
    struct cmd auth = {0};
    redis_target_auth(&r->target, &auth);
    int err = auth.failed ? ERR_NOMEM : ERR_OK;
    if (err == ERR_OK && auth.n > 0)
        err = greet(r, auth.n, (const char *const *)auth.argv);
    cmd_free(&auth);
    if (err == ERR_OK)
        err = greet(r, 1, (const char *const[]){"PING"});
    for (const struct channel *c = r->channels; c != NULL && err == ERR_OK; c = c->next)
        err = greet_channel(r, c);
    return err;
}

static void on_link_connected(void *arg)
{
    struct redis_async *r = arg;
    r->state = GREETING;
    r->greetings = 0;
    uv_timer_stop(&r->deadline);
    int err = greet_all(r);
    if (err != ERR_OK)
        lose(r, err_text(err));
}

/* "message", channel, text: the only reply on a subscribed link that no command asked for. */
static bool is_message(const struct redis_async *r, const struct redisReply *reply)
{
    return r->channels != NULL && raw_count(reply) == 3 &&
           strcmp(reply_text(reply, 0), "message") == 0;
}

static void deliver(struct redis_async *r, const struct redisReply *reply)
{
    struct span name = reply_span(reply, 1);
    for (struct channel *c = r->channels; c != NULL && !r->closing; c = c->next) {
        if (span_eq(name, span_of(c->name)))
            c->fn(c->arg, name, reply_span(reply, 2));
    }
}

static void on_link_reply(void *arg, const struct redisReply *reply)
{
    struct redis_async *r = arg;
    if (is_message(r, reply)) {
        deliver(r, reply);
        return;
    }
    struct waiting *w = r->head;
    if (w == NULL) {
        lose(r, "a reply that nothing asked for");
        return;
    }
    r->head = w->next;
    if (r->head == NULL)
        r->tail = NULL;
    if (r->due == w)
        r->due = w->next;
    r->waiting_n--;
    if (r->head == NULL)
        uv_timer_stop(&r->deadline);
    if (!w->expired)
        tell(r, w, ERR_OK);
    if (!w->expired && w->fn != NULL)
        w->fn(w->arg, reply, ERR_OK);
    free(w);
}

static void on_link_lost(void *arg, const char *why)
{
    lose(arg, why);
}

static void start(struct redis_async *r)
{
    static const struct redis_link_events EVENTS = {on_link_connected, on_link_reply, on_link_lost};
    r->state = CONNECTING;
    int err = redis_link_open(&r->link, r->loop, &r->target, r->attempts, &EVENTS, r);
    if (err != ERR_OK)
        lose(r, err_text(err));
    else
        uv_timer_start(&r->deadline, on_deadline, (uint64_t)r->target.timeout_ms, 0);
}

static void on_retry(uv_timer_t *timer)
{
    start(timer->data);
}

/* libuv writes without MSG_NOSIGNAL: a server that goes away must not end the process. */
static void ignore_sigpipe(void)
{
    struct sigaction old;
    if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

int redis_async_open(struct redis_async **ret, uv_loop_t *loop,
                     const struct redis_settings *settings, redis_async_state_fn *state, void *arg)
{
    struct redis_async *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return ERR_NOMEM;
    int err = redis_target_set(settings, &r->target);
    if (err != ERR_OK) {
        free(r);
        return err;
    }
    ignore_sigpipe();
    r->loop = loop;
    r->state_fn = state;
    r->state_arg = arg;
    r->observe = settings->observe;
    r->observe_arg = settings->observe_arg;
    uv_timer_init(loop, &r->deadline); /* always succeeds */
    uv_timer_init(loop, &r->pace);
    r->deadline.data = r;
    r->pace.data = r;
    r->handles = 2;
    uv_timer_start(&r->pace, on_retry, 0, 0);
    *ret = r;
    return ERR_OK;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct redis_async *r = handle->data;
    if (--r->handles > 0)
        return;
    while (r->channels != NULL) {
        struct channel *next = r->channels->next;
        free(r->channels);
        r->channels = next;
    }
    explicit_bzero(r->target.password, sizeof(r->target.password));
    free(r);
}

void redis_async_close(struct redis_async *r)
{
    if (r == NULL || r->closing)
        return;
    r->closing = true;
    r->state = DOWN;
    redis_link_close(r->link);
    r->link = NULL;
    fail_waiting(r);
    uv_close((uv_handle_t *)&r->deadline, on_handle_closed);
    uv_close((uv_handle_t *)&r->pace, on_handle_closed);
}

bool redis_async_is_up(const struct redis_async *r)
{
    return r->state == UP;
}

int redis_async_fd(const struct redis_async *r)
{
    return r->link != NULL ? redis_link_fd(r->link) : -1;
}

int redis_async_send(struct redis_async *r, unsigned within_ms, redis_async_fn *fn, void *arg,
                     size_t argc, const char *const argv[], const size_t lens[])
{
    if (r->channels != NULL || argc == 0)
        return ERR_INVALID;
    if (r->state != UP || r->waiting_n >= WAITING_MAX)
        return ERR_UNAVAILABLE;
    return submit(r, within_ms, fn, arg, argc, argv, lens);
}

int redis_async_subscribe(struct redis_async *r, const char *channel, redis_async_message_fn *fn,
                          void *arg)
{
    size_t size = strlen(channel) + 1;
    struct channel *c = calloc(1, sizeof(*c) + size);
    if (c == NULL)
        return ERR_NOMEM;
    c->fn = fn;
    c->arg = arg;
    memcpy(c->name, channel, size);
    int err = r->state == GREETING || r->state == UP ? greet_channel(r, c) : ERR_OK;
    if (err != ERR_OK) {
        free(c);
        return err;
    }
    c->next = r->channels;
    r->channels = c;
    return ERR_OK;
}
