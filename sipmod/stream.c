#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "connection.h"
#include "log.h"

enum { BACKLOG = 1024, COMPLAIN_MS = 10000 };

struct stream_listener {
    uv_tcp_t tcp;
    struct streams *streams;
    struct listener *listener;
};

/* An address with connections. */
struct peer {
    UT_hash_handle hh;
    unsigned char address[16];
    size_t n;
};

struct streams {
    struct transport *transport;
    struct connection *by_id, *by_key; /* uthash */
    struct connection *strangers;      /* inbound, not welcome yet; oldest first */
    struct peer *peers;
    size_t n; /* connections that count */
    uint64_t last_id;
    uint64_t complained_ms;
    bool closing;
};

/* ---- tables ---- */

static void address_key(const struct addr *a, unsigned char key[16])
{
    if (a->sa.sa_family == AF_INET6) {
        memcpy(key, &a->v6.sin6_addr, 16);
        return;
    }
    memset(key, 0, 10);
    key[10] = key[11] = 0xff;
    memcpy(key + 12, &a->v4.sin_addr, 4);
}

static struct connection_key key_of(const struct flow *to)
{
    struct connection_key key;
    memset(&key, 0, sizeof key);
    address_key(&to->remote, key.address);
    key.port = addr_port(&to->remote);
    key.protocol = (uint16_t)to->listener->protocol;
    if (key.protocol == PROTOCOL_TLS)
        key.name = to->name;
    return key;
}

/* The latest connection to a place is the one that is found. */
static void add_key(struct streams *s, struct connection *c, const char *name)
{
    struct flow to = {.listener = c->listener, .remote = c->remote, .name = name};
    struct connection *older = NULL;
    c->key = key_of(&to);
    HASH_FIND(by_key, s->by_key, &c->key, sizeof c->key, older);
    if (older) {
        HASH_DELETE(by_key, s->by_key, older);
        older->keyed = false;
    }
    HASH_ADD(by_key, s->by_key, key, sizeof c->key, c);
    c->keyed = true;
}

static struct connection *find(struct streams *s, const struct flow *to)
{
    struct connection *c = NULL;
    struct connection_key key;
    if (to->connection)
        HASH_FIND(by_id, s->by_id, &to->connection, sizeof to->connection, c);
    if (c && c->state <= CONNECTION_OPEN)
        return c;
    key = key_of(to);
    HASH_FIND(by_key, s->by_key, &key, sizeof key, c);
    return c;
}

/* ---- limits ---- */

static void forget_stranger(struct streams *s, struct connection *c)
{
    if (c->queued)
        DL_DELETE(s->strangers, c);
    c->queued = false;
}

static void discount(struct streams *s, struct connection *c)
{
    if (!c->counted)
        return;
    c->counted = false;
    s->n--;
    if (--c->peer->n == 0) {
        HASH_DEL(s->peers, c->peer);
        free(c->peer);
    }
}

static struct peer *peer_of(struct streams *s, const struct addr *address)
{
    unsigned char key[16];
    struct peer *p;
    address_key(address, key);
    HASH_FIND(hh, s->peers, key, sizeof key, p);
    if (p)
        return p;
    p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    memcpy(p->address, key, sizeof key);
    HASH_ADD(hh, s->peers, address, sizeof p->address, p);
    return p;
}

static void complain(struct streams *s, const struct addr *remote, const char *limit)
{
    char place[ADDR_PORT_TEXT];
    uint64_t now = uv_now(s->transport->loop);
    s->transport->counters.refused++;
    if (s->complained_ms && now - s->complained_ms < COMPLAIN_MS)
        return;
    s->complained_ms = now;
    log_warn("connection with %s refused: %s is reached (%zu)", addr_port_text(remote, place),
             limit, s->n);
}

/* Whether one more may be there; when all are taken, the oldest that brought nothing goes. */
static bool count_in(struct streams *s, struct connection *c)
{
    const struct conf *conf = s->transport->conf;
    struct peer *p = peer_of(s, &c->remote);
    if (!p)
        return false;
    c->peer = p;
    c->counted = true;
    p->n++;
    s->n++;
    if (p->n > (size_t)conf->sip.connections_per_address) {
        complain(s, &c->remote, "sip.connections_per_address");
        return false;
    }
    if (s->n > (size_t)conf->sip.connections && s->strangers)
        connection_close(s->strangers);
    if (s->n <= (size_t)conf->sip.connections)
        return true;
    complain(s, &c->remote, "sip.connections");
    return false;
}

