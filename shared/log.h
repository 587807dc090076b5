/* Log lines on stderr: text on a terminal, one JSON object a line elsewhere. Thread-safe. */
#ifndef TRUNKLINE_LOG_H
#define TRUNKLINE_LOG_H

#include "err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* `program` is borrowed for the life of the process. */
void log_open(const char *program, enum log_level level);
void log_set_level(enum log_level level);
MUST_CHECK int log_level_parse(const char *text, enum log_level *ret);

/* Writes one line. Control characters in the text are escaped; at most 2 KiB are kept. */
void log_write(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

#endif
