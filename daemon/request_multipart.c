/* multipart/form-data (RFC 7578, RFC 2046 5.1.1), from a body that is in memory. */
#include "request.h"

enum { BOUNDARY_MAX = 70, PART_HEADER_MAX = 2048 };

struct multipart {
    struct request *request;
    struct span rest;
    char marker[BOUNDARY_MAX + 5]; /* CR LF -- boundary */
    size_t marker_n;
};

static struct span skip(struct span s, size_t n)
{
    return (struct span){s.p + n, s.n - n};
}

static bool starts(struct span s, const char *head, size_t n)
{
    return s.n >= n && memcmp(s.p, head, n) == 0;
}

/* Where `what` begins, or s.n. */
static size_t find(struct span s, const char *what, size_t n)
{
    const char *at = n ? memmem(s.p, s.n, what, n) : s.p;
    return at ? (size_t)(at - s.p) : s.n;
}

static bool boundary_read(struct multipart *m, struct span content_type)
{
    struct span boundary;
    if (!request_attribute(content_type, "boundary", &boundary) || !boundary.n ||
        boundary.n > BOUNDARY_MAX)
        return false;
    memcpy(m->marker, "\r\n--", 4);
    memcpy(m->marker + 4, boundary.p, boundary.n);
    m->marker_n = boundary.n + 4;
    return true;
}

/* The preamble and the first boundary, which may lack the CR LF before it. */
static bool open_first(struct multipart *m)
{
    if (starts(m->rest, m->marker + 2, m->marker_n - 2)) {
        m->rest = skip(m->rest, m->marker_n - 2);
        return true;
    }
    size_t at = find(m->rest, m->marker, m->marker_n);
    if (at == m->rest.n)
        return false;
    m->rest = skip(m->rest, at + m->marker_n);
    return true;
}

static bool disposition_read(struct span line, struct request_param *p)
{
    static const char header[] = "Content-Disposition:";
    if (!span_starts_nocase(line, span_of(header)))
        return false;
    struct span value = span_trim(skip(line, sizeof(header) - 1));
    if (!span_starts_nocase(value, SPAN_LIT("form-data")))
        return false;
    if (request_attribute(value, "filename", &p->file_name) && !p->file_name.p)
        p->file_name = SPAN_LIT("");
    return request_attribute(value, "name", &p->name);
}

/* The headers of a part, up to and with the empty line. */
static bool headers_read(struct multipart *m, struct request_param *p)
{
    size_t n = find(m->rest, "\r\n\r\n", 4);
    if (n == m->rest.n || n > PART_HEADER_MAX)
        return false;
    struct span headers = {m->rest.p, n};
    m->rest = skip(m->rest, n + 4);
    bool named = false;
    while (headers.n) {
        size_t line_n = find(headers, "\r\n", 2);
        struct span line = {headers.p, line_n};
        headers = skip(headers, line_n < headers.n ? line_n + 2 : line_n);
        named |= disposition_read(line, p);
    }
    return named;
}

/* One part, from after its boundary to after the next one. */
static int part_read(struct multipart *m)
{
    static const char malformed[] = "a part of the multipart body is malformed";
    struct request_param p = {0};
    if (!headers_read(m, &p))
        return request_malformed(m->request, malformed);
    size_t n = find(m->rest, m->marker, m->marker_n);
    if (n == m->rest.n)
        return request_malformed(m->request, malformed);
    p.value = (struct span){m->rest.p, n};
    m->rest = skip(m->rest, n + m->marker_n);
    return request_add(m->request, &p);
}

int request_multipart(struct request *r, struct span content_type, struct span body)
{
    struct multipart m = {.request = r, .rest = body};
    if (!boundary_read(&m, content_type) || !open_first(&m))
        return request_malformed(r, "the multipart body has no boundary");
    while (!starts(m.rest, "--", 2)) {
        if (!starts(m.rest, "\r\n", 2))
            return request_malformed(r, "a multipart boundary is malformed");
        m.rest = skip(m.rest, 2);
        int err = part_read(&m);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}