/* ---- connections ---- */

static struct connection *connection_new(struct streams *s, struct listener *l)
{
    struct connection *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->streams = s;
    c->listener = l;
    c->id = ++s->last_id;
    HASH_ADD(by_id, s->by_id, id, sizeof c->id, c);
    return c;
}

static void connection_free(struct streams *s, struct connection *c)
{
    HASH_DELETE(by_id, s->by_id, c);
    free(c);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct stream_listener *sl = server->data;
    struct streams *s = sl->streams;
    struct connection *c = status == 0 ? connection_new(s, sl->listener) : NULL;
    if (!c)
        return; /* out of descriptors or memory: libuv tries again */
    if (connection_accept(c, server) != ERR_OK) {
        connection_free(s, c);
        return;
    }
    s->transport->counters.accepted++;
    if (c->state == CONNECTION_CLOSING)
        return;
    if (!count_in(s, c)) {
        connection_close(c);
        return;
    }
    add_key(s, c, NULL);
    DL_APPEND(s->strangers, c);
    c->queued = true;
}

static struct connection *connect_to(struct streams *s, const struct flow *to)
{
    struct connection *c = s->closing ? NULL : connection_new(s, to->listener);
    if (!c)
        return NULL;
    c->remote = to->remote;
    bool room = count_in(s, c);
    if (!room || connection_open(c, to->name) != ERR_OK) {
        discount(s, c);
        connection_free(s, c);
        return NULL;
    }
    if (c->state != CONNECTION_CLOSING)
        add_key(s, c, to->name);
    return c;
}

uint64_t stream_send(struct streams *s, const struct flow *to, struct span bytes)
{
    struct connection *c = find(s, to);
    if (!c)
        c = connect_to(s, to);
    if (!c) {
        s->transport->counters.send_dropped++;
        return 0;
    }
    connection_send(c, bytes);
    return c->id;
}

bool stream_is_connected(struct streams *s, const struct flow *to)
{
    const struct connection *c = find(s, to);
    return c && c->state == CONNECTION_OPEN;
}

void stream_welcome(struct streams *s, struct connection *c)
{
    forget_stranger(s, c);
}

void stream_retire(struct streams *s, struct connection *c)
{
    forget_stranger(s, c);
    discount(s, c);
    if (c->keyed)
        HASH_DELETE(by_key, s->by_key, c);
    c->keyed = false;
}

void stream_gone(struct streams *s, struct connection *c)
{
    struct transport *t = s->transport;
    uint64_t id = c->id;
    connection_free(s, c);
    if (!s->closing)
        t->events.disconnected(t->events.arg, id);
    transport_release(t);
}

/* ---- life ---- */

int streams_new(struct streams **ret, struct transport *t)
{
    struct streams *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->transport = t;
    *ret = s;
    return ERR_OK;
}

void streams_close(struct streams *s)
{
    struct connection *c, *next;
    if (!s)
        return;
    s->closing = true;
    HASH_ITER(by_id, s->by_id, c, next)
    {
        connection_close(c);
    }
}

void streams_free(struct streams *s)
{
    free(s);
}

static void on_unlistened(uv_handle_t *handle)
{
    struct stream_listener *sl = handle->data;
    transport_release(sl->streams->transport);
    free(sl);
}

int stream_listen(struct stream_listener **ret, struct streams *s, struct listener *l)
{
    struct stream_listener *sl = calloc(1, sizeof *sl);
    if (!sl || uv_tcp_init(s->transport->loop, &sl->tcp) != 0) {
        free(sl);
        return ERR_NOMEM;
    }
    transport_hold(s->transport);
    sl->tcp.data = sl;
    sl->streams = s;
    sl->listener = l;
    unsigned flags = l->local.sa.sa_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0;
    int rc = uv_tcp_bind(&sl->tcp, &l->local.sa, flags);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&sl->tcp, BACKLOG, on_connection);
    if (rc != 0) {
        stream_unlisten(sl);
        errno = -rc;
        return ERR_SYSTEM;
    }
    *ret = sl;
    return ERR_OK;
}

void stream_unlisten(struct stream_listener *sl)
{
    if (sl)
        uv_close((uv_handle_t *)&sl->tcp, on_unlistened);
}
