/* Pages for everyone, without a token: the reference and the OpenAPI document. */
#ifndef TRUNKLINE_PAGE_H
#define TRUNKLINE_PAGE_H

#include "http.h"

/* Whether a path is one of those. */
bool page_path(struct span path);

/* Fills in the reply. ERR_NOMEM, ERR_SYSTEM. */
MUST_CHECK int page(const struct http_request *request, struct http_reply *ret);

#endif
