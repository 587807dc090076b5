#include "call_id.h"

#include "out.h"

enum { SEED = 2 * 65536 };

void call_id_derive(const struct mac_key *key, const struct msg *invite, const struct via *via,
                    char ret[RR_CALL_ID + 1])
{
    static char seed[SEED];
    struct out o = OUT_IN(seed), id = {.buf = ret, .cap = RR_CALL_ID};
    out_span(&o, invite->call_id);
    out_text(&o, "\n");
    out_number(&o, invite->cseq);
    out_text(&o, "\n");
    out_span(&o, invite->from.tag);
    out_text(&o, "\n");
    out_span(&o, via->branch);
    out_text(&o, "\n");
    out_span(&o, via->host);
    out_text(&o, ":");
    out_number(&o, via->port);
    struct mac_key other = {
        {key->k[1], key->k[0]}
    };
    out_hex(&id, mac_of(key, out_done(&o)), 16);
    out_hex(&id, mac_of(&other, out_done(&o)), 4);
    ret[RR_CALL_ID] = '\0';
}
