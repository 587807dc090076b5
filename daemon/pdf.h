/* PDF documents of Letter pages (libharu). Lengths are points; y runs down from the top edge. The
 * same calls give the same bytes. A failure is remembered and comes out of pdf_save. */
#ifndef TRUNKLINE_PDF_H
#define TRUNKLINE_PDF_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum { PDF_WIDTH = 612, PDF_HEIGHT = 792 };

enum pdf_font { PDF_REGULAR, PDF_BOLD, PDF_MONO, PDF_FONTS };

struct pdf;

MUST_CHECK int pdf_open(struct pdf **ret, const char *title, const char *author,
                        int64_t created_ms);
void pdf_close(struct pdf *p); /* accepts NULL */

/* Starts a page; all drawing goes to it. */
void pdf_page(struct pdf *p);
size_t pdf_pages(const struct pdf *p);
/* Goes back to page i, for what is known at the end only. */
void pdf_select(struct pdf *p, size_t i);

/* Both hold until changed, on all pages. rgb: 0xRRGGBB. */
void pdf_font(struct pdf *p, enum pdf_font font, double size);
void pdf_color(struct pdf *p, uint32_t rgb);

/* Text on a base line, in UTF-8; characters beyond Windows-1252 come out as '?'. */
void pdf_text(struct pdf *p, double x, double y, const char *text);
void pdf_text_right(struct pdf *p, double right, double y, const char *text);
/* Cut with an ellipsis to what fits in `most`. */
void pdf_text_cut(struct pdf *p, double x, double y, double most, const char *text);
/* Lines broken at spaces to fit in `most`; returns the base line after the last. */
double pdf_text_wrap(struct pdf *p, double x, double y, double most, double leading,
                     const char *text);
void pdf_box(struct pdf *p, double x, double y, double width, double height); /* filled */
void pdf_rule(struct pdf *p, double x, double y, double width, double thickness);

/* The document in memory for free(). ERR_NOMEM; ERR_SYSTEM: libharu failed. */
MUST_CHECK int pdf_save(struct pdf *p, char **ret, size_t *ret_n);

#endif
