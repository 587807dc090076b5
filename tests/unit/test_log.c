#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "log.h"

enum { CAPTURE_MAX = 16384 };

/* stderr goes to a file while a test looks at it. */
static struct {
    FILE *file;
    int saved;
} capture;

static void begin(void)
{
    capture.file = tmpfile();
    assert_non_null(capture.file);
    fflush(stderr);
    capture.saved = dup(STDERR_FILENO);
    dup2(fileno(capture.file), STDERR_FILENO);
    log_open("unit", LOG_INFO);
}

static void end(char out[CAPTURE_MAX])
{
    dup2(capture.saved, STDERR_FILENO);
    close(capture.saved);
    rewind(capture.file);
    size_t n = fread(out, 1, CAPTURE_MAX - 1, capture.file);
    out[n] = '\0';
    fclose(capture.file);
}

/* Logs one text and checks that the line is a JSON object that holds `expected`. */
static void check(const char *text, const char *expected)
{
    char out[CAPTURE_MAX];
    begin();
    log_warn("%s", text);
    end(out);
    assert_non_null(strchr(out, '\n'));
    assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
    json_t *line = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "level")), "warn");
    assert_string_equal(json_string_value(json_object_get(line, "program")), "unit");
    assert_string_equal(json_string_value(json_object_get(line, "text")), expected);
    assert_int_equal(strlen(json_string_value(json_object_get(line, "time"))),
                     strlen("2025-01-01T00:00:00.000Z"));
    json_decref(line);
}

static void test_json(void **state)
{
    (void)state;
    check("plain", "plain");
    check("\"quoted\" \\ and\nnew line\x1b[0m", "\"quoted\" \\ and\nnew line\x1b[0m");
    check("Zürich €𝄞", "Zürich €𝄞");
    check("bad \xff\xc3( \xe2\x82", "bad \xef\xbf\xbd\xef\xbf\xbd( \xef\xbf\xbd\xef\xbf\xbd");
    check("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
}

static void test_long_text_is_cut(void **state)
{
    (void)state;
    char text[5000], expected[2049];
    memset(text, 1, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memset(expected, 1, 2048);
    expected[2048] = '\0';
    check(text, expected);
}

static void test_levels(void **state)
{
    (void)state;
    char out[CAPTURE_MAX];
    begin();
    log_debug("hidden");
    log_set_level(LOG_DEBUG);
    log_debug("shown");
    log_set_level(LOG_ERROR);
    log_warn("hidden");
    end(out);
    log_set_level(LOG_INFO);
    assert_null(strstr(out, "hidden"));
    assert_non_null(strstr(out, "shown"));
    enum log_level level = LOG_ERROR;
    assert_int_equal(log_level_parse("debug", &level), ERR_OK);
    assert_int_equal(level, LOG_DEBUG);
    assert_int_equal(log_level_parse("loud", &level), ERR_INVALID);
    assert_int_equal(log_level_parse(NULL, &level), ERR_INVALID);
    assert_int_equal(level, LOG_DEBUG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_long_text_is_cut),
        cmocka_unit_test(test_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
