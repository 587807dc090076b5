#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "conf.h"

/* Writes text to a file, loads it over the defaults and removes it. */
static int load(const char *text, struct conf *c, char error[CONF_ERROR])
{
    char path[] = "/tmp/test_conf.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    conf_defaults(c);
    int err = conf_load(c, path, error);
    unlink(path);
    char *name = strstr(error, path);
    if (name != NULL) /* "/tmp/…:3: text" → "3: text" */
        memmove(error, name + strlen(path) + 1, strlen(name + strlen(path)));
    return err;
}

static void test_defaults(void **state)
{
    (void)state;
    struct conf c;
    conf_defaults(&c);
    assert_string_equal(c.redis.address, "127.0.0.1:6379");
    assert_int_equal(c.redis.timeout_ms, 500);
    assert_int_equal(c.sip.sessions_code, 486);
    assert_int_equal(c.policy.order_hold_hours, 72);
    assert_false(c.policy.loopback_trunks);
    assert_int_equal(c.log.level, LOG_INFO);
}

static void test_load(void **state)
{
    (void)state;
    struct conf c;
    char error[CONF_ERROR];
    int err = load("# comment\n; comment\n\n[redis]\naddress = unix:/run/redis.sock\n"
                   "password = a;b # c ;d\n[sip]\nlisten=192.0.2.1:5060, [::1]:5070\r\n"
                   "unknown_source_403 = true\nsessions_code = 503\n[log]\nlevel = debug",
                   &c, error);
    assert_string_equal(error, "");
    assert_int_equal(err, ERR_OK);
    assert_string_equal(c.redis.address, "unix:/run/redis.sock");
    assert_string_equal(c.redis.password, "a;b # c ;d");
    assert_string_equal(c.sip.listen, "192.0.2.1:5060, [::1]:5070");
    assert_true(c.sip.unknown_source_403);
    assert_int_equal(c.sip.sessions_code, 503);
    assert_int_equal(c.log.level, LOG_DEBUG);
    assert_int_equal(c.redis.timeout_ms, 500);
}

static void test_errors_name_line_and_key(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } BAD[] = {
        {"[sip]\nt1_ms = 0",                  "2: sip.t1_ms: expected a number from 50 to 10000" },
        {"[sip]\n\nt1_ms = 5x",               "3: sip.t1_ms: expected a number from 50 to 10000" },
        {"[sip]\nt1_ms = 500 ; c",            "2: sip.t1_ms: expected a number from 50 to 10000" },
        {"[sip]\nt1_ms = 500\nt1_ms = 500",   "3: sip.t1_ms is set twice"                        },
        {"[sip]\nT1_ms = 500",                "2: unknown setting sip.T1_ms"                     },
        {"[sip]\ntl_ms = 500\nt1_ms = 0",     "2: unknown setting sip.tl_ms"                     },
        {"t1_ms = 500",                       "1: unknown setting .t1_ms"                        },
        {"[phone]\n",                         "1: unknown section [phone]"                       },
        {"[sip\n",                            "1: expected [section] or key = value"             },
        {"[sip]\nt1_ms\n",                    "2: expected [section] or key = value"             },
        {"[sip]\nsessions_code = 487",        "2: sip.sessions_code: expected 486 or 503"        },
        {"[sip]\nunknown_source_403 = on",    "2: sip.unknown_source_403: expected yes or no"    },
        {"[sip]\nnode = a b",
         "2: sip.node: expected at most 100 of the characters A-Z a-z 0-9 . : _ -"               },
        {"[sip]\nlisten = 127.0.0.1",
         "2: sip.listen: expected [udp:|tcp:|tls:]ADDRESS:PORT or [IPV6]:PORT, several by comma" },
        {"[sip]\nlisten =",
         "2: sip.listen: expected [udp:|tcp:|tls:]ADDRESS:PORT or [IPV6]:PORT, several by comma" },
        {"[sip]\nadvertise = x",
         "2: sip.advertise: expected empty, ADDRESS[:PORT] or [IPV6][:PORT], several by comma"   },
        {"[http]\nlisten = 127.0.0.1:80,x",
         "2: http.listen: expected empty, or ADDRESS:PORT or [IPV6]:PORT, several by comma"      },
        {"[http]\nbase_url = ftp://x",
         "2: http.base_url: expected empty, or a URL that starts with http:// or https://"       },
        {"[redis]\naddress = 127.0.0.1",
         "2: redis.address: expected HOST:PORT, [IPV6]:PORT or unix:/PATH"                       },
        {"[redis]\naddress = unix:run",
         "2: redis.address: expected HOST:PORT, [IPV6]:PORT or unix:/PATH"                       },
        {"[policy]\ntollfree_codes = 800,80",
         "2: policy.tollfree_codes: expected three-digit codes by comma"                         },
        {"[log]\nlevel = loud",               "2: log.level: expected error, warn, info or debug"},
    };
    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct conf c, untouched;
        char error[CONF_ERROR];
        assert_int_equal(load(BAD[i].text, &c, error), ERR_INVALID);
        assert_string_equal(error, BAD[i].error);
        conf_defaults(&untouched);
        assert_memory_equal(&c, &untouched, sizeof(c));
    }
}

