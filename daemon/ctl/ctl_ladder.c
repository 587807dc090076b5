#include "ctl_ladder.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "ctl_rows.h"

/* A line: time, then columns so many characters apart, the first after an indent. */
enum { WIDTH = 80, TIME = 14, APART_MOST = 24, APART_LEAST = 13, ENDPOINTS = 32, LABEL = 64 };

/* ---- what a message says ---- */

static struct span first_line(struct span data)
{
    struct span line = {0};
    (void)span_cut(&data, '\n', &line);
    return line;
}

/* Next line that begins so, behind the header; *rest moves behind it. */
static bool next_line(struct span *rest, const char *head, struct span *ret)
{
    while (span_cut(rest, '\n', ret)) {
        if (ret->n > strlen(head) && memcmp(ret->p, head, strlen(head)) == 0)
            return true;
    }
    return false;
}

static struct span body_of(struct span data)
{
    const char *end = memmem(data.p, data.n, "\r\n\r\n", 4);
    return end ? (struct span){end + 4, data.n - (size_t)(end + 4 - data.p)} : (struct span){0};
}

/* Its SDP: address and media ("127.0.0.2 audio 6000 RTP/AVP 0"); "" when it has none. To be freed.
 */
static char *media_of(struct span data)
{
    struct span body = body_of(data), rest = body, line, address = {0};
    char *text = ctl_copy((struct span){0});
    if (next_line(&rest, "c=IN IP", &line) && line.n > 9)
        address = (struct span){line.p + 9, line.n - 9};
    rest = body;
    while (next_line(&rest, "m=", &line)) {
        char *longer =
            ctl_format("%s%s%.*s %.*s", text, *text ? ", " : "", *text ? 0 : (int)address.n,
                       address.p, (int)line.n - 2, line.p + 2);
        free(text);
        text = longer;
    }
    for (char *p = text; *p; p++) {
        if (!isprint((unsigned char)*p))
            *p = '?';
    }
    return text;
}

/* "INVITE (SDP)", "200 OK", or of what is no SIP its first word; less of it where there is no room.
 */
static void label_of(struct span data, size_t room, char label[LABEL])
{
    struct span rest = first_line(data), shown = {0};
    if (span_starts_nocase(rest, SPAN_LIT("SIP/2.0 "))) {
        (void)span_cut(&rest, ' ', &shown);
        shown = rest;
    }
    if ((shown.n == 0 || shown.n > room) && !span_cut(&rest, ' ', &shown))
        shown = SPAN_LIT("?");
    size_t n = shown.n < room ? shown.n : room;
    bool media = n + 6 <= room && memmem(data.p, data.n, "\r\nm=", 4) != NULL;
    snprintf(label, LABEL, "%.*s%s", (int)n, shown.p, media ? " (SDP)" : "");
    for (char *p = label; *p; p++) {
        if (!isprint((unsigned char)*p))
            *p = '?';
    }
}

/* ---- a ladder ---- */

struct ladder {
    struct addr at[ENDPOINTS];
    size_t n, apart;
};

static size_t column_of(struct ladder *l, const struct addr *a)
{
    for (size_t i = 0; i < l->n; i++) {
        if (addr_eq(&l->at[i], a))
            return i;
    }
    if (l->n == ENDPOINTS)
        return ENDPOINTS - 1;
    l->at[l->n] = *a;
    return l->n++;
}

/* Where a column's line is. */
static size_t place(const struct ladder *l, size_t column)
{
    return TIME + l->apart / 2 + column * l->apart;
}

static void put_line(char *line)
{
    size_t n = strlen(line);
    while (n > 0 && line[n - 1] == ' ')
        line[--n] = '\0';
    puts(line);
}

/* A text around a column's line; of a long one its end. */
static void put_centred(const struct ladder *l, char *line, size_t column, const char *text)
{
    struct span s = span_of(text);
    size_t most = l->apart - 1;
    if (s.n > most)
        s = (struct span){s.p + s.n - most, most};
    memcpy(line + place(l, column) - s.n / 2, s.p, s.n);
}

enum { LINE = TIME + ENDPOINTS * APART_MOST + 1 };

static void blank(char line[LINE])
{
    memset(line, ' ', LINE - 1);
    line[LINE - 1] = '\0';
}

static void put_heads(const struct ladder *l)
{
    char hosts[LINE], ports[LINE], text[ADDR_TEXT], port[8];
    blank(hosts);
    blank(ports);
    for (size_t i = 0; i < l->n; i++) {
        snprintf(port, sizeof port, ":%u", addr_port(&l->at[i]));
        put_centred(l, hosts, i, addr_text(&l->at[i], text));
        put_centred(l, ports, i, port);
    }
    put_line(hosts);
    put_line(ports);
}

