/* The ops page's messages (server-sent events). */
#ifndef TRUNKLINE_OPS_PRINT_H
#define TRUNKLINE_OPS_PRINT_H

#include "http_stream.h"
#include "ops_board.h"

/* An event `state`: all as of now, with so many trunks. NULL when out of memory. */
struct http_frame *ops_print_state(const struct ops_board *b, size_t trunks);

/* For who has just come: how soon to come again when the stream breaks, an event `history` with the
 * last quarter of an hour, and the state. NULL when out of memory. */
struct http_frame *ops_print_greeting(const struct ops_board *b, size_t trunks);

#endif
