/* cmocka.h with the headers that it needs first. */
#ifndef TRUNKLINE_TESTS_CMOCKA_ALL_H
#define TRUNKLINE_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
