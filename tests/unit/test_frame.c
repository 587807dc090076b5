/* Messages in streams. */
#include "cmocka_all.h"

#include "frame.h"

enum { LIMIT = 200 };

#define HEAD "OPTIONS sip:a SIP/2.0\r\n"

static const struct {
    const char *stream;
    enum frame_found found;
    size_t n;
    const char *fault;
} CASES[] = {
    {"",                                          FRAME_MORE,      0,  NULL                               },
    {"\r",                                        FRAME_MORE,      0,  NULL                               },
    {"\r\n\r\n",                                  FRAME_PING,      4,  NULL                               },
    {"\r\nO",                                     FRAME_BLANK,     2,  NULL                               },
    {"\r\n\rO",                                   FRAME_BLANK,     2,  NULL                               },
    {"\rO",                                       FRAME_MALFORMED, 0,  "Malformed start line"             },
    {"\n",                                        FRAME_MALFORMED, 1,  "Malformed start line"             },
    {"\x16\x03\x01",                              FRAME_MALFORMED, 3,  "Malformed start line"             },
    {HEAD,                                        FRAME_MORE,      0,  NULL                               },
    {HEAD "Content-Length: 0\r\n\r",              FRAME_MORE,      0,  NULL                               },
    {HEAD "Content-Length: 0\r\n\r\n",            FRAME_MESSAGE,   44, NULL                               },
    {HEAD "Content-Length: 0\r\n\r\nNEXT",        FRAME_MESSAGE,   44, NULL                               },
    {HEAD "l:3\r\n\r\nab",                        FRAME_MORE,      0,  NULL                               },
    {HEAD "l:3\r\n\r\nabcd",                      FRAME_MESSAGE,   33, NULL                               },
    {HEAD "L \t:\r\n 3\r\n\r\nabc",               FRAME_MESSAGE,   38, NULL                               },
    {HEAD "CONTENT-length: 3\r\n\r\n\r\n\r\n",    FRAME_MESSAGE,   47, NULL                               },
    {HEAD "X: Content-Length: 9\r\nl: 0\r\n\r\n", FRAME_MESSAGE,   53, NULL                               },
    {HEAD "\r\n",                                 FRAME_MALFORMED, 25, "Missing Content-Length"           },
    {HEAD "l: 3\r\nContent-Length: 3\r\n\r\nabc", FRAME_MALFORMED, 50, "Two Content-Lengths"              },
    {HEAD "l: -1\r\n\r\n",                        FRAME_MALFORMED, 32, "Malformed Content-Length"         },
    {HEAD "l: +1\r\n\r\n",                        FRAME_MALFORMED, 32, "Malformed Content-Length"         },
    {HEAD "l: 0x1\r\n\r\n",                       FRAME_MALFORMED, 33, "Malformed Content-Length"         },
    {HEAD "l: 1 1\r\n\r\n",                       FRAME_MALFORMED, 33, "Malformed Content-Length"         },
    {HEAD "l: 1,1\r\n\r\n",                       FRAME_MALFORMED, 33, "Malformed Content-Length"         },
    {HEAD "l:\r\n\r\n",                           FRAME_MALFORMED, 29, "Malformed Content-Length"         },
    {HEAD "l: 4294967296\r\n\r\n",                FRAME_MALFORMED, 40, "Malformed Content-Length"         },
    {HEAD "l: 99999999999999999999999\r\n\r\n",   FRAME_MALFORMED, 53, "Malformed Content-Length"         },
    {HEAD "l: 171\r\n\r\n",                       FRAME_TOO_LARGE, 33, NULL                               },
    {HEAD "l: 4294967295\r\n\r\n",                FRAME_TOO_LARGE, 40, NULL                               },
    {HEAD "a: b\nl: 0\r\n\r\n",                   FRAME_MALFORMED, 36, "Line feed without carriage return"},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct frame f = {0};
        size_t n;
        enum frame_found found = frame_next(&f, span_of(CASES[i].stream), LIMIT, &n);
        if (found != CASES[i].found || (found != FRAME_MORE && n != CASES[i].n))
            fail_msg("case %zu: found %d, %zu bytes", i, (int)found, n);
        if (CASES[i].fault)
            assert_string_equal(f.fault, CASES[i].fault);
        if (found != FRAME_MORE)
            assert_int_equal(f.looked_at + f.head + f.body + f.line, 0);
    }
}

/* Headers without end are given up at the limit. */
static void test_endless_head(void **state)
{
    char text[LIMIT + 1];
    struct frame f = {0};
    size_t n;
    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t i = 1; i <= LIMIT; i++)
        assert_int_equal(frame_next(&f, (struct span){text, i}, LIMIT, &n), FRAME_MORE);
    assert_int_equal(frame_next(&f, (struct span){text, LIMIT + 1}, LIMIT, &n), FRAME_TOO_LARGE);
}

/* Byte by byte the same comes out as at once. */
static void test_byte_by_byte(void **state)
{
    static const char STREAM[] = HEAD "l: 5\r\n\r\n\r\n\r\nx" HEAD "l:\r\n\t0\r\n\r\n";
    struct frame f = {0};
    size_t messages = 0, at = 0, n;
    (void)state;
    for (size_t end = 1; end < sizeof STREAM; end++) {
        struct span rest = {STREAM + at, end - at};
        enum frame_found found = frame_next(&f, rest, LIMIT, &n);
        if (found == FRAME_MORE)
            continue;
        assert_int_equal(found, FRAME_MESSAGE);
        at += n;
        messages++;
    }
    assert_int_equal(messages, 2);
    assert_int_equal(at, sizeof STREAM - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_endless_head),
        cmocka_unit_test(test_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
