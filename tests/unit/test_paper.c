#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "paper_table.h"

static void test_amounts(void **state)
{
    (void)state;
    static const struct {
        money_t amount;
        int decimals;
        const char *text;
    } cases[] = {
        {0,               2, "0.00"                },
        {5000,            2, "0.50"                },
        {-5000,           2, PAPER_MINUS "0.50"    },
        {49,              2, "0.00"                },
        {-49,             2, "0.00"                },
        {50,              2, "0.01"                },
        {12345678,        2, "1,234.57"            },
        {12345678,        4, "1,234.5678"          },
        {-10000000,       2, PAPER_MINUS "1,000.00"},
        {9999999,         2, "1,000.00"            },
        {100000000000000, 4, "10,000,000,000.0000" },
        {1,               4, "0.0001"              },
    };
    char buf[PAPER_AMOUNT];
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(paper_amount(cases[i].amount, cases[i].decimals, buf), cases[i].text);
}

static const struct paper_column columns[] = {
    {"Name",   300, false},
    {"Amount", 216, true },
    {NULL,     0,   false},
};

/* A document with a table of n rows of a cent. */
static size_t draw(size_t n, char **ret, size_t *ret_n)
{
    static const paper_company company = {.name = "Company"};
    struct pdf *p;
    struct paper_table t;
    assert_int_equal(pdf_open(&p, "Title", "Author", 1700000000000), ERR_OK);
    double y = paper_head(p, &company, "Head");
    paper_table_open(&t, p, y, "Table", columns, true, 2);
    for (size_t i = 0; i < n; i++)
        paper_table_row(&t, (const char *const[]){"\xc3\xa9\xe2\x82\xac\xe4\xb8\xad\xff"},
                        MONEY_CENT);
    paper_table_close(&t);
    assert_int_equal(t.rows, n);
    assert_int_equal(t.total, (money_t)n * MONEY_CENT);
    paper_foot(p, &company, "left");
    size_t pages = pdf_pages(p);
    assert_int_equal(pdf_save(p, ret, ret_n), ERR_OK);
    pdf_close(p);
    return pages;
}

static void test_the_same_bytes_each_time(void **state)
{
    (void)state;
    char *one, *two;
    size_t one_n, two_n;
    assert_int_equal(draw(100, &one, &one_n), 3);
    assert_int_equal(draw(100, &two, &two_n), 3);
    assert_int_equal(one_n, two_n);
    assert_memory_equal(one, two, one_n);
    assert_memory_equal(one, "%PDF-", 5);
    free(one);
    free(two);
}

static void test_tables_of_any_length(void **state)
{
    (void)state;
    for (size_t n = 0; n < 140; n += 7) {
        char *data;
        size_t bytes;
        assert_true(draw(n, &data, &bytes) <= 1 + n / 30);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_the_same_bytes_each_time),
        cmocka_unit_test(test_tables_of_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
