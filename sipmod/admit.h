/* The question of admission (call_admit): may this call go on, and whereto. */
#ifndef TRUNKLINE_ADMIT_H
#define TRUNKLINE_ADMIT_H

#include "core.h"
#include "rr.h"

enum { ADMIT_TARGETS = 3, ADMIT_TEXT = 128, ADMIT_NAME = 65 };

/* What is asked; texts are borrowed for the call. */
struct admit_question {
    const char *account, *call;
    bool outbound;      /* termination */
    bool onnet;         /* outbound: to a number of ours */
    const char *number; /* ours, or the dialled E.164 digits */
    const char *caller; /* outbound: ten digits, if the callee is to see their name; or empty */
    const char *tg;     /* outbound */
    const char *from, *to, *source, *upstream, *callid;
    const char *rate, *increment, *minimum; /* outbound */
    bool cached;                            /* the account came from a cache */
};

enum admit_kind { ADMIT_PRIMARY, ADMIT_SECONDARY, ADMIT_FORWARD };

struct admit_target {
    enum admit_kind kind;
    char prefix[DIRECTORY_ID];
    char host[ADDR_TEXT]; /* forward: the number */
    uint16_t port;
};

struct admit_refusal {
    int status;
    int64_t retry_after_s; /* 0: none */
    char reason[24];       /* word: sessions, cps, … */
    char text[ADMIT_TEXT];
};

enum admit_outcome {
    ADMIT_YES,
    ADMIT_NO,     /* refused; the CDR is written */
    ADMIT_STALE,  /* the cached account does not have this number any more */
    ADMIT_UNKNOWN /* Redis did not say; the slot may be taken */
};

struct admit_answer {
    enum admit_outcome outcome;
    int64_t longest_s;     /* ADMIT_YES */
    char cnam[ADMIT_NAME]; /* ADMIT_YES, outbound: name of the caller's number, or empty */
    size_t n_targets;
    struct admit_target targets[ADMIT_TARGETS]; /* ADMIT_YES, inbound */
    struct admit_refusal refusal;               /* ADMIT_NO */
};

typedef void admit_fn(void *arg, const struct admit_answer *answer);

/* Calls fn once, later. ERR_UNAVAILABLE: at once, without calling fn; nothing was asked. */
MUST_CHECK int admit_ask(struct core *core, const struct admit_question *q, admit_fn *fn,
                         void *arg);

#endif
