#include "fixture_sip.h"
#include "srv.h"

/* The answer to a question for SRV records of "a.b". */
struct answer {
    unsigned char bytes[65536];
    size_t n;
};

static void put(struct answer *a, const void *bytes, size_t n)
{
    memcpy(a->bytes + a->n, bytes, n);
    a->n += n;
}

static void put16(struct answer *a, unsigned value)
{
    put(a, (unsigned char[]){(unsigned char)(value >> 8), (unsigned char)value}, 2);
}

static void begin(struct answer *a, unsigned answers, unsigned authorities)
{
    a->n = 0;
    const unsigned head[] = {1, 0x8180, 1, answers, authorities, 0};
    for (size_t i = 0; i < 6; i++)
        put16(a, head[i]);
    put(a, "\1a\1b\0", 5);
    put16(a, 33);
    put16(a, 1);
}

static void record(struct answer *a, unsigned type, unsigned ttl, const void *data, size_t n)
{
    put16(a, 0xC00C); /* the question's name */
    put16(a, type);
    put16(a, 1);
    put16(a, ttl >> 16);
    put16(a, ttl & 0xFFFF);
    put16(a, (unsigned)n);
    put(a, data, n);
}

static void srv(struct answer *a, unsigned ttl, unsigned priority, unsigned weight, char letter)
{
    unsigned char data[] = {(unsigned char)(priority >> 8),
                            (unsigned char)priority,
                            (unsigned char)(weight >> 8),
                            (unsigned char)weight,
                            0x13,
                            0xC4,
                            1,
                            (unsigned char)letter,
                            1,
                            'x',
                            0};
    record(a, 33, ttl, data, sizeof data);
}

static struct answer answer;
static struct srv list[SRV_MAX];
static size_t n;
static int64_t ttl;

static int read_it(void)
{
    n = 99;
    ttl = -9;
    return srv_read(answer.bytes, answer.n, list, &n, &ttl);
}

static void test_records(void **state)
{
    (void)state;
    begin(&answer, 3, 0);
    srv(&answer, 300, 20, 7, 'a');
    srv(&answer, 60, 10, 65535, 'b');
    srv(&answer, 90, 10, 0, 'c');
    assert_int_equal(read_it(), ERR_OK);
    assert_int_equal(n, 3);
    assert_int_equal(ttl, 60);
    assert_string_equal(list[0].target, "b.x");
    assert_int_equal(list[0].priority, 10);
    assert_int_equal(list[0].weight, 65535);
    assert_int_equal(list[0].port, 5060);
    assert_string_equal(list[1].target, "c.x");
    assert_string_equal(list[2].target, "a.x");
}

static void test_root_is_an_empty_target(void **state)
{
    (void)state;
    begin(&answer, 1, 0);
    record(&answer, 33, 5, "\0\0\0\0\0\0\0", 7);
    assert_int_equal(read_it(), ERR_OK);
    assert_int_equal(n, 1);
    assert_string_equal(list[0].target, "");
}

static void test_other_records_are_passed_over(void **state)
{
    (void)state;
    begin(&answer, 2, 0);
    record(&answer, 5, 30, "\1c\1x\0", 5); /* a CNAME led there */
    srv(&answer, 300, 1, 1, 'a');
    assert_int_equal(read_it(), ERR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(ttl, 30);
}

static void test_lowest_priorities_of_many(void **state)
{
    (void)state;
    begin(&answer, 100, 0);
    for (unsigned i = 0; i < 100; i++)
        srv(&answer, 300, 100 - i, 1, 'a');
    assert_int_equal(read_it(), ERR_OK);
    assert_int_equal(n, SRV_MAX);
    for (size_t i = 0; i < SRV_MAX; i++)
        assert_int_equal(list[i].priority, i + 1);
}

static void test_time_of_a_negative_answer(void **state)
{
    static const unsigned char soa[] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0,
                                        0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 9};
    (void)state;
    begin(&answer, 0, 1);
    record(&answer, 6, 300, soa, sizeof soa);
    assert_int_equal(read_it(), ERR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(ttl, 9);
    begin(&answer, 0, 1);
    record(&answer, 6, 7, soa, sizeof soa);
    assert_int_equal(read_it(), ERR_OK);
    assert_int_equal(ttl, 7);
    begin(&answer, 0, 0);
    assert_int_equal(read_it(), ERR_OK);
    assert_int_equal(ttl, -1);
}

/* Cut anywhere, or with a record that is too short or points at itself, it is refused. */
static void test_broken_answers(void **state)
{
    (void)state;
    begin(&answer, 2, 0);
    srv(&answer, 300, 1, 1, 'a');
    srv(&answer, 300, 1, 1, 'b');
    size_t whole = answer.n;
    for (answer.n = 0; answer.n < whole; answer.n++) {
        unsigned char *copy = malloc(answer.n + 1); /* overruns are seen */
        assert_non_null(copy);
        memcpy(copy, answer.bytes, answer.n);
        assert_int_equal(srv_read(copy, answer.n, list, &n, &ttl), ERR_INVALID);
        free(copy);
    }
    begin(&answer, 1, 0);
    record(&answer, 33, 5, "\0\0\0\0\0\0", 6);
    assert_int_equal(read_it(), ERR_INVALID);
    begin(&answer, 1, 0);
    record(&answer, 33, 5, "\0\0\0\0\0\0\xC0\x27", 8);
    assert_int_equal(read_it(), ERR_INVALID);
    assert_int_equal(n, 99);
}

static void test_order(void **state)
{
    enum { ROUNDS = 4000 };
    size_t first[3] = {0};
    (void)state;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct srv three[] = {
            {.priority = 10, .weight = 3, .port = 1},
            {.priority = 10, .weight = 1, .port = 2},
            {.priority = 5,  .weight = 0, .port = 3},
        };
        srv_order(three, 3);
        assert_int_equal(three[0].port, 3);
        assert_int_not_equal(three[1].port, three[2].port);
        first[three[1].port]++;
    }
    assert_in_range(first[1], ROUNDS * 70 / 100, ROUNDS * 80 / 100);
    for (size_t i = 0; i < 100; i++) {
        struct srv two[] = {
            {.weight = 0,     .port = 1},
            {.weight = 65535, .port = 2}
        };
        srv_order(two, 2);
        assert_int_equal(two[0].port, 2); /* but for a chance of one in millions */
    }
    srv_order(list, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_root_is_an_empty_target),
        cmocka_unit_test(test_other_records_are_passed_over),
        cmocka_unit_test(test_lowest_priorities_of_many),
        cmocka_unit_test(test_time_of_a_negative_answer),
        cmocka_unit_test(test_broken_answers),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
