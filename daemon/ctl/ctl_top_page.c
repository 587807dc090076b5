#include "ctl_top_page.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const sorts[TOP_SORTS] = {"sessions", "CPS", "load", "ASR"};

enum { COLS_LEAST = 80, BAR_LEAST = 10, BAR_MOST = 60, WARN_LOAD = 8000, BAD_LOAD = 10000 };

static void put(struct page *p, enum page_style style, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* One line more, cut to the width; nothing when the page is full. */
static void put(struct page *p, enum page_style style, const char *fmt, ...)
{
    va_list ap;
    if (p->n == p->rows)
        return;
    p->lines[p->n].style = style;
    va_start(ap, fmt);
    (void)vsnprintf(p->lines[p->n].text, p->cols + 1, fmt, ap);
    va_end(ap);
    p->n++;
}

/* ---- the top ---- */

static const char *clock_text(int64_t ms, char buf[EVENT_TIME])
{
    ctl_event_time(ms, buf);
    buf[8] = '\0'; /* no milliseconds */
    return buf;
}

static void put_title(struct page *p, const struct top *t, const struct page_view *v)
{
    char at[EVENT_TIME];
    put(p, t->up ? PAGE_TITLE : PAGE_BAD, "trunkctl top  %s UTC  Redis %s%s%s%s%s",
        clock_text(t->now, at), t->address, t->up ? "" : " IS AWAY", t->only[0] ? "  account " : "",
        t->only, v->paused ? "  PAUSED" : "");
}

static const char *ratio(int64_t part, int64_t whole, char buf[16])
{
    if (whole > 0)
        snprintf(buf, 16, "%.0f%%", (double)part * 100 / (double)whole);
    else
        snprintf(buf, 16, "-");
    return buf;
}

/* The average; it fits into five characters up to 9999 seconds. */
static const char *seconds(int64_t ms, int64_t calls, char buf[16])
{
    double s = calls > 0 ? (double)ms / 1000 / (double)calls : 0;
    if (calls > 0)
        snprintf(buf, 16, "%.*fs", s < 100 ? 1 : 0, s);
    else
        snprintf(buf, 16, "-");
    return buf;
}

static void put_sums(struct page *p, const struct top *t)
{
    char asr[16], acd[16];
    struct top_sums s = top_state_sums(t);
    put(p, PAGE_PLAIN,
        "calls %lld  CPS %lld  answered/s %lld  refused/s %lld  today: ASR %s ACD %s of %lld",
        (long long)s.live, (long long)t->rate.starts, (long long)t->rate.answers,
        (long long)t->rate.refusals, ratio(s.answered, s.today, asr),
        seconds(s.ms, s.answered, acd), (long long)s.today);
}

static void put_refusals(struct page *p, const struct top *t)
{
    char text[PAGE_COLS] = "";
    size_t used = 0;
    for (size_t i = 0; i < t->n_reasons; i++) {
        int64_t n = top_state_refusals(t, i);
        if (n > 0 && used + 48 < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, "  %s %lld",
                                     t->reasons[i].reason, (long long)n);
    }
    put(p, *text ? PAGE_WARN : PAGE_PLAIN, "refused in a minute:%s", *text ? text : "  none");
}

/* ---- sections ---- */

static const char *bar(int64_t value, int64_t limit, size_t width, char buf[BAR_MOST + 3])
{
    int64_t filled = limit > 0 ? value * (int64_t)width / limit : 0;
    size_t n = filled > (int64_t)width ? width : filled < 0 ? 0 : (size_t)filled;
    memset(buf, ' ', width + 2);
    buf[0] = '[';
    memset(buf + 1, '#', n);
    buf[width + 1] = ']';
    buf[width + 2] = '\0';
    return buf;
}

static const char *limit_text(int64_t limit, char buf[24])
{
    if (limit < 0)
        snprintf(buf, 24, "-");
    else
        snprintf(buf, 24, "%lld", (long long)limit);
    return buf;
}

static enum page_style style_of(int64_t value, int64_t limit)
{
    int64_t load = limit > 0 ? value * 10000 / limit : 0;
    return load >= BAD_LOAD ? PAGE_BAD : load >= WARN_LOAD ? PAGE_WARN : PAGE_PLAIN;
}

static size_t bar_width(const struct page *p)
{
    size_t more = p->cols > COLS_LEAST ? (p->cols - COLS_LEAST) / 2 : 0;
    return BAR_LEAST + more < BAR_MOST ? BAR_LEAST + more : BAR_MOST;
}

static void put_trunk(struct page *p, const struct top_trunk *t)
{
    char sessions[24], cps[24], asr[16], acd[16], used[BAR_MOST + 3], pace[BAR_MOST + 3];
    enum page_style busy = style_of(t->busy, t->sessions), fast = style_of(t->cps, t->cps_limit);
    put(p, busy > fast ? busy : fast,
        "%-8.8s %-6.6s %-3.3s %5lld/%-6.6s %s %4lld/%-5.5s %s %4.4s %s", t->account, t->id,
        t->direction, (long long)t->busy, limit_text(t->sessions, sessions),
        bar(t->busy, t->sessions, bar_width(p), used), (long long)t->cps,
        limit_text(t->cps_limit, cps), bar(t->cps, t->cps_limit, bar_width(p), pace),
        ratio(t->answered, t->today, asr), seconds(t->ms, t->answered, acd));
}

static void put_trunks(struct page *p, const struct top *t, const struct page_view *v, size_t rows)
{
    size_t n;
    int width = (int)bar_width(p) + 2;
    struct top_trunk **list = top_state_trunks(t, v->sort, &n);
    put(p, PAGE_HEAD, "%-8s %-6s %-3s %5s/%-6s %-*s %4s/%-5s %-*s %4s %s", "ACCOUNT", "TRUNK",
        "DIR", "CALLS", "LIMIT", width, "", "CPS", "LIMIT", width, "", "ASR", "ACD");
    for (size_t i = 0; i < n && i < rows; i++)
        put_trunk(p, list[i]);
    if (n == 0)
        put(p, PAGE_PLAIN, "no trunks");
    free(list);
}

static void put_node(struct page *p, const struct top *t, const struct top_node *n)
{
    bool alive = top_state_is_alive(t, n);
    char calls[24], watched[24], down[24];
    put(p, alive ? PAGE_PLAIN : PAGE_BAD, "%-18.18s %-21.21s %-8.8s %-7s %6s %8s %5s", n->name,
        n->address, n->version, alive ? "alive" : "SILENT",
        alive ? limit_text(n->calls, calls) : "-", alive ? limit_text(n->watched, watched) : "-",
        alive ? limit_text(n->down, down) : "-");
}

static void put_nodes(struct page *p, const struct top *t, const struct page_view *v, size_t rows)
{
    (void)v;
    put(p, PAGE_HEAD, "%-18s %-21s %-8s %-7s %6s %8s %5s", "NODE", "ADDRESS", "VERSION", "STATE",
        "CALLS", "TARGETS", "DOWN");
    for (size_t i = 0; i < t->n_nodes && i < rows; i++)
        put_node(p, t, &t->nodes[i]);
    if (t->n_nodes == 0)
        put(p, PAGE_BAD, "no sipmod");
}

static void put_gateways(struct page *p, const struct top *t, const struct page_view *v,
                         size_t rows)
{
    (void)v;
    char capacity[24], used[BAR_MOST + 3];
    put(p, PAGE_HEAD, "%-24s %5s/%-6s", "GATEWAY", "CALLS", "LIMIT");
    for (size_t i = 0; i < t->n_gateways && i < rows; i++) {
        const struct top_gateway *g = &t->gateways[i];
        put(p, g->off ? PAGE_BAD : style_of(g->taken, g->capacity), "%-24.24s %5lld/%-6.6s %s%s",
            g->name, (long long)g->taken, limit_text(g->capacity, capacity),
            bar(g->taken, g->capacity, bar_width(p), used), g->off ? " off" : "");
    }
    if (t->n_gateways == 0)
        put(p, PAGE_PLAIN, "no gateways");
}

static void put_targets(struct page *p, const struct top *t, const struct page_view *v, size_t rows)
{
    (void)v;
    put(p, PAGE_HEAD, "%-28s %-18s %8s  %s", "TARGET DOWN", "SEEN BY", "FOR", "WHY");
    for (size_t i = 0; i < t->n_targets && i < rows; i++) {
        const struct top_target *x = &t->targets[i];
        put(p, PAGE_BAD, "%-28.28s %-18.18s %7llds  %s", x->target, x->node,
            (long long)(t->now - x->since) / 1000, x->why);
    }
    if (t->n_targets == 0)
        put(p, PAGE_PLAIN, "none");
}

static void put_calls(struct page *p, const struct top *t, const struct page_view *v, size_t rows)
{
    const struct top_call *c;
    char at[EVENT_TIME];
    (void)v;
    put(p, PAGE_HEAD, "%-8s %-8s %-6s %-3s %-15s %-18s %s", "LATEST", "ACCOUNT", "TRUNK", "DIR",
        "NUMBER", "STATE", "FROM");
    for (size_t i = 0; i < rows && (c = top_state_call(t, i)); i++)
        put(p,
            c->refused                    ? PAGE_WARN
            : strcmp(c->state, "up") == 0 ? PAGE_GOOD
                                          : PAGE_PLAIN,
            "%s %-8.8s %-6.6s %-3.3s %-15.15s %-18.18s %s", clock_text(c->at, at), c->account,
            c->tg, c->direction, c->number, c->state,
            strncmp(c->from, "sip:", 4) == 0 ? c->from + 4 : c->from);
    if (t->n_calls == 0)
        put(p, PAGE_PLAIN, "none since this began");
}

/* ---- the whole ---- */

struct section {
    void (*put)(struct page *p, const struct top *t, const struct page_view *v, size_t rows);
    size_t least; /* rows that it has of 24, if it needs them */
};

enum { TRUNKS, NODES, GATEWAYS, TARGETS, CALLS, SECTIONS };

static const struct section sections[SECTIONS] = {
    [TRUNKS] = {put_trunks,   5},
      [NODES] = {put_nodes,    2},
      [GATEWAYS] = {put_gateways, 2},
    [TARGETS] = {put_targets,  2},
      [CALLS] = {put_calls,    4},
};

/* Gives each section its rows: the least, then what is left one by one to those that need more. */
static void share(size_t left, const size_t needs[SECTIONS], size_t rows[SECTIONS])
{
    bool given = true;
    for (size_t i = 0; i < SECTIONS; i++) {
        size_t least = sections[i].least < needs[i] ? sections[i].least : needs[i];
        rows[i] = least < left ? least : left;
        left -= rows[i];
    }
    while (left > 0 && given) {
        given = false;
        for (size_t i = 0; i < SECTIONS && left > 0; i++) {
            if (rows[i] < needs[i]) {
                rows[i]++;
                left--;
                given = true;
            }
        }
    }
}

static size_t at_least_one(size_t n)
{
    return n > 0 ? n : 1;
}

static void put_sections(struct page *p, const struct top *t, const struct page_view *v)
{
    size_t needs[SECTIONS] = {
        [TRUNKS] = at_least_one(HASH_COUNT(t->trunks)),
        [NODES] = at_least_one(t->n_nodes),
        [GATEWAYS] = at_least_one(t->n_gateways),
        [TARGETS] = at_least_one(t->n_targets),
        [CALLS] = at_least_one(t->n_calls),
    };
    size_t rows[SECTIONS], taken = p->n + SECTIONS + 1; /* headings, the last line */
    share(p->rows > taken ? p->rows - taken : 0, needs, rows);
    for (size_t i = 0; i < SECTIONS; i++)
        sections[i].put(p, t, v, rows[i]);
}

static void put_help(struct page *p)
{
    static const char *const lines[] = {
        "",
        "q        quit",
        "s        sort trunks: by sessions, CPS, load (of the nearer limit), ASR (worst first)",
        "f or /   show one account alone; an empty one: all",
        "p        pause: the screen stands still until a key is pressed",
        "?        this help",
        "",
        "CALLS/LIMIT    live calls of a trunk and what it is granted",
        "CPS            calls that began in the last second",
        "ASR, ACD       of today's calls (UTC): share answered, average length",
        "GATEWAY        places taken of its capacity",
        "TARGET DOWN    next hops that leave calls or OPTIONS unanswered",
        "LATEST         calls since this began, the newest first",
        "",
        "Quiet accounts are read in turn, 50 a second; those with calls at once.",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        put(p, PAGE_PLAIN, "%s", lines[i]);
}

static void put_last(struct page *p, const struct page_view *v)
{
    while (p->n + 1 < p->rows)
        put(p, PAGE_PLAIN, "%s", "");
    if (v->typing)
        put(p, PAGE_TITLE, "account: %s_   (Enter: show it, Esc: leave it)", v->typing);
    else
        put(p, PAGE_TITLE, "q quit  s sort (by %s)  f account  p %s  ? help", sorts[v->sort],
            v->paused ? "go on" : "pause");
}

void top_page_fill(struct page *p, const struct top *t, const struct page_view *view, size_t rows,
                   size_t cols)
{
    p->rows = rows < PAGE_ROWS ? rows : PAGE_ROWS;
    p->cols = cols < PAGE_COLS ? cols : PAGE_COLS;
    p->n = 0;
    put_title(p, t, view);
    if (view->help) {
        put_help(p);
    } else {
        put_sums(p, t);
        put_refusals(p, t);
        put_sections(p, t, view);
    }
    if (p->n == p->rows && p->n > 0)
        p->n--; /* a screen that is too low: the last line stays */
    put_last(p, view);
}
