#include "html.h"

static void put(FILE *out, char c)
{
    switch (c) {
    case '&':
        fputs("&amp;", out);
        break;
    case '<':
        fputs("&lt;", out);
        break;
    case '>':
        fputs("&gt;", out);
        break;
    case '"':
        fputs("&quot;", out);
        break;
    default:
        fputc(c, out);
    }
}

void html_span(FILE *out, struct span text)
{
    for (size_t i = 0; i < text.n; i++)
        put(out, text.p[i]);
}

void html_text(FILE *out, const char *text)
{
    html_span(out, span_of(text));
}

void html_prose(FILE *out, const char *text)
{
    bool code = false;
    for (; *text; text++) {
        if (*text != '`') {
            put(out, *text);
            continue;
        }
        fputs(code ? "</code>" : "<code>", out);
        code = !code;
    }
}

void html_element(FILE *out, const char *tag, const char *text)
{
    fprintf(out, "<%s>", tag);
    html_text(out, text);
    fprintf(out, "</%s>", tag);
}
