/* The OpenAPI 3.1 document, made from the endpoint table. */
#ifndef TRUNKLINE_OPENAPI_H
#define TRUNKLINE_OPENAPI_H

#include <stdio.h>

#include "err.h"

/* Writes YAML. ERR_SYSTEM: a write failed. */
MUST_CHECK int openapi_print(FILE *out);

#endif
