/* Files by signed links: /uploads/…, /downloads/… and /ajax/settings_pdf/…, without a token. */
#ifndef TRUNKLINE_DOWNLOAD_H
#define TRUNKLINE_DOWNLOAD_H

#include "http.h"
#include "scratch.h"
#include "service.h"

/* Whether a path is one of those, known or not. */
bool download_path(struct span path);

/* Fills in the reply. ERR_NOT_FOUND: no link of ours, or it is over, or what it names is gone: a
 * client can't tell which. ERR_SYSTEM: errno tells; errors of the store. */
MUST_CHECK int download(struct service *s, struct scratch *mem, const struct http_request *request,
                        struct http_reply *ret);

#endif
