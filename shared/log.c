#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    TEXT_MAX = 2048,
    ESCAPED_MAX = 6 * TEXT_MAX, /* "\u0001" for every byte */
    LINE_MAX_BYTES = ESCAPED_MAX + 512,
    TIME_MAX = 40,
};

static const char *const LEVELS[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

static struct {
    const char *program;
    bool terminal;
    _Atomic int level;
    pthread_mutex_t mutex; /* one line at a time */
} log_state = {"", false, LOG_INFO, PTHREAD_MUTEX_INITIALIZER};

void log_open(const char *program, enum log_level level)
{
    log_state.program = program;
    log_state.terminal = isatty(STDERR_FILENO) == 1;
    log_set_level(level);
}

void log_set_level(enum log_level level)
{
    atomic_store(&log_state.level, (int)level);
}

int log_level_parse(const char *text, enum log_level *ret)
{
    for (size_t i = 0; text != NULL && i < sizeof(LEVELS) / sizeof(LEVELS[0]); i++) {
        if (strcmp(text, LEVELS[i]) == 0) {
            *ret = (enum log_level)i;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Bytes of the well-formed UTF-8 sequence at s (RFC 3629 section 4), 0 when it is none. */
static size_t utf8_len(const unsigned char *s)
{
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        return is_tail(s[1]) ? 2 : 0;
    if (s[0] >= 0xe0 && s[0] <= 0xef) {
        bool overlong = s[0] == 0xe0 && s[1] < 0xa0, surrogate = s[0] == 0xed && s[1] > 0x9f;
        return is_tail(s[1]) && !overlong && !surrogate && is_tail(s[2]) ? 3 : 0;
    }
    if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        bool overlong = s[0] == 0xf0 && s[1] < 0x90, beyond = s[0] == 0xf4 && s[1] > 0x8f;
        return is_tail(s[1]) && !overlong && !beyond && is_tail(s[2]) && is_tail(s[3]) ? 4 : 0;
    }
    return 0;
}

/* Escapes one character at s as JSON does; returns the bytes read, *written those put to out. */
static size_t escape_one(const unsigned char *s, char *out, size_t *written)
{
    size_t len = *s < 0x80 ? 1 : utf8_len(s);
    if (len == 0 || *s < 0x20 || *s == 0x7f) {
        *written = (size_t)sprintf(out, "\\u%04x", len == 0 ? 0xfffdu : (unsigned)*s);
        return 1;
    }
    bool quote = *s == '"' || *s == '\\';
    if (quote)
        *out++ = '\\';
    memcpy(out, s, len);
    *written = len + (quote ? 1 : 0);
    return len;
}

static void escape(const char *text, char out[ESCAPED_MAX + 1])
{
    const unsigned char *s = (const unsigned char *)text;
    while (*s != '\0') {
        size_t written;
        s += escape_one(s, out, &written);
        out += written;
    }
    *out = '\0';
}

static void format_time(char buf[TIME_MAX])
{
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(buf, TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buf + n, TIME_MAX - n, ".%03ldZ", now.tv_nsec / 1000000);
}

static void write_all(const char *p, size_t n)
{
    pthread_mutex_lock(&log_state.mutex);
    while (n > 0) {
        ssize_t done = write(STDERR_FILENO, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            break; /* nowhere left to report to */
        p += done;
        n -= (size_t)done;
    }
    pthread_mutex_unlock(&log_state.mutex);
}

static void write_line(enum log_level level, const char *text)
{
    char time[TIME_MAX], escaped[ESCAPED_MAX + 1], line[LINE_MAX_BYTES];
    format_time(time);
    escape(text, escaped);
    int n;
    if (log_state.terminal)
        n = snprintf(line, sizeof(line), "%s %-5s %s\n", time, LEVELS[level], escaped);
    else
        n = snprintf(line, sizeof(line),
                     "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%.64s\",\"text\":\"%s\"}\n",
                     time, LEVELS[level], log_state.program, escaped);
    if (n > 0 && (size_t)n < sizeof(line))
        write_all(line, (size_t)n);
}

void log_write(enum log_level level, const char *fmt, ...)
{
    if ((int)level > atomic_load(&log_state.level))
        return;
    int saved = errno;
    char text[TEXT_MAX + 1];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    write_line(level, text);
    errno = saved;
}
