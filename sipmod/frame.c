#include "frame.h"

#include <stdint.h>

#include "msg_chars.h"
#include "num.h"

static enum frame_found malformed(struct frame *f, const char *fault)
{
    f->fault = fault;
    return FRAME_MALFORMED;
}

/* The empty line that ends the headers. A lone LF ends no line for us, but might for others. */
static enum frame_found find_head(struct frame *f, struct span bytes)
{
    const char *lf;
    while ((lf = memchr(bytes.p + f->looked_at, '\n', bytes.n - f->looked_at)) != NULL) {
        size_t at = (size_t)(lf - bytes.p);
        if (at == f->line || bytes.p[at - 1] != '\r')
            return malformed(f, "Line feed without carriage return");
        bool empty = at == f->line + 1;
        f->line = f->looked_at = at + 1;
        if (empty) {
            f->head = at + 1;
            return FRAME_MESSAGE;
        }
    }
    f->looked_at = bytes.n;
    return FRAME_MORE;
}

/* The next header of `*rest` with its folds. False: that was the last. */
static bool next_header(struct span *rest, struct span *ret_name, struct span *ret_value)
{
    const char *end = rest->p, *last = rest->p + rest->n;
    do
        end = (const char *)memchr(end, '\n', (size_t)(last - end)) + 1;
    while (end < last && (*end == ' ' || *end == '\t'));
    struct span line = {rest->p, (size_t)(end - rest->p)};
    *rest = (struct span){end, (size_t)(last - end)};
    const char *colon = memchr(line.p, ':', line.n);
    size_t name = colon ? (size_t)(colon - line.p) : line.n;
    *ret_name = span_trim((struct span){line.p, name});
    *ret_value = colon ? span_trim((struct span){colon + 1, line.n - name - 1}) : (struct span){0};
    return rest->n > 0;
}

static bool is_content_length(struct span name)
{
    return span_eq_nocase(name, SPAN_LIT("Content-Length")) || span_eq_nocase(name, SPAN_LIT("l"));
}

static enum frame_found read_length(struct frame *f, struct span head, size_t message_max)
{
    struct span rest = head, name, value;
    int64_t n = -1;
    (void)next_header(&rest, &name, &value); /* the start line */
    while (next_header(&rest, &name, &value)) {
        if (!is_content_length(name))
            continue;
        if (n >= 0)
            return malformed(f, "Two Content-Lengths");
        if (num_parse(value, 0, UINT32_MAX, &n) != 0)
            return malformed(f, "Malformed Content-Length");
    }
    if (n < 0)
        return malformed(f, "Missing Content-Length");
    f->body = (size_t)n;
    return f->body > message_max - f->head ? FRAME_TOO_LARGE : FRAME_MESSAGE;
}

static enum frame_found find_message(struct frame *f, struct span bytes, size_t message_max,
                                     size_t *ret_n)
{
    enum frame_found found = FRAME_MESSAGE;
    *ret_n = bytes.n;
    if (f->head == 0) {
        if (!char_is(bytes.p[0], CHAR_TOKEN))
            return malformed(f, "Malformed start line");
        size_t most = bytes.n < message_max + 1 ? bytes.n : message_max + 1;
        found = find_head(f, (struct span){bytes.p, most});
        size_t head = f->head ? f->head : most;
        if (found != FRAME_MALFORMED && head > message_max)
            found = FRAME_TOO_LARGE;
        if (found != FRAME_MESSAGE)
            return found;
        *ret_n = f->head;
        found = read_length(f, (struct span){bytes.p, f->head}, message_max);
        if (found != FRAME_MESSAGE)
            return found;
    }
    *ret_n = f->head + f->body;
    return *ret_n <= bytes.n ? FRAME_MESSAGE : FRAME_MORE;
}

/* CRs and LFs in front of a message. */
static enum frame_found find_blank(struct span bytes, size_t *ret_n)
{
    if (bytes.n < 2)
        return FRAME_MORE;
    if (bytes.p[1] != '\n')
        return FRAME_MALFORMED;
    *ret_n = 2;
    if (bytes.n == 2 || (bytes.n == 3 && bytes.p[2] == '\r'))
        return FRAME_MORE; /* perhaps one half of a ping */
    if (bytes.p[2] != '\r' || bytes.p[3] != '\n')
        return FRAME_BLANK;
    *ret_n = 4;
    return FRAME_PING;
}

enum frame_found frame_next(struct frame *f, struct span bytes, size_t message_max, size_t *ret_n)
{
    *ret_n = 0;
    if (bytes.n == 0)
        return FRAME_MORE;
    enum frame_found found;
    if (f->looked_at == 0 && bytes.p[0] == '\r')
        found = find_blank(bytes, ret_n);
    else
        found = find_message(f, bytes, message_max, ret_n);
    if (found != FRAME_MORE) {
        const char *fault =
            found == FRAME_MALFORMED && !f->fault ? "Malformed start line" : f->fault;
        *f = (struct frame){.fault = fault};
    }
    return found;
}
