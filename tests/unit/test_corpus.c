/* Replays the fuzzers' corpora (tests/fuzz/corpus/NAME) through the fuzzers' own entry points. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

#define LLVMFuzzerTestOneInput fuzz_msg
#include "../fuzz/fuzz_msg.c" // NOLINT(bugprone-suspicious-include)
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_uri
#include "../fuzz/fuzz_uri.c" // NOLINT(bugprone-suspicious-include)
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_edit
#include "../fuzz/fuzz_edit.c" // NOLINT(bugprone-suspicious-include)
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_frame
#include "../fuzz/fuzz_frame.c" // NOLINT(bugprone-suspicious-include)
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_srv
#include "../fuzz/fuzz_srv.c" // NOLINT(bugprone-suspicious-include)
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_request
#include "../fuzz/fuzz_request.c" // NOLINT(bugprone-suspicious-include)
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_tap
#include "../fuzz/fuzz_tap.c" // NOLINT(bugprone-suspicious-include)
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_capture
#include "../fuzz/fuzz_capture.c" // NOLINT(bugprone-suspicious-include)
#undef LLVMFuzzerTestOneInput

typedef int entry_point(const uint8_t *data, size_t size);

/* In memory of exactly its size, so that a read past the end is seen. */
static void replay_file(entry_point *run, const char *path)
{
    static uint8_t buf[1 << 17];
    FILE *f = fopen(path, "rb");
    uint8_t *data;
    size_t n;

    assert_non_null(f);
    n = fread(buf, 1, sizeof(buf), f);
    fclose(f);
    data = malloc(n > 0 ? n : 1);
    assert_non_null(data);
    memcpy(data, buf, n);
    assert_int_equal(run(data, n), 0);
    free(data);
}

static void replay(entry_point *run, const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    size_t n = 0;

    if (!dir) {
        fail_msg("%s can't be read", folder);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        char path[1024];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        replay_file(run, path);
        n++;
    }
    closedir(dir);
    assert_true(n > 5);
}

static void test_msg(void **state)
{
    (void)state;
    replay(fuzz_msg, SOURCE_DIR "/tests/fuzz/corpus/msg");
    replay(fuzz_msg, SOURCE_DIR "/tests/torture");
}

static void test_uri(void **state)
{
    (void)state;
    replay(fuzz_uri, SOURCE_DIR "/tests/fuzz/corpus/uri");
}

static void test_edit(void **state)
{
    (void)state;
    replay(fuzz_edit, SOURCE_DIR "/tests/fuzz/corpus/edit");
}

static void test_frame(void **state)
{
    (void)state;
    replay(fuzz_frame, SOURCE_DIR "/tests/fuzz/corpus/frame");
}

static void test_srv(void **state)
{
    (void)state;
    replay(fuzz_srv, SOURCE_DIR "/tests/fuzz/corpus/srv");
}

static void test_request(void **state)
{
    (void)state;
    replay(fuzz_request, SOURCE_DIR "/tests/fuzz/corpus/request");
}

static void test_tap(void **state)
{
    (void)state;
    replay(fuzz_tap, SOURCE_DIR "/tests/fuzz/corpus/tap");
}

static void test_capture(void **state)
{
    (void)state;
    replay(fuzz_capture, SOURCE_DIR "/tests/fuzz/corpus/capture");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg),  cmocka_unit_test(test_uri),
        cmocka_unit_test(test_edit), cmocka_unit_test(test_frame),
        cmocka_unit_test(test_srv),  cmocka_unit_test(test_request),
        cmocka_unit_test(test_tap),  cmocka_unit_test(test_capture),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