static void test_too_long(void **state)
{
    (void)state;
    struct conf c;
    char error[CONF_ERROR], text[3000] = "[redis]\npassword = ";
    size_t head = strlen(text);
    memset(text + head, 'x', 255);
    assert_int_equal(load(text, &c, error), ERR_OK);
    assert_int_equal(strlen(c.redis.password), 255);
    memset(text + head, 'x', 256);
    assert_int_equal(load(text, &c, error), ERR_INVALID);
    assert_string_equal(error, "2: redis.password: expected a text of 0 to 255 bytes");
    memset(text + head, 'x', 2500);
    assert_int_equal(load(text, &c, error), ERR_INVALID);
    assert_non_null(strstr(error, "2: line of more than"));
}

static void test_no_file(void **state)
{
    (void)state;
    struct conf c;
    char error[CONF_ERROR];
    conf_defaults(&c);
    assert_int_equal(conf_load(&c, "/nonexistent/t.conf", error), ERR_SYSTEM);
    assert_string_equal(error, "/nonexistent/t.conf: No such file or directory");
    assert_int_equal(conf_load(&c, "/tmp", error), ERR_INVALID);
    assert_non_null(strstr(error, "directory"));
}

static void test_override(void **state)
{
    (void)state;
    struct conf c;
    char error[CONF_ERROR];
    conf_defaults(&c);
    assert_int_equal(conf_override(&c, "sip.t1_ms=100", error), ERR_OK);
    assert_int_equal(c.sip.t1_ms, 100);
    assert_int_equal(conf_override(&c, "redis.password=a=b", error), ERR_OK);
    assert_string_equal(c.redis.password, "a=b");
    assert_int_equal(conf_override(&c, "redis.password=", error), ERR_OK);
    assert_string_equal(c.redis.password, "");
    assert_int_equal(conf_override(&c, "sip.t1_ms=1", error), ERR_RANGE);
    assert_string_equal(error, "sip.t1_ms: expected a number from 50 to 10000");
    static const char *const BAD[] = {"", "=", "sip", "sip.t1_ms", "sip=1", "sip.nothing=1", ".=1"};
    for (size_t i = 0; i < COUNT(BAD); i++) {
        error[0] = '\0';
        assert_int_not_equal(conf_override(&c, BAD[i], error), ERR_OK);
        assert_string_not_equal(error, "");
    }
    assert_int_equal(c.sip.t1_ms, 100);
}

/* Each setting has a meaning and a form in the reference, and the reference is a valid file. */
static void test_reference(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n = 0, settings = 0;
    FILE *out = open_memstream(&text, &n);
    conf_print_reference(out);
    fclose(out);
    struct conf c, defaults;
    char error[CONF_ERROR];
    assert_int_equal(load(text, &c, error), ERR_OK);
    conf_defaults(&defaults);
    assert_memory_equal(&c, &defaults, sizeof(c));
    char *rest = text, *line, doc[256] = "", form[256] = "";
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (strncmp(line, "# ", 2) == 0) {
            memcpy(doc, form, sizeof(doc));
            snprintf(form, sizeof(form), "%s", line);
        } else if (strstr(line, " = ") != NULL) {
            settings++;
            assert_true(strlen(doc) > 10 && strncmp(form, "# Value: ", 9) == 0);
            doc[0] = form[0] = '\0';
        }
    }
    assert_true(settings > 30);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_errors_name_line_and_key),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_override),
        cmocka_unit_test(test_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
