#include "redis_target.h"

#include "num.h"

static const struct span UNIX = {"unix:", 5};

static int parse_unix(struct span path, struct redis_target *ret)
{
    if (path.n == 0 || path.p[0] != '/' || !span_copy(path, ret->path, sizeof(ret->path)))
        return ERR_INVALID;
    return ERR_OK;
}

static int parse_tcp(struct span s, struct redis_target *ret)
{
    const char *colon = s.n > 0 ? memrchr(s.p, ':', s.n) : NULL;
    if (colon == NULL)
        return ERR_INVALID;
    struct span host = {s.p, (size_t)(colon - s.p)};
    struct span port = {colon + 1, s.n - host.n - 1};
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = (struct span){host.p + 1, host.n - 2};
    else if (host.n == 0 || memchr(host.p, ':', host.n) != NULL)
        return ERR_INVALID;
    int64_t n;
    if (num_parse(port, 1, UINT16_MAX, &n) != ERR_OK)
        return ERR_INVALID;
    if (!span_copy(host, ret->host, sizeof(ret->host)))
        return ERR_INVALID;
    ret->port = (uint16_t)n;
    return ERR_OK;
}

int redis_target_address(const char *address, struct redis_target *ret)
{
    struct span s = span_of(address);
    struct redis_target t = {0};
    if (!span_copy(s, t.name, sizeof(t.name)))
        return ERR_INVALID;
    int err = span_starts_nocase(s, UNIX)
                  ? parse_unix((struct span){s.p + UNIX.n, s.n - UNIX.n}, &t)
                  : parse_tcp(s, &t);
    if (err == ERR_OK)
        *ret = t;
    return err;
}

int redis_target_set(const struct redis_settings *settings, struct redis_target *ret)
{
    struct redis_target t;
    int err = redis_target_address(settings->address, &t);
    if (err != ERR_OK)
        return err;
    if (!span_copy(span_of(settings->user), t.user, sizeof(t.user)) ||
        !span_copy(span_of(settings->password), t.password, sizeof(t.password)))
        return ERR_INVALID;
    if (settings->timeout_ms <= 0 || settings->timeout_ms > INT32_MAX)
        return ERR_RANGE;
    t.timeout_ms = settings->timeout_ms;
    *ret = t;
    return ERR_OK;
}

void redis_target_auth(const struct redis_target *t, struct cmd *c)
{
    if (t->password[0] == '\0')
        return;
    cmd_text(c, "AUTH");
    if (t->user[0] != '\0')
        cmd_text(c, t->user);
    cmd_text(c, t->password);
}
