#include "ctl_rows.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "ctl.h"
#include "money.h"
#include "num.h"
#include "utf8.h"

enum { CELL_TEXT = 64, PARTS_MAX = 2 };

struct rows {
    const struct column *columns;
    size_t width, n;
    char **cells; /* n * width; NULL: empty */
    struct {
        const char *name;
        struct rows *rows;
    } parts[PARTS_MAX];
    size_t part_n;
};

struct rows *ctl_rows_new(const struct column *columns)
{
    struct rows *r = ctl_alloc(sizeof(*r));
    r->columns = columns;
    while (columns[r->width].name)
        r->width++;
    return r;
}

void ctl_rows_free(struct rows *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n * r->width; i++)
        free(r->cells[i]);
    free(r->cells);
    for (size_t i = 0; i < r->part_n; i++)
        ctl_rows_free(r->parts[i].rows);
    free(r);
}

void ctl_rows_add(struct rows *r)
{
    bool full = (r->n & (r->n - 1)) == 0; /* grows at each power of two */
    if (full) {
        size_t room = r->n ? r->n * 2 : 1;
        r->cells = ctl_grow(r->cells, room * r->width * sizeof(*r->cells));
    }
    for (size_t i = 0; i < r->width; i++)
        r->cells[r->n * r->width + i] = NULL;
    r->n++;
}

static const char *field_of(const struct column *c)
{
    return c->field ? c->field : c->name;
}

