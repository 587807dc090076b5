/* Calls as a bystander follows them, message by message. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap_call.h"

enum { SECOND = 1000000, ENDED = 8 };

static const int64_t BEGIN = INT64_C(1700000000) * SECOND;

struct bench {
    struct conf conf;
    struct tap_count *count;
    struct tap_calls *calls;
    struct tap_cdr ended[ENDED];
    size_t n;
    int64_t now;
};

/* 192.0.2.1 is a carrier's. */
static const struct source *source_of(void *arg, const struct addr *from)
{
    static const struct source carrier = {.kind = SOURCE_CARRIER, .name = "carrier"};
    char text[ADDR_TEXT];
    (void)arg;
    return strcmp(addr_text(from, text), "192.0.2.1") == 0 ? &carrier : NULL;
}

static const struct mac_key *key_of(void *arg)
{
    static const struct mac_key key = {
        {1, 2}
    };
    (void)arg;
    return &key;
}

static void on_ended(void *arg, const struct tap_cdr *cdr)
{
    struct bench *b = arg;
    assert_true(b->n < ENDED);
    b->ended[b->n++] = *cdr;
}

static struct bench *open_bench(int64_t calls)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    conf_defaults(&b->conf);
    b->conf.metrics.sipmod[0] = '\0';
    b->conf.tap.calls = calls;
    b->now = BEGIN;
    assert_int_equal(tap_count_new(&b->count, &b->conf), ERR_OK);
    struct tap_calls_needs needs = {&b->conf, b->count, source_of, key_of, on_ended, b};
    assert_int_equal(tap_calls_new(&b->calls, &needs), ERR_OK);
    return b;
}

static void close_bench(struct bench *b)
{
    tap_calls_free(b->calls);
    tap_count_free(b->count);
    free(b);
}

#define CALLER "192.0.2.1:5060"
#define PROXY  "192.0.2.2:5060"
#define ONE    "192.0.2.3:5060"
#define TWO    "192.0.2.4:5060"
#define VIA_C  "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKc\r\n"
#define VIA_1  "Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\n" VIA_C
#define VIA_2  "Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK2\r\n" VIA_C
#define VIA_B  "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKb\r\n"
#define URI    "sip:2062190001@192.0.2.2"

static void put(struct bench *b, const char *from, const char *to, const char *text)
{
    struct addr a, z;
    struct msg *m;
    struct msg_fault fault;
    b->now += SECOND;
    assert_int_equal(addr_parse_port(span_of(from), 0, &a), ERR_OK);
    assert_int_equal(addr_parse_port(span_of(to), 0, &z), ERR_OK);
    if (msg_parse(span_of(text), &m, &fault, NULL) != ERR_OK)
        fail_msg("%s: %s", fault.text, text);
    tap_calls_take(b->calls, b->now, &a, &z, m);
    msg_free(m);
    tap_calls_tick(b->calls, b->now);
}

/* A request of this Via, with the callee's tag or none. */
static void request(struct bench *b, const char *from, const char *to, const char *method,
                    const char *via, const char *tag, const char *more)
{
    char text[1024];
    snprintf(
        text, sizeof text,
        "%s " URI " SIP/2.0\r\n%sFrom: <sip:12065550100@192.0.2.1>;tag=f\r\nTo: <" URI ">%s%s\r\n"
        "Call-ID: c1\r\nCSeq: %d %s\r\nMax-Forwards: 70\r\n%sContent-Length: 0\r\n\r\n",
        method, via, *tag ? ";tag=" : "", tag, strcmp(method, "BYE") == 0 ? 2 : 1, method, more);
    put(b, from, to, text);
}

static void respond(struct bench *b, const char *from, const char *to, int status,
                    const char *method, const char *via, const char *tag)
{
    char text[1024];
    snprintf(text, sizeof text,
             "SIP/2.0 %d X\r\n%sFrom: <sip:12065550100@192.0.2.1>;tag=f\r\nTo: <" URI ">;tag=%s\r\n"
             "Call-ID: c1\r\nCSeq: %d %s\r\nContent-Length: 0\r\n\r\n",
             status, via, tag, strcmp(method, "BYE") == 0 ? 2 : 1, method);
    put(b, from, to, text);
}

static void call(struct bench *b)
{
    request(b, CALLER, PROXY, "INVITE", VIA_C, "", "");
}

