/* Words of port-in orders: parameters and the fields that keep them, reasons. */
#ifndef TRUNKLINE_PORT_TERMS_H
#define TRUNKLINE_PORT_TERMS_H

#include <stddef.h>

/* What the customer states: as the REST document spells it, and the field of {a:ACCT}:port:ID. */
struct port_detail {
    const char *param, *field;
};
extern const struct port_detail port_details[];
extern const size_t port_detail_count;

/* Why an order can't go on, as the losing carrier or the operator says. */
struct port_reason {
    const char *code, *text;
};
extern const struct port_reason port_reasons[];
extern const size_t port_reason_count;

/* Text of a code; "" for one that isn't there. */
const char *port_reason_text(const char *code);

#endif
