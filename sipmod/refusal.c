#include "refusal.h"

#include <string.h>

#include "out.h"

/* ITU-T Q.850 causes of our own refusals. Of those that share status and cause, the first is told
 * by a text that the store gave, the others by their own. */
static const struct {
    const char *word;
    int status; /* 0: any */
    int cause;
    const char *text;
} CAUSES[] = {
    {"sessions", 486, 17, "all sessions in use"         },
    {"sessions", 0,   34, "all sessions in use"         },
    {"cps",      0,   42, "calls per second exceeded"   },
    {"gateways", 0,   34, "all gateways are full"       },
    {"overload", 0,   41, "temporary failure"           },
    {"balance",  402, 21, "insufficient balance"        },
    {"account",  403, 21, "account closed"              },
    {"trunk",    0,   3,  "no trunk for this number"    },
    {"inactive", 0,   1,  "number not active"           },
    {"unknown",  0,   1,  "number not in service"       },
    {"service",  0,   28, "service code not carried"    },
    {"no-route", 0,   3,  "no route to this destination"},
    {"no-rate",  403, 21, "no rate for this destination"},
};

/* CDR words of targets' answers. */
static const struct {
    int from, to;
    const char *word;
} REASONS[] = {
    {486, 486, "busy"       },
    {600, 600, "busy"       },
    {487, 487, "cancelled"  },
    {408, 408, "no-answer"  },
    {480, 480, "no-answer"  },
    {404, 404, "unallocated"},
    {410, 410, "unallocated"},
    {484, 484, "unallocated"},
    {604, 604, "unallocated"},
    {500, 599, "unreachable"},
    {300, 399, "redirected" },
};

const char *refusal_reason(int status)
{
    for (size_t i = 0; i < sizeof REASONS / sizeof *REASONS; i++) {
        if (status >= REASONS[i].from && status <= REASONS[i].to)
            return REASONS[i].word;
    }
    return "rejected";
}

const char *refusal_word(int status, int cause, struct span text)
{
    const char *word = NULL;
    for (size_t i = 0; i < sizeof CAUSES / sizeof *CAUSES; i++) {
        if (CAUSES[i].cause != cause || (CAUSES[i].status && CAUSES[i].status != status))
            continue;
        if (span_eq(text, span_of(CAUSES[i].text)))
            return CAUSES[i].word;
        word = word ? word : CAUSES[i].word;
    }
    return word;
}

struct span refusal_lines(int status, const char *word, const char *text, int64_t retry_after_s,
                          char buf[REFUSAL_LINES])
{
    struct out o = {.buf = buf, .cap = REFUSAL_LINES};
    for (size_t i = 0; i < sizeof CAUSES / sizeof *CAUSES; i++) {
        if (strcmp(CAUSES[i].word, word) != 0 || (CAUSES[i].status && CAUSES[i].status != status))
            continue;
        if (!text || !*text || strchr(text, '"') || strchr(text, '\\'))
            text = CAUSES[i].text;
        out_format(&o, "Reason: Q.850;cause=%d;text=\"%s\"\r\n", CAUSES[i].cause, text);
        break;
    }
    if (retry_after_s > 0)
        out_format(&o, "Retry-After: %lld\r\n", (long long)retry_after_s);
    return out_done(&o);
}
