#include "yaml.h"

#include <stdarg.h>

enum { INDENT = 2 };

static void quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* Keys that are no plain YAML words are quoted. */
static void put_key(FILE *out, int depth, const char *key)
{
    fprintf(out, "%*s", depth * INDENT, "");
    if (*key == '-' && key[1] == ' ') {
        fputs("- ", out);
        key += 2;
    }
    int odd = (*key >= '0' && *key <= '9') || *key == '\0';
    for (const char *p = key; *p; p++)
        odd |= *p == ' ' || *p == ':';
    if (odd)
        quoted(out, key);
    else
        fputs(key, out);
    fputc(':', out);
}

void yaml_open(FILE *out, int depth, const char *key)
{
    put_key(out, depth, key);
    fputc('\n', out);
}

void yaml_plain(FILE *out, int depth, const char *key, const char *value)
{
    put_key(out, depth, key);
    fprintf(out, " %s\n", value);
}

void yaml_text(FILE *out, int depth, const char *key, const char *text)
{
    put_key(out, depth, key);
    fputc(' ', out);
    quoted(out, text);
    fputc('\n', out);
}

void yaml_textf(FILE *out, int depth, const char *key, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    yaml_text(out, depth, key, text);
}

void yaml_ref(FILE *out, int depth, const char *key, const char *what, const char *name,
              const char *tail)
{
    yaml_open(out, depth, key);
    yaml_textf(out, depth + 1, "$ref", "#/components/%s/%s%s", what, name, tail);
}
