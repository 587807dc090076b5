/* What trunkctl top shows as lines of text, for a terminal of any size. */
#ifndef TRUNKLINE_CTL_TOP_PAGE_H
#define TRUNKLINE_CTL_TOP_PAGE_H

#include "ctl_top_state.h"

enum { PAGE_COLS = 400, PAGE_ROWS = 300 };

enum page_style { PAGE_PLAIN, PAGE_TITLE, PAGE_HEAD, PAGE_GOOD, PAGE_WARN, PAGE_BAD };

struct page {
    size_t rows, cols, n; /* of the terminal; lines that are filled */
    struct {
        enum page_style style;
        char text[PAGE_COLS + 1];
    } lines[PAGE_ROWS];
};

/* What the operator has chosen. */
struct page_view {
    enum top_sort sort;
    bool paused, help;
    const char *typing; /* an account that is being typed; NULL: none */
};

/* No line is longer than `cols`, there are no more than `rows`. */
void top_page_fill(struct page *p, const struct top *t, const struct page_view *view, size_t rows,
                   size_t cols);

#endif
