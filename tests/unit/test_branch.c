#include "branch.h"
#include "fixture_sip.h"

static void test_text_and_back(void **state)
{
    char buf[BRANCH_TEXT];
    uint64_t id = 0;
    uint32_t loop = 0;

    (void)state;
    assert_string_equal(branch_text(0x0123456789abcdefULL, 0xfeedbeef, buf),
                        "z9hG4bKtl0123456789abcdef.feedbeef");
    assert_true(branch_read(span_of(buf), &id, &loop));
    assert_int_equal(id, 0x0123456789abcdefULL);
    assert_int_equal(loop, 0xfeedbeef);
}

static void test_others_are_not_ours(void **state)
{
    static const char *const texts[] = {
        "",
        "z9hG4bK",
        "z9hG4bKtl",
        "z9hG4bKtl0123456789abcdef",
        "z9hG4bKtl0123456789abcdef.feedbee",
        "z9hG4bKtl0123456789abcdef.feedbeef0",
        "z9hG4bKtl0123456789abcdef-feedbeef",
        "z9hG4bKtl0123456789ABCDEF.feedbeef",
        "z9hG4bKtl0123456789abcdeg.feedbeef",
        "Z9HG4BKtl0123456789abcdef.feedbeef",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        uint64_t id = 7;
        uint32_t loop = 7;
        if (branch_read(span_of(texts[i]), &id, &loop))
            fail_msg("read: %s", texts[i]);
        assert_int_equal(id, 7);
        assert_int_equal(loop, 7);
    }
}

static void test_found_in_the_head_of_a_datagram(void **state)
{
    static char far[4096];
    uint64_t id = 0;

    (void)state;
    assert_true(branch_in_head(
        SPAN_LIT(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKtl00000000000000ff.00000000\r\n"),
        &id));
    assert_int_equal(id, 0xff);
    assert_false(branch_in_head(SPAN_LIT("Via: SIP/2.0/UDP h;branch=z9hG4bKtl00000000"), &id));
    assert_false(branch_in_head(SPAN_LIT(""), &id));
    memset(far, ' ', sizeof(far));
    memcpy(far + 3000, SPAN_LIT("z9hG4bKtl00000000000000ff.00000000").p, 34);
    assert_false(branch_in_head((struct span){far, sizeof(far)}, &id));
}

static void test_ids_differ(void **state)
{
    uint64_t ids[300];

    (void)state;
    for (size_t i = 0; i < COUNT(ids); i++) {
        ids[i] = branch_new_id();
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(ids[i], ids[j]);
    }
}

/* What decides where a request goes changes its hash, what doesn't leaves it. */
static void test_loop_hash(void **state)
{
    static const struct {
        const char *from, *to;
        bool same;
    } cases[] = {
        {"12125551234@192.0.2.1:5080",      "12125551235@192.0.2.1:5080",            false},
        {"tag=f1",                          "tag=f2",                                false},
        {"Call-ID: c1",                     "Call-ID: c2",                           false},
        {"CSeq: 7",                         "CSeq: 8",                               false},
        {"sip:192.0.2.1;lr",                "sip:192.0.2.9;lr",                      false},
        {"To: <sip:12125551234@192.0.2.1>", "To: <sip:12125551234@192.0.2.1>;tag=t", false},
        {"z9hG4bKa1",                       "z9hG4bKa2",                             true },
        {"Max-Forwards: 70",                "Max-Forwards: 69",                      true },
        {"Contact: <sip:+1",                "Contact: <sip:+2",                      true },
    };
    struct msg *m = parsed(SPAN_LIT(INVITE));
    uint32_t hash = branch_loop_hash(m);

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span text = swapped(SPAN_LIT(INVITE), span_of(cases[i].from), span_of(cases[i].to));
        struct msg *other = parsed(text);
        if ((branch_loop_hash(other) == hash) != cases[i].same)
            fail_msg("%s instead of %s", cases[i].to, cases[i].from);
        msg_free(other);
        free((void *)(uintptr_t)text.p);
    }
    msg_free(m);
}

static void test_parts_of_a_hash_are_separate(void **state)
{
    uint64_t ab_c = branch_hash(branch_hash(BRANCH_HASH_START, SPAN_LIT("ab")), SPAN_LIT("c"));
    uint64_t a_bc = branch_hash(branch_hash(BRANCH_HASH_START, SPAN_LIT("a")), SPAN_LIT("bc"));

    (void)state;
    assert_int_not_equal(ab_c, a_bc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_back),
        cmocka_unit_test(test_others_are_not_ours),
        cmocka_unit_test(test_found_in_the_head_of_a_datagram),
        cmocka_unit_test(test_ids_differ),
        cmocka_unit_test(test_loop_hash),
        cmocka_unit_test(test_parts_of_a_hash_are_separate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
