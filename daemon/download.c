#include "download.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "link.h"
#include "num.h"
#include "settings_sheet.h"

static const char uploads[] = "/uploads/", downloads[] = "/downloads/",
                  sheets[] = "/ajax/settings_pdf/";

/* What follows `root` in a path; nothing when it does not begin so. */
static struct span below(struct span path, const char *root)
{
    size_t n = strlen(root);
    if (path.n <= n || memcmp(path.p, root, n) != 0)
        return (struct span){0};
    return (struct span){path.p + n, path.n - n};
}

bool download_path(struct span path)
{
    return below(path, uploads).n || below(path, downloads).n || below(path, sheets).n;
}

enum range { RANGE_WHOLE, RANGE_PART, RANGE_BAD };

/* One range of RFC 9110 14.1.2: "bytes=FIRST-LAST", "bytes=FIRST-", "bytes=-LAST_N". Other units,
 * several ranges and malformed ones are passed over, as the RFC allows. */
static enum range read_range(struct span text, int64_t size, int64_t *ret_at, int64_t *ret_n)
{
    struct span first, last;
    int64_t from = 0, to = size - 1;
    if (!span_starts_nocase(text, SPAN_LIT("bytes=")))
        return RANGE_WHOLE;
    last = (struct span){text.p + 6, text.n - 6};
    const char *dash = last.n ? memchr(last.p, '-', last.n) : NULL;
    if (!dash)
        return RANGE_WHOLE;
    first = (struct span){last.p, (size_t)(dash - last.p)};
    last = (struct span){dash + 1, last.n - first.n - 1};
    if ((first.n && num_parse(first, 0, INT64_MAX, &from) != ERR_OK) ||
        (last.n && num_parse(last, 0, INT64_MAX, &to) != ERR_OK) || first.n + last.n == 0 ||
        (first.n && last.n && to < from))
        return RANGE_WHOLE;
    if (!first.n) {
        from = to < size ? size - to : 0;
        to = to == 0 ? -1 : size - 1;
    }
    if (to >= size)
        to = size - 1;
    if (from >= size || to < from)
        return RANGE_BAD;
    *ret_at = from;
    *ret_n = to - from + 1;
    return RANGE_PART;
}

static struct span base_name(struct span name)
{
    while (name.n) {
        const char *slash = memchr(name.p, '/', name.n);
        if (!slash)
            break;
        size_t cut = (size_t)(slash - name.p) + 1;
        name = (struct span){name.p + cut, name.n - cut};
    }
    return name;
}

static void describe(struct http_reply *r, struct span name, const char *etag)
{
    struct span base = base_name(name);
    r->content_type = file_media_type(name);
    http_reply_field(r, "Content-Disposition", "%s; filename=\"%.*s\"",
                     file_shown(name) ? "inline" : "attachment", (int)base.n, base.p);
    http_reply_field(r, "Content-Security-Policy", "default-src 'none'; sandbox");
    http_reply_field(r, "Accept-Ranges", "bytes");
    http_reply_field(r, "ETag", "%s", etag);
}

/* The file's own text replaces the reply's body; takes the descriptor. */
static void send_file(struct http_reply *r, const struct http_request *request, struct span name,
                      const struct file *file)
{
    char etag[64];
    snprintf(etag, sizeof(etag), "\"%" PRIx64 "-%" PRIx64 "\"", file->size, file->changed_ns);
    bool current = !request->if_range.n || span_eq(request->if_range, span_of(etag));
    int64_t at = 0, n = file->size;
    enum range range =
        request->range.n && current ? read_range(request->range, file->size, &at, &n) : RANGE_WHOLE;
    describe(r, name, etag);
    if (range == RANGE_BAD) {
        close(file->fd);
        r->status = 416;
        http_reply_field(r, "Content-Range", "bytes */%" PRId64, file->size);
        return;
    }
    r->status = range == RANGE_PART ? 206 : 200;
    r->fd = file->fd;
    r->file_at = at;
    r->file_n = n;
    if (range == RANGE_PART)
        http_reply_field(r, "Content-Range", "bytes %" PRId64 "-%" PRId64 "/%" PRId64, at,
                         at + n - 1, file->size);
}

static int send_sheet(struct service *s, struct scratch *mem, const struct http_request *request,
                      struct http_reply *r)
{
    struct span pdf;
    const char *account = scratch_text(mem, link_value(request->query, "account"));
    const char *tg = scratch_text(mem, link_value(request->query, "tg_id"));
    int err = account && tg ? settings_sheet(s, mem, account, tg, &pdf) : ERR_NOMEM;
    char *body = err == ERR_OK ? malloc(pdf.n) : NULL;
    if (err != ERR_OK)
        return err == ERR_REFUSED ? ERR_NOT_FOUND : err;
    if (!body)
        return ERR_NOMEM;
    memcpy(body, pdf.p, pdf.n);
    r->body = body;
    r->body_n = pdf.n;
    r->status = 200;
    r->content_type = "application/pdf";
    http_reply_field(r, "Content-Disposition", "inline; filename=\"trunk-%s.pdf\"", tg);
    return ERR_OK;
}

int download(struct service *s, struct scratch *mem, const struct http_request *request,
             struct http_reply *ret)
{
    struct file file;
    struct span name = below(request->path, uploads);
    if (!link_check(service_secret(s), request->path, request->query, time(NULL)))
        return ERR_NOT_FOUND;
    if (below(request->path, sheets).n)
        return send_sheet(s, mem, request, ret);
    if (!name.n)
        name = below(request->path, downloads);
    int err = file_open(service_conf(s)->files.dir, name, &file);
    if (err == ERR_OK)
        send_file(ret, request, name, &file);
    return err;
}
