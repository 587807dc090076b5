/* The table of all verbs, and the functions behind it. */
#ifndef TRUNKLINE_CTL_VERBS_H
#define TRUNKLINE_CTL_VERBS_H

#include "ctl.h"

extern const struct verb ctl_verbs[]; /* ends with a NULL noun */

/* The row of a noun and verb. *ret_words says how many of the n words named it. NULL: no such. */
const struct verb *ctl_verbs_find(char *const words[], size_t n, size_t *ret_words);
bool ctl_verbs_noun(const char *noun);

typedef int ctl_verb_fn(struct ctl *c, const struct args *a);

ctl_verb_fn ctl_account_add, ctl_account_set, ctl_account_list, ctl_account_show,
    ctl_account_credit;
ctl_verb_fn ctl_token_add, ctl_token_list, ctl_token_rotate, ctl_token_revoke;
ctl_verb_fn ctl_operator_add, ctl_operator_list, ctl_operator_revoke;
ctl_verb_fn ctl_webhook_add, ctl_webhook_list, ctl_webhook_set, ctl_webhook_rotate,
    ctl_webhook_remove, ctl_webhook_test, ctl_webhook_dead, ctl_webhook_replay;
ctl_verb_fn ctl_inventory_import, ctl_inventory_remove, ctl_inventory_show;
ctl_verb_fn ctl_carrier_add, ctl_carrier_list, ctl_carrier_remove;
ctl_verb_fn ctl_gateway_add, ctl_gateway_route, ctl_gateway_list, ctl_gateway_remove;
ctl_verb_fn ctl_rate_set, ctl_rate_import, ctl_rate_list;
ctl_verb_fn ctl_trunk_grant, ctl_trunk_list, ctl_number_show, ctl_number_cancel;
ctl_verb_fn ctl_call_list, ctl_call_show, ctl_call_kill, ctl_cdr_list, ctl_watch, ctl_top;
ctl_verb_fn ctl_tap_list, ctl_tap_compare, ctl_tap_clear;
ctl_verb_fn ctl_trace_start, ctl_trace_stop, ctl_trace_list, ctl_trace_get, ctl_trace_show;
ctl_verb_fn ctl_order_list, ctl_order_show, ctl_order_cancel;
ctl_verb_fn ctl_coverage_import, ctl_coverage_list, ctl_coverage_remove;
ctl_verb_fn ctl_port_list, ctl_port_show, ctl_port_reasons, ctl_port_set, ctl_port_submit,
    ctl_port_except, ctl_port_foc, ctl_port_complete, ctl_port_cancel, ctl_port_reject;
ctl_verb_fn ctl_payment_list, ctl_payment_add, ctl_payment_refund, ctl_payment_cancel;
ctl_verb_fn ctl_fee_run, ctl_invoice_make, ctl_invoice_list;
ctl_verb_fn ctl_audit_list;
ctl_verb_fn ctl_reconcile;
ctl_verb_fn ctl_schema_load, ctl_schema_show;

#endif
