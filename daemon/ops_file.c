#include "ops_file.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *ending, *media;
} kinds[] = {
    {".html", "text/html; charset=utf-8"      },
    {".css",  "text/css; charset=utf-8"       },
    {".js",   "text/javascript; charset=utf-8"},
    {".svg",  "image/svg+xml"                 },
};

const struct ops_file *ops_file_find(struct span name)
{
    const struct ops_file *f = ops_files;
    while (f->name && !span_eq(name, span_of(f->name)))
        f++;
    return f->name ? f : NULL;
}

static const char *media_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strcmp(dot, kinds[i].ending) == 0)
            return kinds[i].media;
    }
    return "application/octet-stream";
}

/* RFC 9110 13.1.2: "*", or tags by comma; weak ones match, too. */
static bool is_known(struct span list, const char *etag)
{
    struct span tag;
    while (span_cut(&list, ',', &tag)) {
        tag = span_trim(tag);
        if (span_starts_nocase(tag, SPAN_LIT("W/")))
            tag = (struct span){tag.p + 2, tag.n - 2};
        if (span_eq(tag, span_of(etag)) || span_eq(tag, SPAN_LIT("*")))
            return true;
    }
    return false;
}

int ops_file_send(const struct ops_file *f, const struct http_request *request,
                  struct http_reply *ret)
{
    bool known = is_known(request->if_none_match, f->etag);
    ret->body = known ? NULL : strdup(f->text);
    if (!known && !ret->body)
        return ERR_NOMEM;
    ret->status = known ? 304 : 200;
    ret->content_type = media_of(f->name);
    ret->cacheable = true;
    http_reply_field(ret, "ETag", "%s", f->etag);
    return ERR_OK;
}
