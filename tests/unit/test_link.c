#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "file.h"
#include "link.h"

#define SECRET "0123456789abcdef"

/* Path and query of a link made here. */
static void make(struct scratch *mem, const char *path, int64_t expires_s, struct span *ret_path,
                 struct span *ret_query)
{
    const char *link = link_make(mem, SECRET, "https://x", path, expires_s);
    assert_non_null(link);
    const char *slash = strchr(link + 8, '/'), *mark = strchr(link, '?');
    *ret_path = (struct span){slash, (size_t)(mark - slash)};
    *ret_query = span_of(mark + 1);
}

static void test_a_link_holds_until_its_time(void **state)
{
    (void)state;
    struct scratch mem = {0};
    struct span path, query;
    make(&mem, "/downloads/a.pdf", 1000, &path, &query);
    assert_true(link_check(SECRET, path, query, 999));
    assert_false(link_check(SECRET, path, query, 1000));
    assert_false(link_check("another", path, query, 999));
    assert_false(link_check("", path, query, 999));
    scratch_clear(&mem);
}

static void test_no_byte_may_change(void **state)
{
    (void)state;
    struct scratch mem = {0};
    struct span path, query;
    make(&mem, "/ajax/settings_pdf/192.0.2.1?account=7001&tg_id=2", 1000, &path, &query);
    assert_true(link_check(SECRET, path, query, 1));
    assert_true(span_eq(link_value(query, "tg_id"), SPAN_LIT("2")));
    assert_true(span_eq(link_value(query, "account"), SPAN_LIT("7001")));
    assert_int_equal(link_value(query, "count").n, 0);
    char *copy = scratch_text(&mem, query);
    for (size_t i = 0; i < query.n; i++) {
        copy[i] ^= 1;
        assert_false(link_check(SECRET, path, (struct span){copy, query.n}, 1));
        copy[i] ^= 1;
        assert_false(link_check(SECRET, path, (struct span){copy, i}, 1));
    }
    char *other = scratch_text(&mem, path);
    other[path.n - 1] ^= 1;
    assert_false(link_check(SECRET, (struct span){other, path.n}, query, 1));
    assert_false(link_check(SECRET, path, (struct span){0}, 1));
    scratch_clear(&mem);
}

static void make_folder(char dir[static 32])
{
    assert_true(span_copy(SPAN_LIT("/tmp/trunkline-file-XXXXXX"), dir, 32));
    assert_non_null(mkdtemp(dir));
}

static void remove_folder(const char *dir)
{
    char command[64];
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

static void test_store_and_open(void **state)
{
    (void)state;
    char dir[32], text[8] = "";
    struct file f;
    make_folder(dir);
    assert_int_equal(file_open(dir, span_of("a/b/c.pdf"), &f), ERR_NOT_FOUND);
    assert_int_equal(file_store(dir, "a/b/c.pdf", span_of("one")), ERR_OK);
    assert_int_equal(file_store(dir, "a/b/c.pdf", span_of("three")), ERR_OK);
    assert_int_equal(file_open(dir, span_of("a/b/c.pdf"), &f), ERR_OK);
    assert_int_equal(f.size, 5);
    assert_int_equal(read(f.fd, text, sizeof(text)), 5);
    assert_string_equal(text, "three");
    close(f.fd);
    remove_folder(dir);
}

static void test_nothing_leads_out(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",    "/",    "/etc/passwd", "../x", "a/../x", "a//b",   ".hidden", "a/.hidden", "a/",
        "a b", "a\\b", "a%2fb",       "link", "folder", "link/x", "a\nb",    "..",        "é"};
    char dir[32], path[64];
    struct file f;
    make_folder(dir);
    assert_int_equal(file_store(dir, "folder/x", span_of("x")), ERR_OK);
    snprintf(path, sizeof(path), "%s/link", dir);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_int_equal(file_open(dir, span_of(names[i]), &f), ERR_NOT_FOUND);
    assert_int_equal(file_store(dir, "../x", span_of("x")), ERR_INVALID);
    assert_int_equal(file_store("", "x", span_of("x")), ERR_INVALID);
    remove_folder(dir);
}

static void test_a_folder_that_is_none(void **state)
{
    (void)state;
    assert_int_equal(file_store("/dev/null", "x/y", span_of("x")), ERR_SYSTEM);
    assert_int_equal(errno, ENOTDIR);
}

static void test_media_types(void **state)
{
    (void)state;
    assert_string_equal(file_media_type(span_of("a/b.PDF")), "application/pdf");
    assert_string_equal(file_media_type(span_of("b.html")), "application/octet-stream");
    assert_string_equal(file_media_type(span_of("pdf")), "application/octet-stream");
    assert_true(file_shown(span_of("a.pdf")));
    assert_false(file_shown(span_of("a.csv")));
    assert_false(file_shown(span_of("a.html")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_link_holds_until_its_time),
        cmocka_unit_test(test_no_byte_may_change),
        cmocka_unit_test(test_store_and_open),
        cmocka_unit_test(test_nothing_leads_out),
        cmocka_unit_test(test_a_folder_that_is_none),
        cmocka_unit_test(test_media_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
