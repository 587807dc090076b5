#include "page.h"

#include <stdio.h>
#include <stdlib.h>

#include "openapi.h"
#include "reference.h"

static const struct {
    const char *path, *media;
    int (*print)(FILE *out);
} pages[] = {
    {"/docs",         "text/html; charset=utf-8", reference_print},
    {"/openapi.yaml", "application/yaml",         openapi_print  },
};
enum { PAGES = sizeof(pages) / sizeof(*pages) };

static size_t find(struct span path)
{
    size_t i = 0;
    while (i < PAGES && !span_eq(path, span_of(pages[i].path)))
        i++;
    return i;
}

bool page_path(struct span path)
{
    return find(path) < PAGES;
}

int page(const struct http_request *request, struct http_reply *ret)
{
    char *body = NULL;
    size_t i = find(request->path), n = 0;
    FILE *out = i < PAGES ? open_memstream(&body, &n) : NULL;
    if (!out)
        return ERR_NOMEM;
    int err = pages[i].print(out);
    if (fclose(out) != 0)
        err = ERR_NOMEM;
    if (err != ERR_OK) {
        free(body);
        return err;
    }
    ret->body = body;
    ret->body_n = n;
    ret->status = 200;
    ret->content_type = pages[i].media;
    http_reply_field(ret, "Content-Security-Policy", "%s",
                     "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                     "form-action 'none'; frame-ancestors 'none'");
    return ERR_OK;
}