static void expect(const struct bench *b, int code, const char *reason, const char *by,
                   const char *attempts)
{
    assert_int_equal(b->n, 1);
    const struct tap_cdr *c = &b->ended[0];
    assert_int_equal(c->code, code);
    assert_string_equal(c->reason, reason);
    assert_string_equal(c->by, by);
    assert_string_equal(c->attempts, attempts);
}

/* Both targets of a fork answer: the first counts, and the other's BYE ends nothing. */
static void test_fork(void **state)
{
    (void)state;
    struct bench *b = open_bench(10);
    call(b);
    request(b, PROXY, ONE, "INVITE", VIA_1, "", "");
    respond(b, ONE, PROXY, 180, "INVITE", VIA_1, "t1");
    request(b, PROXY, TWO, "INVITE", VIA_2, "", "");
    respond(b, ONE, PROXY, 200, "INVITE", VIA_1, "t1");
    respond(b, TWO, PROXY, 200, "INVITE", VIA_2, "t2");
    respond(b, PROXY, CALLER, 200, "INVITE", VIA_C, "t1");
    request(b, PROXY, TWO, "BYE", VIA_B, "t2", "");
    respond(b, TWO, PROXY, 200, "BYE", VIA_B, "t2");
    assert_int_equal(b->n, 0);
    request(b, CALLER, PROXY, "BYE", VIA_B, "t1", "");
    respond(b, PROXY, CALLER, 200, "BYE", VIA_B, "t1");
    expect(b, 200, "answered", "caller", ONE "=408 " ONE "=200");
    assert_string_equal(b->ended[0].target, ONE);
    assert_int_equal(b->ended[0].rang_us, BEGIN + 3 * SECOND);
    assert_int_equal(b->ended[0].answer_us, BEGIN + 5 * SECOND);
    assert_int_equal(b->ended[0].end_us, BEGIN + 11 * SECOND);
    close_bench(b);
}

/* An answer behind the failure that the caller was told of makes no call. */
static void test_answer_too_late(void **state)
{
    (void)state;
    struct bench *b = open_bench(10);
    call(b);
    request(b, PROXY, ONE, "INVITE", VIA_1, "", "");
    respond(b, ONE, PROXY, 100, "INVITE", VIA_1, "t1");
    respond(b, PROXY, CALLER, 408, "INVITE", VIA_C, "p");
    respond(b, ONE, PROXY, 200, "INVITE", VIA_1, "t1");
    respond(b, PROXY, CALLER, 408, "INVITE", VIA_C, "p");
    call(b);
    expect(b, 408, "no-answer", "system", ONE "=408");
    close_bench(b);
}

/* What is repeated, by either side, begins no new call for a while. */
static void test_challenged_bye(void **state)
{
    (void)state;
    struct bench *b = open_bench(10);
    call(b);
    call(b);
    respond(b, PROXY, CALLER, 200, "INVITE", VIA_C, "t1");
    request(b, CALLER, PROXY, "BYE", VIA_B, "t1", "");
    respond(b, PROXY, CALLER, 407, "BYE", VIA_B, "t1");
    assert_int_equal(b->n, 0);
    respond(b, PROXY, CALLER, 481, "BYE", VIA_B, "t1");
    expect(b, 200, "answered", "caller", "");
    close_bench(b);
}

/* A BYE without a response is the end; at its own moment. */
static void test_bye_without_a_response(void **state)
{
    (void)state;
    struct bench *b = open_bench(10);
    call(b);
    respond(b, PROXY, CALLER, 200, "INVITE", VIA_C, "t1");
    request(b, CALLER, PROXY, "BYE", VIA_B, "t1", "");
    tap_calls_tick(b->calls, b->now + 30LL * SECOND);
    assert_int_equal(b->n, 0);
    tap_calls_tick(b->calls, b->now + 40LL * SECOND);
    expect(b, 200, "answered", "caller", "");
    assert_int_equal(b->ended[0].end_us, b->now);
    assert_false(b->ended[0].estimated);
    close_bench(b);
}

static void test_hung_up_by_the_proxy(void **state)
{
    (void)state;
    struct bench *b = open_bench(10);
    call(b);
    respond(b, PROXY, CALLER, 200, "INVITE", VIA_C, "t1");
    request(b, PROXY, ONE, "BYE", VIA_B, "t1", "Reason: SIP;cause=200;text=\"balance\"\r\n");
    expect(b, 200, "balance", "system", "");
    close_bench(b);
}

