/* From a request to a reply: dispatch by the endpoint table, account check, operation. */
#ifndef TRUNKLINE_API_H
#define TRUNKLINE_API_H

#include "http.h"
#include "service.h"

/* Whether a path is an endpoint that takes files: their bodies may be larger. */
bool api_takes_files(struct span path);

/* Whether a path is an endpoint that waits for others than the store. */
bool api_waits(struct span path);

/* An http_handler; arg is the struct service. */
void api_handle(void *arg, const struct http_request *http, struct http_reply *ret);

/* An http_reuser: admits the request as if it was executed. */
bool api_reuse(void *arg, struct kept_reply *kept, const struct http_request *http,
               struct http_reply *ret);

#endif
