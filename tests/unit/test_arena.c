#include <sys/time.h>

#include <osipparser2/osip_port.h>

#include "arena.h"
#include "cmocka_all.h"

static void test_memory_is_zeroed_and_aligned(void **state)
{
    struct arena *a = arena_new(64);

    (void)state;
    for (size_t n = 0; n < 300; n++) {
        unsigned char *p = arena_alloc(a, n);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
    }
    arena_free(a);
}

static void test_reused_blocks_are_zeroed_again(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct arena *a = arena_new(100);
        unsigned char *p = arena_alloc(a, 4000);

        for (size_t i = 0; i < 4000; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, 4000);
        arena_free(a);
    }
}

static void test_a_large_piece_gets_its_own_block(void **state)
{
    struct arena *a = arena_new(10);
    char *small = arena_text(a, SPAN_LIT("small"));
    char *large = arena_alloc(a, 100000);

    (void)state;
    memset(large, 'x', 100000);
    assert_string_equal(small, "small");
    assert_true(arena_used(a) >= 100000);
    arena_free(a);
}

static void test_one_mebibyte_is_the_limit(void **state)
{
    struct arena *a = arena_new(0);

    (void)state;
    assert_null(arena_alloc(a, (1 << 20) + 1));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_non_null(arena_alloc(a, 1 << 20));
    assert_null(arena_alloc(a, 1));
    assert_null(arena_new((1 << 20) + 1));
    arena_free(a);
    arena_free(NULL);
}

static void test_text_ends_with_nul_and_copy_does_not_need_one(void **state)
{
    struct arena *a = arena_new(0);
    struct span copy = arena_copy(a, SPAN_LIT("a\0b"));

    (void)state;
    assert_int_equal(copy.n, 3);
    assert_memory_equal(copy.p, "a\0b", 3);
    assert_string_equal(arena_text(a, (struct span){NULL, 0}), "");
    assert_non_null(arena_copy(a, (struct span){NULL, 0}).p);
    arena_free(a);
}

static void test_rewind_gives_back_what_came_after_the_mark(void **state)
{
    struct arena *a = arena_new(0);
    char *kept = arena_text(a, SPAN_LIT("kept"));
    struct arena_mark mark = arena_mark(a);
    size_t used = arena_used(a);

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_non_null(arena_alloc(a, 50000));
        assert_non_null(arena_alloc(a, 10));
        arena_rewind(a, mark);
        assert_int_equal(arena_used(a), used);
    }
    assert_string_equal(kept, "kept");
    arena_free(a);
}

static void test_the_nth_allocation_fails_once(void **state)
{
    struct arena *a = arena_new(0);

    (void)state;
    arena_fail_at(2);
    assert_non_null(arena_alloc(a, 1));
    assert_null(arena_alloc(a, 1));
    assert_non_null(arena_alloc(a, 1));
    assert_int_equal(arena_fail_at(1), 0);
    assert_null(arena_new(1));
    assert_int_equal(arena_fail_at(5), 0);
    assert_int_equal(arena_fail_at(0), 5);
    arena_free(a);
}

static void test_libosip2_allocates_from_the_current_arena(void **state)
{
    struct arena *a = arena_new(0);
    size_t before = arena_used(a);
    char *outside, *inside;

    (void)state;
    arena_hook_osip();
    arena_hook_osip();
    outside = osip_malloc(10);
    assert_null(arena_enter(a));
    inside = osip_malloc(1000);
    memset(inside, 'x', 1000);
    inside = osip_realloc(inside, 3000);
    assert_int_equal(inside[999], 'x');
    assert_true(arena_used(a) >= before + 4000);
    osip_free(inside);
    osip_free(outside); /* came from malloc and goes there */
    assert_ptr_equal(arena_enter(NULL), a);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_zeroed_and_aligned),
        cmocka_unit_test(test_reused_blocks_are_zeroed_again),
        cmocka_unit_test(test_a_large_piece_gets_its_own_block),
        cmocka_unit_test(test_one_mebibyte_is_the_limit),
        cmocka_unit_test(test_text_ends_with_nul_and_copy_does_not_need_one),
        cmocka_unit_test(test_rewind_gives_back_what_came_after_the_mark),
        cmocka_unit_test(test_the_nth_allocation_fails_once),
        cmocka_unit_test(test_libosip2_allocates_from_the_current_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
