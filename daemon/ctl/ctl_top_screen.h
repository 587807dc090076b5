/* The terminal of trunkctl top (ncurses). */
#ifndef TRUNKLINE_CTL_TOP_SCREEN_H
#define TRUNKLINE_CTL_TOP_SCREEN_H

#include "ctl_top_page.h"

enum { SCREEN_NONE = -1, SCREEN_ENTER = '\n', SCREEN_ESCAPE = 27, SCREEN_BACKSPACE = 127 };

/* Takes the terminal. False: it can't do what is needed. */
bool top_screen_open(void);
void top_screen_close(void); /* gives it back as it was; may be called twice */

void top_screen_size(size_t *ret_rows, size_t *ret_cols);
void top_screen_resize(void); /* the terminal has another size now */
void top_screen_show(const struct page *p);

/* The next key that was typed; SCREEN_NONE: none, or one without a meaning. False: no more. */
bool top_screen_key(int *ret);

#endif
