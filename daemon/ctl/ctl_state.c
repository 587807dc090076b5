#include "ctl_state.h"

#include "region.h"

static const char tollfree[] = STATE_TOLLFREE;

const char *ctl_state_find(struct span s)
{
    return span_eq(s, SPAN_LIT(STATE_TOLLFREE)) ? tollfree : region_find(s);
}

const char *ctl_state_at(size_t i)
{
    return i < region_count ? region_codes[i] : tollfree;
}

size_t ctl_state_count(void)
{
    return region_count + 1;
}

size_t ctl_state_index(const char *state)
{
    size_t i = 0;
    while (i < region_count && region_codes[i] != state)
        i++;
    return i;
}
