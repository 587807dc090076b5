/* Edits of a message's received bytes, applied in one pass: what isn't edited stays as it came. */
#ifndef TRUNKLINE_EDIT_H
#define TRUNKLINE_EDIT_H

#include "msg.h"

enum { EDIT_MAX = 32 };

struct edit_step {
    size_t at, cut; /* offset in msg->raw, bytes removed there */
    struct span put;
};

/* On the caller's stack. Texts put in are borrowed until edit_build. */
struct edit {
    const struct msg *msg;
    struct edit_step steps[EDIT_MAX];
    size_t n;
    int err; /* first failure, reported by edit_build */
};

void edit_start(struct edit *e, const struct msg *m);

/* `old` must lie inside msg->raw. */
void edit_replace(struct edit *e, struct span old, struct span put);
/* Whole lines, CRLF included, before the first header line with this id; if there is none, right
 * after the start line. */
void edit_insert_before(struct edit *e, enum header id, struct span lines);
/* Whole lines at the end of the headers. */
void edit_append_header(struct edit *e, struct span lines);
void edit_remove_line(struct edit *e, const struct header_line *line);
/* Drops one element, its line if it is alone there, with the comma that goes with it. */
void edit_remove_element(struct edit *e, const struct element *el);
/* Puts text right after the element (";received=1.2.3.4" behind a Via). */
void edit_after(struct edit *e, struct span old, struct span put);

/* Bytes that edit_build will write. */
size_t edit_size(const struct edit *e);
/* Writes the edited message. ERR_TOO_LARGE: cap is short. ERR_INVALID: overlapping edits. */
MUST_CHECK int edit_build(struct edit *e, char *buf, size_t cap, size_t *ret_n);

#endif
