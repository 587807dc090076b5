/* The certificate of the HTTP server's TLS (GnuTLS): one for the process, which may be replaced
 * while connections go on. */
#ifndef TRUNKLINE_HTTP_TLS_H
#define TRUNKLINE_HTTP_TLS_H

#include "err.h"

enum { HTTP_TLS_ERROR = 512 };

struct MHD_OptionItem;

/* Reads certificate (PEM, with its chain) and key. On failure one line is in error. */
MUST_CHECK int http_tls_check(const char *certificate, const char *key, char error[HTTP_TLS_ERROR]);

/* The same, and uses them for handshakes from now on; on failure those in use stay. */
MUST_CHECK int http_tls_load(const char *certificate, const char *key, char error[HTTP_TLS_ERROR]);

/* Frees all; no server may use them any more. */
void http_tls_unload(void);

/* Options that make a server of libmicrohttpd ask here; ends with MHD_OPTION_END. */
const struct MHD_OptionItem *http_tls_options(void);

#endif
