#include "region.h"

/* USPS Publication 28 appendix B, Canada Post addressing guidelines. */
const char *const region_codes[] = {
    "AB", "AK", "AL", "AR", "AS", "AZ", "BC", "CA", "CO", "CT", "DC", "DE", "FL", "GA",
    "GU", "HI", "IA", "ID", "IL", "IN", "KS", "KY", "LA", "MA", "MB", "MD", "ME", "MI",
    "MN", "MO", "MP", "MS", "MT", "NB", "NC", "ND", "NE", "NH", "NJ", "NL", "NM", "NS",
    "NT", "NU", "NV", "NY", "OH", "OK", "ON", "OR", "PA", "PE", "PR", "QC", "RI", "SC",
    "SD", "SK", "TN", "TX", "UT", "VA", "VI", "VT", "WA", "WI", "WV", "WY", "YT",
};
const size_t region_count = sizeof(region_codes) / sizeof(*region_codes);

const char *region_find(struct span code)
{
    for (size_t i = 0; i < region_count; i++) {
        if (span_eq_nocase(code, span_of(region_codes[i])))
            return region_codes[i];
    }
    return NULL;
}
