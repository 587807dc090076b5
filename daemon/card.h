/* A payment card, for the length of one request. Nothing of it is kept or logged. */
#ifndef TRUNKLINE_CARD_H
#define TRUNKLINE_CARD_H

#include <stdbool.h>
#include <stdint.h>

#include "span.h"

/* Texts are borrowed from the request; absent ones are "". */
struct card {
    const char *number, *cvv; /* digits */
    int month, year;          /* of expiry; four digits */
    const char *first_name, *last_name;
    const char *address, *address2, *city, *state, *zip;
};

/* Whether the last digit is the one that the Luhn formula (ISO/IEC 7812-1 annex B) asks for. */
bool card_luhn(struct span digits);

/* A year of two digits is of this century; 0: neither two nor four digits. */
int card_year(struct span digits);

/* Whether a card has been invalid since before `now_s`: it lasts to the end of its month. */
bool card_expired(int month, int year, int64_t now_s);

#endif
