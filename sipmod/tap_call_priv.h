/* What the parts of a call that is being watched share: tap_call.c finds and keeps calls,
 * tap_end.c knows how they end. */
#ifndef TRUNKLINE_TAP_CALL_PRIV_H
#define TRUNKLINE_TAP_CALL_PRIV_H

#include "msg.h"
#include "tap_call.h"

enum { TAP_LEGS = 16 };

/* An INVITE by which the proxy tried a target. */
struct tap_leg {
    uint64_t branch; /* of its topmost Via */
    struct addr to;
    int64_t since_us;
    int status; /* final; 0: none yet */
    bool heard; /* anything at all came back */
    bool noted; /* in attempts */
};

struct tap_call {
    struct tap_call *next; /* of the same Call-ID */
    struct tap_cdr cdr;
    uint64_t branch;         /* of the first INVITE's topmost Via */
    uint64_t caller, callee; /* hashes of tags; callee: of who answered */
    uint32_t cseq;
    int64_t seen_us; /* latest message */
    int64_t over_us; /* 0: still followed; else it stays a while for what is repeated */
    int64_t bye_us;
    bool cancelled;
    struct tap_leg legs[TAP_LEGS];
    size_t n_legs;
};

/* A place's outcome, for the CDR. */
void tap_call_note(struct tap_call *c, const struct tap_leg *leg, int status);

/* A leg goes on without an answer: what a proxy takes it for. */
void tap_call_give_up_leg(struct tap_call *c, struct tap_leg *leg, int64_t at_us,
                          int64_t no_answer_ms);

/* The caller was told a final failure: fills in the end. */
void tap_call_fail(struct tap_call *c, const struct msg *response, int64_t at_us);

/* BYE: fills in who hung up. True: that was the end, by the proxy itself. */
bool tap_call_bye(struct tap_call *c, const struct msg *bye, int64_t at_us);

/* The end of an answered call that did not fail. */
void tap_call_end(struct tap_call *c, int64_t at_us);

/* The end of one whose end was not seen. */
void tap_call_lose(struct tap_call *c, int64_t at_us);

/* Hash of a tag. */
uint64_t tap_call_tag(struct span tag);

#endif
