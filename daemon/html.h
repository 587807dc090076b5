/* Writes texts into HTML, escaped. */
#ifndef TRUNKLINE_HTML_H
#define TRUNKLINE_HTML_H

#include <stdio.h>

#include "span.h"

void html_text(FILE *out, const char *text);
void html_span(FILE *out, struct span text);
/* What stands between `backticks` becomes <code>. */
void html_prose(FILE *out, const char *text);
/* "<TAG>text</TAG>" */
void html_element(FILE *out, const char *tag, const char *text);

#endif
