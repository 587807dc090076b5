#include "cmocka_all.h"
#include "mac.h"

/* Vectors of the reference implementation: key 00 01 … 0f, data 00 01 … of that length. */
static void test_vectors(void **state)
{
    static const struct {
        size_t n;
        uint64_t mac;
    } vectors[] = {
        {0,  0x726fdb47dd0e0e31},
        {1,  0x74f839c593dc67fd},
        {7,  0xab0200f58b01d137},
        {8,  0x93f5f5799a932462},
        {15, 0xa129ca6149be45e5},
        {63, 0x958a324ceb064572},
    };
    struct mac_key key = {
        {0x0706050403020100, 0x0f0e0d0c0b0a0908}
    };
    char data[64];
    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)i;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_int_equal(mac_of(&key, (struct span){data, vectors[i].n}), vectors[i].mac);
}

static void test_key_of_a_secret(void **state)
{
    struct mac_key key = mac_key_of(SPAN_LIT("abc")); /* SHA-256 of FIPS 180-4 */
    (void)state;
    assert_int_equal(key.k[0], 0xba7816bf8f01cfea);
    assert_int_equal(key.k[1], 0x414140de5dae2223);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_key_of_a_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