static bool find_column(const struct rows *r, const char *field, size_t *ret)
{
    for (size_t i = 0; i < r->width; i++) {
        if (strcmp(field_of(&r->columns[i]), field) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

void ctl_rows_set(struct rows *r, const char *field, const char *value)
{
    size_t i;
    if (!find_column(r, field, &i))
        return;
    char **place = &r->cells[(r->n - 1) * r->width + i];
    free(*place);
    *place = ctl_copy(span_of(value));
}

void ctl_rows_set_int(struct rows *r, const char *field, int64_t value)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    ctl_rows_set(r, field, text);
}

void ctl_rows_set_some(struct rows *r, const struct redisReply *reply, size_t from, size_t to)
{
    for (size_t i = from; i + 1 < to; i += 2)
        ctl_rows_set(r, reply_text(reply, i), reply_text(reply, i + 1));
}

void ctl_rows_set_pairs(struct rows *r, const struct redisReply *reply, size_t from)
{
    ctl_rows_set_some(r, reply, from, reply_count(reply));
}

void ctl_rows_set_table(struct rows *r, const struct table *t, size_t row)
{
    for (size_t i = 0; i < t->columns; i++) {
        const char *name = reply_text(t->reply, t->at + i);
        ctl_rows_set(r, name, table_text(t, row, name));
    }
}

bool ctl_rows_add_tables(struct rows *r, const struct redisReply *reply, size_t at)
{
    struct table t;
    if (table_open(reply, at, &t) < 0)
        return false;
    for (size_t row = 0; row < t.rows; row++) {
        ctl_rows_add(r);
        ctl_rows_set_table(r, &t, row);
    }
    return true;
}

static const char *cell(const struct rows *r, size_t row, size_t column)
{
    const char *value = row < r->n ? r->cells[row * r->width + column] : NULL;
    return value ? value : "";
}

const char *ctl_rows_get(const struct rows *r, size_t row, const char *field)
{
    size_t i;
    return find_column(r, field, &i) ? cell(r, row, i) : "";
}

size_t ctl_rows_count(const struct rows *r)
{
    return r->n;
}

void ctl_rows_cut(struct rows *r, size_t row, const char *field, size_t n)
{
    size_t i;
    if (row >= r->n || !find_column(r, field, &i))
        return;
    char *text = r->cells[row * r->width + i];
    if (text && strlen(text) > n)
        text[n] = '\0';
}

void ctl_rows_keep(struct rows *r, size_t row)
{
    for (size_t i = 0; i < r->width; i++) { /* the kept row changes places with the first */
        char **first = &r->cells[i], **kept = &r->cells[row * r->width + i], *moved = *first;
        *first = *kept;
        *kept = moved;
    }
    for (size_t i = r->width; i < r->n * r->width; i++)
        free(r->cells[i]);
    r->n = 1;
}

void ctl_rows_attach(struct rows *r, const char *name, struct rows *part)
{
    if (r->part_n == PARTS_MAX)
        abort(); /* a verb with more of them raises PARTS_MAX */
    r->parts[r->part_n].name = name;
    r->parts[r->part_n++].rows = part;
}

/* ---- Formats ---- */

static const char *money_cell(int64_t value, bool rate, char buf[CELL_TEXT])
{
    char text[MONEY_TEXT];
    bool fine = rate || value % MONEY_CENT != 0;
    span_copy(span_of(fine ? money_rate_text(value, text) : money_text(value, text)), buf,
              CELL_TEXT);
    return buf;
}

/* Text of a value; a value that its format doesn't fit is shown as it is. */
static const char *cell_text(enum rows_format format, const char *value, char buf[CELL_TEXT])
{
    int64_t v;
    if (format == ROWS_TEXT || format == ROWS_COUNT ||
        num_parse_signed(span_of(value), INT64_MIN, INT64_MAX, &v) < 0)
        return value;
    switch (format) {
    case ROWS_MONEY:
    case ROWS_RATE:
        return money_cell(v, format == ROWS_RATE, buf);
    case ROWS_PERCENT:
        return money_cell(v * MONEY_CENT, false, buf);
    case ROWS_TIME:
        return v == 0 ? "" : clock_text(v, buf);
    default:
        return value;
    }
}

/* ---- JSON ---- */

static json_t *json_text(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    char *ascii = ctl_copy(span_of(text)); /* not UTF-8: came from the wire */
    for (char *p = ascii; *p; p++)
        *p = isascii((unsigned char)*p) ? *p : '?';
    value = json_string(ascii);
    free(ascii);
    return value;
}

static json_t *json_cell(enum rows_format format, const char *value)
{
    char buf[CELL_TEXT];
    const char *text = cell_text(format, value, buf);
    int64_t v;
    if (format != ROWS_TEXT && text[0] == '\0')
        return json_null();
    if (format == ROWS_COUNT && num_parse_signed(span_of(text), INT64_MIN, INT64_MAX, &v) == ERR_OK)
        return json_integer(v);
    return json_text(text);
}

static json_t *json_list(const struct rows *r);

static json_t *json_row(const struct rows *r, size_t row)
{
    json_t *object = json_object();
    for (size_t i = 0; i < r->width; i++)
        json_object_set_new(object, r->columns[i].name,
                            json_cell(r->columns[i].format, cell(r, row, i)));
    for (size_t i = 0; i < r->part_n; i++)
        json_object_set_new(object, r->parts[i].name, json_list(r->parts[i].rows));
    return object;
}

static json_t *json_list(const struct rows *r)
{
    json_t *array = json_array();
    for (size_t row = 0; row < r->n; row++)
        json_array_append_new(array, json_row(r, row));
    return array;
}

static void print_json(const struct rows *r, enum rows_shape shape)
{
    json_t *root = shape == ROWS_ONE ? json_row(r, 0) : json_list(r);
    if (json_dumpf(root, stdout, JSON_INDENT(2)) < 0)
        ctl_fail("the result can't be written as JSON");
    putchar('\n');
    json_decref(root);
}

/* ---- Tables ---- */

/* Characters on the screen; bytes that continue a UTF-8 character take no place. */
static int text_width(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* Control characters, which a caller may have sent, never reach the terminal, nor do those of more
 * bytes: U+009B begins a command as ESC [ does, others turn the direction of a line. */
static void put_text(const char *text)
{
    for (struct span c = {text, 0}; *c.p; c.p += c.n) {
        for (c.n = 1; ((unsigned char)c.p[c.n] & 0xc0) == 0x80;)
            c.n++;
        if (utf8_valid(c) && !utf8_has_control(c))
            fwrite(c.p, 1, c.n, stdout);
        else
            putchar('?');
    }
}

static void put_padded(const char *text, int width, bool right, bool last)
{
    int pad = width - text_width(text);
    if (right)
        printf("%*s", pad, "");
    put_text(text);
    if (!right && !last)
        printf("%*s", pad, "");
    if (!last)
        fputs("  ", stdout);
}

static int column_width(const struct rows *r, size_t column)
{
    char buf[CELL_TEXT];
    const struct column *c = &r->columns[column];
    int width = text_width(c->name);
    for (size_t row = 0; row < r->n; row++) {
        int w = text_width(cell_text(c->format, cell(r, row, column), buf));
        width = w > width ? w : width;
    }
    return width;
}

static bool is_right(enum rows_format format)
{
    return format != ROWS_TEXT && format != ROWS_TIME;
}

static size_t shown_columns(const struct rows *r, size_t shown[])
{
    size_t n = 0;
    for (size_t i = 0; i < r->width; i++) {
        if (!r->columns[i].detail)
            shown[n++] = i;
    }
    return n;
}

static void print_list(const struct rows *r)
{
    size_t *shown = ctl_alloc((r->width + 1) * sizeof(*shown)), n = shown_columns(r, shown);
    int *widths = ctl_alloc((n + 1) * sizeof(*widths));
    char buf[CELL_TEXT];
    for (size_t i = 0; i < n; i++)
        widths[i] = column_width(r, shown[i]);
    for (size_t line = 0; line <= r->n; line++) { /* line 0 is the heading */
        for (size_t i = 0; i < n; i++) {
            const struct column *c = &r->columns[shown[i]];
            const char *text =
                line == 0 ? c->name : cell_text(c->format, cell(r, line - 1, shown[i]), buf);
            put_padded(text, widths[i], is_right(c->format), i + 1 == n);
        }
        putchar('\n');
    }
    free(shown);
    free(widths);
}

static void print_one(const struct rows *r)
{
    char buf[CELL_TEXT];
    int width = 0;
    for (size_t i = 0; i < r->width; i++) {
        int w = text_width(r->columns[i].name);
        width = w > width ? w : width;
    }
    for (size_t i = 0; i < r->width; i++) {
        const struct column *c = &r->columns[i];
        put_padded(c->name, width, false, false);
        put_text(cell_text(c->format, cell(r, 0, i), buf));
        putchar('\n');
    }
    for (size_t i = 0; i < r->part_n; i++) {
        if (r->parts[i].rows->n == 0)
            continue;
        printf("\n%s\n", r->parts[i].name);
        print_list(r->parts[i].rows);
    }
}

int ctl_rows_print(struct rows *r, enum rows_shape shape, bool json)
{
    if (json)
        print_json(r, shape);
    else if (shape == ROWS_ONE)
        print_one(r);
    else
        print_list(r);
    ctl_rows_free(r);
    if (fflush(stdout) != 0 || ferror(stdout))
        return ctl_fail("the result can't be written");
    return CTL_DONE;
}
