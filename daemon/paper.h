/* The look that our documents share: letter head, section titles, rows of names and values, foot.
 */
#ifndef TRUNKLINE_PAPER_H
#define TRUNKLINE_PAPER_H

#include "conf.h"
#include "pdf.h"

typedef __typeof__(((struct conf *)0)->company) paper_company;

enum {
    PAPER_LEFT = 48,
    PAPER_RIGHT = PDF_WIDTH - 48,
    PAPER_TEXT = PAPER_RIGHT - PAPER_LEFT, /* width of the text */
    PAPER_TOP = 60,                        /* first base line of a page without a letter head */
    PAPER_BOTTOM = PDF_HEIGHT - 64,        /* last base line above the foot */
};

enum {
    PAPER_INK = 0x1f2933,
    PAPER_MUTED = 0x66727f,
    PAPER_ACCENT = 0x0f4c81,
    PAPER_TINT = 0xf1f5f9,
    PAPER_LINE = 0xd3dbe3,
    PAPER_WHITE = 0xffffff,
};

/* Starts the first page. Returns the base line for what follows. */
double paper_head(struct pdf *p, const paper_company *company, const char *title);
/* Draws the foot of all pages, when there will be no more: who we are, `left`, "Page 1 of 9". */
void paper_foot(struct pdf *p, const paper_company *company, const char *left);

/* A section's title with a rule under it. Returns the base line for what follows. */
double paper_section(struct pdf *p, double y, const char *title);
/* A name in grey and its value, cut to fit `width` in all. Returns the next row's base line. */
double paper_pair(struct pdf *p, double x, double y, double width, const char *name,
                  const char *value);

#endif
