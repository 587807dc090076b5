/* Raw parameters out of every encoding. What the API tests can't see is looked at here: which flaw,
 * which bytes. */
#include <stdlib.h>

#include "cmocka_all.h"
#include "request.h"

struct fixture {
    struct scratch mem;
    struct request r;
};

static int read_body(struct fixture *f, const char *type, const char *body, size_t n)
{
    *f = (struct fixture){0};
    f->r.mem = &f->mem;
    return request_add_body(&f->r, span_of(type), (struct span){body, n});
}

static const struct request_param *find(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->r.n; i++) {
        if (span_eq(f->r.params[i].name, span_of(name)))
            return &f->r.params[i];
    }
    return NULL;
}

static const struct {
    const char *type, *body;
    enum request_flaw flaw; /* of parameter "a" */
    const char *value;
} CASES[] = {
    {"application/x-www-form-urlencoded",               "a=1+2%2b%C3%BC",                        REQUEST_FINE,     "1 2+\u00fc"     },
    {"application/x-www-form-urlencoded",               "b=&a",                                  REQUEST_FINE,     ""               },
    {"APPLICATION/X-WWW-FORM-URLENCODED;charset=UTF-8", "a==",                                   REQUEST_FINE,     "="              },
    {"application/x-www-form-urlencoded",               "a=1&a=1",                               REQUEST_REPEATED, "1"              },
    {"application/x-www-form-urlencoded",               "a=%4",                                  REQUEST_ENCODING, "%4"             },
    {"application/x-www-form-urlencoded",               "a=%ff",                                 REQUEST_ENCODING, "\xff"           },
    {"application/x-www-form-urlencoded",               "a=%0a",                                 REQUEST_CONTROL,  "\n"             },
    {"application/json",                                "{\"a\":\"\\u00fc\\n\"}",                REQUEST_CONTROL,  "\u00fc\n"       },
    {"application/json",                                "{\"a\":12.10}",                         REQUEST_FINE,     "12.10"          },
    {"application/json",                                "{\"a\":-0e-5}",                         REQUEST_FINE,     "-0e-5"          },
    {"application/json",                                "{\"a\":false}",                         REQUEST_FINE,     "false"          },
    {"application/json",                                "{\"a\":null}",                          REQUEST_FINE,     ""               },
    {"application/json",                                "{\"a\":[{\"b\":[]}]}",                  REQUEST_NESTED,   ""               },
    {"application/json",                                "{\"a\":1,\"\\u0061\":2}",               REQUEST_REPEATED, "1"              },
    {"application/json",                                "{\"a\":\"\\ud83d\\ude42\\\"\\\\\\/\"}", REQUEST_FINE,     "\U0001f642\"\\/"},
    {"multipart/form-data; boundary=\"x y\"",
     "--x y\r\ncontent-disposition: form-data; name=a\r\n\r\n--x\r\n\r\n--x y--",                REQUEST_CONTROL,
     "--x\r\n"                                                                                                                      },
};

static void test_values_and_flaws(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct fixture f;
        int err = read_body(&f, CASES[i].type, CASES[i].body, strlen(CASES[i].body));
        const struct request_param *a = find(&f, "a");
        if (err != ERR_OK || !a)
            fail_msg("case %zu: %d", i, err);
        assert_int_equal(a->flaw, CASES[i].flaw);
        assert_true(span_eq(a->value, span_of(CASES[i].value)));
        scratch_clear(&f.mem);
    }
}

static void test_nul_is_kept_and_flagged(void **state)
{
    (void)state;
    struct fixture f;
    static const char body[] = "{\"a\":\"x\\u0000y\"}";
    assert_int_equal(read_body(&f, "application/json", body, sizeof(body) - 1), ERR_OK);
    assert_int_equal(find(&f, "a")->value.n, 3);
    assert_int_equal(find(&f, "a")->flaw, REQUEST_CONTROL);
    scratch_clear(&f.mem);
}

/* Every beginning of a good body is refused or read, never past its end (the sanitizer watches). */
static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        for (size_t n = 0; n < strlen(CASES[i].body); n++) {
            char *exact = malloc(n ? n : 1);
            assert_non_null(exact);
            memcpy(exact, CASES[i].body, n);
            struct fixture f;
            int err = read_body(&f, CASES[i].type, exact, n);
            assert_true(err == ERR_OK || (err == ERR_INVALID && f.r.fault));
            scratch_clear(&f.mem);
            free(exact);
        }
    }
}

static void test_files_are_not_searched_for_flaws(void **state)
{
    (void)state;
    static const char body[] =
        "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a;b\"\r\n"
        "Content-Type: x/y\r\n\r\n\0\xff\r\n--b--\r\n";
    struct fixture f;
    assert_int_equal(read_body(&f, "multipart/form-data;boundary=b", body, sizeof(body) - 1),
                     ERR_OK);
    const struct request_param *file = find(&f, "f");
    assert_non_null(file);
    assert_int_equal(file->flaw, REQUEST_FINE);
    assert_int_equal(file->value.n, 2);
    assert_true(span_eq(file->file_name, SPAN_LIT("a;b")));
    scratch_clear(&f.mem);
}

static void test_attribute(void **state)
{
    (void)state;
    struct span v;
    assert_true(request_attribute(SPAN_LIT("a/b; X=\"1;2\" ;y= 3"), "x", &v));
    assert_true(span_eq(v, SPAN_LIT("1;2")));
    assert_true(request_attribute(SPAN_LIT("a/b; x=\"1;y=2\";y=3"), "y", &v));
    assert_true(span_eq(v, SPAN_LIT("3")));
    assert_false(request_attribute(SPAN_LIT("a/b; xy=1"), "x", &v));
    assert_false(request_attribute(SPAN_LIT("a/b; x=\"open"), "x", &v));
    assert_false(request_attribute(SPAN_LIT(""), "x", &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_flaws),
        cmocka_unit_test(test_nul_is_kept_and_flagged),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_files_are_not_searched_for_flaws),
        cmocka_unit_test(test_attribute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