static void put_time(char *line, int64_t at_us)
{
    char when[CLOCK_TEXT], text[TIME + 8];
    clock_text(at_us / 1000, when);
    int n = snprintf(text, sizeof text, "%s.%03d", when + 11, (int)(at_us / 1000 % 1000));
    memcpy(line, text, (size_t)n);
}

static void put_arrow(const struct ladder *l, char *line, size_t from, size_t to, struct span data)
{
    size_t left = place(l, from < to ? from : to) + 1, right = place(l, from < to ? to : from);
    char label[LABEL];
    if (from == to) { /* to itself */
        line[left] = '<';
        return;
    }
    memset(line + left, '-', right - left);
    line[from < to ? right - 1 : left] = from < to ? '>' : '<';
    size_t room = l->apart - 3;
    label_of(data, room < LABEL - 8 ? room : LABEL - 8, label);
    struct span s = span_of(label);
    memcpy(line + left + (right - left - s.n) / 2, s.p, s.n);
}

static void put_message(struct ladder *l, const struct ctl_packet *p)
{
    char line[LINE];
    size_t from = column_of(l, &p->from), to = column_of(l, &p->to);
    blank(line);
    put_time(line, p->at_us);
    for (size_t i = 0; i < l->n; i++)
        line[place(l, i)] = '|';
    put_arrow(l, line, from, to, p->data);
    put_line(line);
    char *media = media_of(p->data);
    if (*media)
        printf("%*s%.*s\n", TIME, "", WIDTH - TIME, media);
    free(media);
}

static void put_call(const struct ctl_packets *packets, const char *callid)
{
    struct ladder l = {0};
    const char *call = "";
    for (size_t i = 0; i < packets->n; i++) {
        const struct ctl_packet *p = &packets->v[i];
        if (strcmp(p->callid, callid) != 0)
            continue;
        (void)column_of(&l, &p->from);
        (void)column_of(&l, &p->to);
        call = p->call[0] ? p->call : call;
    }
    l.apart = (WIDTH - TIME) / (l.n ? l.n : 1);
    l.apart = l.apart > APART_MOST ? APART_MOST : l.apart < APART_LEAST ? APART_LEAST : l.apart;
    printf("Call-ID %s%s%s\n", callid, *call ? "\nCall    " : "", call);
    put_heads(&l);
    for (size_t i = 0; i < packets->n; i++) {
        if (strcmp(packets->v[i].callid, callid) == 0)
            put_message(&l, &packets->v[i]);
    }
}

int ctl_ladder_print(const struct ctl_packets *packets)
{
    struct names calls = {0};
    for (size_t i = 0; i < packets->n; i++)
        ctl_names_add(&calls, packets->v[i].callid);
    for (size_t i = 0; i < calls.n; i++) {
        if (i > 0)
            puts("");
        put_call(packets, calls.v[i]);
    }
    ctl_names_free(&calls);
    return fflush(stdout) == 0 ? CTL_DONE : ctl_fail("standard output: %m");
}

/* ---- JSON ---- */

int ctl_ladder_json(const struct ctl_packets *packets)
{
    static const struct column columns[] = {
        {"at_us",  ROWS_COUNT, false, NULL},
        {"node",   ROWS_TEXT,  false, NULL},
        {"dir",    ROWS_TEXT,  false, NULL},
        {"proto",  ROWS_TEXT,  false, NULL},
        {"from",   ROWS_TEXT,  false, NULL},
        {"to",     ROWS_TEXT,  false, NULL},
        {"callid", ROWS_TEXT,  false, NULL},
        {"call",   ROWS_TEXT,  false, NULL},
        {"label",  ROWS_TEXT,  false, NULL},
        {"media",  ROWS_TEXT,  false, NULL},
        {"data",   ROWS_TEXT,  false, NULL},
        {NULL,     ROWS_TEXT,  false, NULL},
    };
    struct rows *rows = ctl_rows_new(columns);
    for (size_t i = 0; i < packets->n; i++) {
        const struct ctl_packet *p = &packets->v[i];
        char from[ADDR_PORT_TEXT], to[ADDR_PORT_TEXT], label[LABEL], *media = media_of(p->data);
        label_of(p->data, LABEL - 8, label);
        ctl_rows_add(rows);
        ctl_rows_set_int(rows, "at_us", p->at_us);
        ctl_rows_set(rows, "node", p->node);
        ctl_rows_set(rows, "dir", p->dir);
        ctl_rows_set(rows, "proto", p->proto);
        ctl_rows_set(rows, "from", addr_port_text(&p->from, from));
        ctl_rows_set(rows, "to", addr_port_text(&p->to, to));
        ctl_rows_set(rows, "callid", p->callid);
        ctl_rows_set(rows, "call", p->call);
        ctl_rows_set(rows, "label", label);
        ctl_rows_set(rows, "media", media);
        ctl_rows_set(rows, "data", p->data.p);
        free(media);
    }
    return ctl_rows_print(rows, ROWS_LIST, true);
}