/* Nothing more is heard of a call that is up, or that rings. */
static void test_lost(void **state)
{
    (void)state;
    struct bench *b = open_bench(10);
    call(b);
    respond(b, PROXY, CALLER, 200, "INVITE", VIA_C, "t1");
    int64_t longest = b->conf.sip.longest_call_s * SECOND;
    tap_calls_tick(b->calls, b->now + longest);
    assert_int_equal(b->n, 0);
    tap_calls_tick(b->calls, b->now + longest + 90LL * SECOND);
    expect(b, 200, "lost", "system", "");
    assert_true(b->ended[0].estimated);
    assert_int_equal(b->ended[0].end_us, b->now + longest);
    tap_calls_tick(b->calls, b->now + longest + 200LL * SECOND);
    assert_int_equal(tap_calls_count(b->calls), 0);
    b->n = 0;
    b->now += longest + 300LL * SECOND;
    call(b);
    respond(b, PROXY, CALLER, 180, "INVITE", VIA_C, "t1");
    tap_calls_tick(b->calls, b->now + (b->conf.sip.timer_c_s + 70) * SECOND);
    expect(b, 408, "lost", "system", "");
    close_bench(b);
}

/* The capture ends: what is up is estimated, what rings is counted. */
static void test_finish(void **state)
{
    (void)state;
    struct bench *b = open_bench(10);
    call(b);
    tap_calls_finish(b->calls, b->now);
    assert_int_equal(b->n, 0);
    assert_int_equal(tap_count_get(b->count, TAP_IN_SETUP), 1);
    respond(b, PROXY, CALLER, 200, "INVITE", VIA_C, "t1");
    tap_calls_finish(b->calls, b->now + 5LL * SECOND);
    expect(b, 200, "lost", "system", "");
    assert_int_equal(b->ended[0].end_us, b->now + 5LL * SECOND);
    close_bench(b);
}

/* Our own refusals keep their words. */
static void test_refused(void **state)
{
    static const struct {
        int status;
        const char *reason, *word;
    } cases[] = {
        {402, "Q.850;cause=21;text=\"Insufficient balance\"",         "balance"    },
        {403, "Q.850;cause=21;text=\"Account not in service\"",       "account"    },
        {403, "Q.850;cause=21;text=\"no rate for this destination\"", "no-rate"    },
        {486, "Q.850;cause=17;text=\"Too many calls at once\"",       "sessions"   },
        {503, "Q.850;cause=34;text=\"Too many calls at once\"",       "sessions"   },
        {503, "Q.850;cause=34;text=\"all gateways are full\"",        "gateways"   },
        {503, "Q.850;cause=42;text=\"Too many calls a second\"",      "cps"        },
        {404, "Q.850;cause=1;text=\"Number not in service\"",         "inactive"   },
        {404, "Q.850;cause=3;text=\"Trunk not in service\"",          "trunk"      },
        {404, "Q.850;cause=3;text=\"no route to this destination\"",  "no-route"   },
        {404, "SIP;cause=404",                                        "unallocated"},
        {486, "Q.850;cause=x",                                        "busy"       },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bench *b = open_bench(10);
        char text[1024];
        call(b);
        snprintf(text, sizeof text,
                 "SIP/2.0 %d X\r\n" VIA_C "From: <sip:12065550100@192.0.2.1>;tag=f\r\nTo: <" URI
                 ">;tag=p\r\n"
                 "Call-ID: c1\r\nCSeq: 1 INVITE\r\nReason: %s\r\nContent-Length: 0\r\n\r\n",
                 cases[i].status, cases[i].reason);
        put(b, PROXY, CALLER, text);
        expect(b, cases[i].status, cases[i].word, "system", "");
        close_bench(b);
    }
}

/* No more calls than there is room for. */
static void test_bounds(void **state)
{
    (void)state;
    struct bench *b = open_bench(3);
    for (int i = 0; i < 5; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "INVITE " URI " SIP/2.0\r\n" VIA_C "From: <sip:a@192.0.2.1>;tag=f\r\nTo: <" URI
                 ">\r\n"
                 "Call-ID: many%d\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
                 i);
        put(b, CALLER, PROXY, text);
    }
    assert_int_equal(tap_calls_count(b->calls), 3);
    assert_int_equal(tap_count_get(b->count, TAP_BEYOND), 2);
    request(b, ONE, PROXY, "INVITE", VIA_B, "", "");
    assert_int_equal(tap_count_get(b->count, TAP_STRANGERS), 1);
    close_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_answer_too_late),
        cmocka_unit_test(test_challenged_bye),
        cmocka_unit_test(test_bye_without_a_response),
        cmocka_unit_test(test_hung_up_by_the_proxy),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_finish),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
