#include "ctl_verbs.h"

#include <string.h>

/* clang-format off */

#define END {NULL, ARG_FLAG, 0, 0, 0, NULL, NULL, NULL}
#define ACCT {"ACCT", ARG_ACCOUNT, ARG_REQUIRED, 0, 0, NULL, NULL, "account number"}
#define DECK {"--deck", ARG_WORD, 0, 0, 0, "default", NULL, "termination route deck (default: default)"}

/* Options of account add and account set; each fills a field of the account. */
#define ACCOUNT_FIELDS \
    {"--name", ARG_NAME, 0, 0, 0, NULL, "name", "name of the customer"}, \
    {"--sessions", ARG_LIMIT, 0, 0, 1000000, NULL, "sessions", "most live calls over all trunks"}, \
    {"--deck", ARG_WORD, 0, 0, 0, NULL, "deck", "termination route deck"}, \
    {"--did-monthly", ARG_PRICE, 0, 0, 0, NULL, "did_monthly", "fee a month of a local number"}, \
    {"--did-setup", ARG_PRICE, 0, 0, 0, NULL, "did_setup", "fee to set up a local number"}, \
    {"--tfn-monthly", ARG_PRICE, 0, 0, 0, NULL, "tfn_monthly", "fee a month of a toll-free number"}, \
    {"--tfn-setup", ARG_PRICE, 0, 0, 0, NULL, "tfn_setup", "fee to set up a toll-free number"}, \
    {"--per-order", ARG_PRICE, 0, 0, 0, NULL, "per_order_cost", "fee of an order"}, \
    {"--other", ARG_PRICE, 0, 0, 0, NULL, "other_charges", "other charges of an order"}, \
    {"--tax-percent", ARG_PERCENT, 0, 0, 0, NULL, "tax_bp", "tax on orders"}, \
    {"--discount-percent", ARG_PERCENT, 0, 0, 0, NULL, "discount_bp", "discount on orders"}, \
    {"--call-tax-percent", ARG_PERCENT, 0, 0, 0, NULL, "call_tax_bp", "tax on calls"}, \
    {"--in-rate", ARG_RATE, 0, 0, 0, NULL, "in_rate", "price a minute of calls to local numbers"}, \
    {"--tfn-rate", ARG_RATE, 0, 0, 0, NULL, "tfn_rate", "price a minute of calls to toll-free numbers"}, \
    {"--in-increment", ARG_COUNT, 0, 1, 3600, NULL, "in_increment", "seconds of a billing step of such calls"}, \
    {"--in-minimum", ARG_COUNT, 0, 0, 3600, NULL, "in_minimum", "seconds billed at least for such calls"}, \
    {"--onnet-rate", ARG_RATE_OPT, 0, 0, 0, NULL, "onnet_rate", "price of calls out to our own numbers; none: the deck's"}, \
    {"--topup", ARG_PRICE, 0, 0, 0, NULL, "topup", "what make_payment charges when it names no amount; 0: none"}, \
    {"--low-balance", ARG_MARK, 0, 0, 0, NULL, "low_balance", "balance below which webhooks are told; none: never"}, \
    {"--bill-day", ARG_COUNT, 0, 1, 28, NULL, "bill_day", "day of the monthly fees (default: 1)"}

static const struct arg no_args[] = {END};
static const struct arg account_only[] = {ACCT, END};

static const struct arg account_add[] = {
    {"--id", ARG_ACCOUNT, 0, 0, 0, NULL, NULL, "account number (default: the next one from 1000001)"},
    {"--sandbox", ARG_FLAG, 0, 0, 0, NULL, NULL, "an account to try things with"},
    ACCOUNT_FIELDS, END};
static const struct arg account_set[] = {
    ACCT,
    {"--status", ARG_COUNT, 0, 0, 1, NULL, "status", "1 active, 0 closed"},
    ACCOUNT_FIELDS, END};
static const struct arg account_credit[] = {
    ACCT,
    {"AMOUNT", ARG_AMOUNT, ARG_REQUIRED, 0, 0, NULL, NULL, "dollars; negative takes money off"},
    {"--activity", ARG_TEXT, 0, 0, 0, "Bank Transfer", NULL, "activity of the ledger line (default: Bank Transfer)"},
    {"--ref", ARG_REF, 0, 0, 0, NULL, NULL, "reference; the same one is booked once (default: a new one)"},
    {"--note", ARG_TEXT, 0, 0, 0, NULL, NULL, "note of the ledger line"}, END};

static const struct arg audit_list[] = {
    {"ACCT", ARG_ACCOUNT, 0, 0, 0, NULL, NULL, "account number (default: what concerns no one account)"},
    {"--since", ARG_NAME, 0, 0, 0, NULL, NULL, "YYYY-MM-DD or a time in UTC (default: all that Redis has)"},
    {"--last", ARG_COUNT, 0, 1, 10000, "100", NULL, "how many, newest first (default: 100)"}, END};

static const struct arg token_add[] = {
    ACCT,
    {"--label", ARG_WORD, 0, 0, 0, "default", NULL, "label that names it later (default: default)"},
    {"--scope", ARG_SCOPES, 0, 0, 0, "all", NULL, "what it may do: read, write, billing (default: all)"},
    {"--allow", ARG_NETWORKS, 0, 0, 0, NULL, NULL, "where it may be used from (default: anywhere)"},
    {"--rate", ARG_COUNT, 0, 1, 100000000, NULL, NULL, "requests a minute (default: http.token_rate)"},
    {"--burst", ARG_COUNT, 0, 1, 1000000, NULL, NULL, "requests at once (default: a tenth of --rate)"}, END};
static const struct arg token_rotate[] = {
    ACCT,
    {"LABEL|HASH", ARG_NAME, ARG_REQUIRED, 0, 0, NULL, NULL, "label, or first digits of the hash as listed"},
    {"--keep-hours", ARG_COUNT, 0, 0, 8760, "24", NULL, "how long the old one goes on (default: 24)"}, END};
static const struct arg token_revoke[] = {
    ACCT,
    {"LABEL|HASH", ARG_NAME, ARG_REQUIRED, 0, 0, NULL, NULL, "label, or first digits of the hash as listed"}, END};

static const struct arg operator_add[] = {
    {"LABEL", ARG_WORD, ARG_REQUIRED, 0, 0, NULL, NULL, "label that names the operator later"},
    {"--days", ARG_COUNT, 0, 1, 3660, "90", NULL, "how long the token lives (default: 90)"},
    {"--allow", ARG_NETWORKS, 0, 0, 0, NULL, NULL, "where it may be used from (default: anywhere)"}, END};
static const struct arg operator_revoke[] = {
    {"LABEL", ARG_WORD, ARG_REQUIRED, 0, 0, NULL, NULL, "label of the operator"}, END};

#define WEBHOOK ACCT, {"ID", ARG_COUNT, ARG_REQUIRED, 1, 1000000000000, NULL, NULL, "webhook, as listed"}
#define KINDS "kinds of events by comma: order, port, balance, payment, invoice"
static const struct arg webhook_add[] = {
    ACCT,
    {"URL", ARG_URL, ARG_REQUIRED, 0, 0, NULL, NULL, "where events are sent to"},
    {"--events", ARG_NAME, 0, 0, 0, "all", NULL, KINDS " (default: all)"}, END};
static const struct arg webhook_list[] = {
    {"ACCT", ARG_ACCOUNT, 0, 0, 0, NULL, NULL, "account number (default: all accounts)"}, END};
static const struct arg webhook_one[] = {WEBHOOK, END};
static const struct arg webhook_set[] = {
    WEBHOOK,
    {"--url", ARG_URL, 0, 0, 0, NULL, "url", "where events are sent to"},
    {"--events", ARG_NAME, 0, 0, 0, NULL, "events", KINDS ", or all"},
    {"--status", ARG_COUNT, 0, 0, 1, NULL, "status", "1 active, 0 paused: events wait"}, END};
static const struct arg webhook_rotate[] = {
    WEBHOOK,
    {"--overlap", ARG_COUNT, 0, 0, 720, "24", NULL, "hours that the old secret signs on, too (default: 24)"}, END};
static const struct arg webhook_replay[] = {
    WEBHOOK,
    {"EVENT", ARG_COUNT, 0, 1, 1000000000000, NULL, NULL, "number of a dead event (default: all)"}, END};

static const struct arg inventory_import[] = {
    {"FILE", ARG_FILE, ARG_REQUIRED, 0, 0, NULL, NULL, "CSV with the header number,state,ratecenter,city"}, END};
static const struct arg inventory_show[] = {
    {"STATE", ARG_STATE, 0, 0, 0, NULL, NULL, "blocks of this state (default: sums of all states)"}, END};

static const struct arg carrier_add[] = {
    {"NAME", ARG_NAME, ARG_REQUIRED, 0, 0, NULL, NULL, "upstream carrier"},
    {"ADDR", ARG_ADDRESSES, ARG_REQUIRED | ARG_REST, 0, 0, NULL, NULL, "addresses that its calls come from"}, END};
static const struct arg carrier_remove[] = {
    {"NAME|ADDR", ARG_NAME, ARG_REQUIRED, 0, 0, NULL, NULL, "a carrier with all its addresses, or one address"}, END};

static const struct arg gateway_add[] = {
    {"NAME", ARG_WORD, ARG_REQUIRED, 0, 0, NULL, NULL, "upstream gateway"},
    {"HOST[:PORT]", ARG_HOST, ARG_REQUIRED, 0, 0, NULL, NULL, "IP address (default port: 5060, of tls 5061), or name (default: by SRV records)"},
    {"--transport", ARG_TRANSPORT, 0, 0, 0, NULL, "transport", "how it takes calls (default: udp)"},
    {"--prefixes", ARG_PREFIXES, 0, 0, 0, NULL, NULL, "dialled prefixes that it takes"},
    {"--priority", ARG_COUNT, 0, 1, 1000, "1", NULL, "1 is tried first (default: 1)"},
    {"--weight", ARG_COUNT, 0, 1, 1000, "1", NULL, "share among equals (default: 1)"},
    {"--cost", ARG_RATE, 0, 0, 0, NULL, NULL, "what it takes a minute: the least of a priority is tried first"},
    DECK,
    {"--strip", ARG_COUNT, 0, 0, 15, NULL, "strip", "digits cut off the number first"},
    {"--prefix", ARG_DIGITS, 0, 0, 0, NULL, "prefix", "digits put before the number then"},
    {"--capacity", ARG_LIMIT, 0, 1, 1000000, NULL, "capacity", "most calls at once"},
    {"--cps", ARG_LIMIT, 0, 1, 1000000, NULL, "cps", "most calls a second"}, END};
static const struct arg gateway_route[] = {
    {"NAME", ARG_WORD, ARG_REQUIRED, 0, 0, NULL, NULL, "upstream gateway"},
    {"PREFIX", ARG_PREFIXES, ARG_REQUIRED | ARG_REST, 0, 0, NULL, NULL, "dialled prefixes that it takes"},
    {"--priority", ARG_COUNT, 0, 1, 1000, "1", NULL, "1 is tried first (default: 1)"},
    {"--weight", ARG_COUNT, 0, 1, 1000, "1", NULL, "share among equals (default: 1)"},
    {"--cost", ARG_RATE, 0, 0, 0, NULL, NULL, "what it takes a minute: the least of a priority is tried first"},
    {"--remove", ARG_FLAG, 0, 0, 0, NULL, NULL, "take these prefixes off it"},
    DECK, END};
static const struct arg gateway_list[] = {DECK, END};
static const struct arg gateway_remove[] = {
    {"NAME", ARG_WORD, ARG_REQUIRED, 0, 0, NULL, NULL, "upstream gateway"},
    {"--deck", ARG_WORD, 0, 0, 0, NULL, NULL, "a deck that no account uses, to clear as well"}, END};

static const struct arg rate_set[] = {
    {"PREFIX", ARG_PREFIX, ARG_REQUIRED, 0, 0, NULL, NULL, "dialled prefix"},
    {"RATE", ARG_RATE, ARG_REQUIRED, 0, 0, NULL, NULL, "price a minute"},
    {"--increment", ARG_COUNT, 0, 1, 3600, "6", NULL, "seconds of a billing step (default: 6)"},
    {"--minimum", ARG_COUNT, 0, 0, 3600, "6", NULL, "seconds billed at least (default: 6)"},
    DECK, END};
static const struct arg rate_import[] = {
    {"FILE", ARG_FILE, ARG_REQUIRED, 0, 0, NULL, NULL, "CSV with the header prefix,rate,increment,minimum"},
    DECK, END};
static const struct arg rate_list[] = {DECK, END};

static const struct arg trunk_grant[] = {
    ACCT,
    {"TG", ARG_COUNT, ARG_REQUIRED, 1, 1000000000000, NULL, NULL, "trunk id"},
    {"--sessions", ARG_LIMIT, 0, 0, 1000000, NULL, NULL, "most live calls"},
    {"--ports", ARG_LIMIT, 0, 0, 1000000, NULL, NULL, "the same, as termination trunks call it"},
    {"--cps", ARG_LIMIT, 0, 0, 1000000, NULL, NULL, "most calls a second"}, END};
static const struct arg number_cancel[] = {
    ACCT,
    {"NUMBER", ARG_NUMBER, ARG_REQUIRED, 0, 0, NULL, NULL, "telephone number"}, END};
static const struct arg number_show[] = {
    {"NUMBER", ARG_NUMBER, ARG_REQUIRED, 0, 0, NULL, NULL, "telephone number"}, END};

static const struct arg reconcile[] = {
    {"ACCT", ARG_ACCOUNT, 0, 0, 0, NULL, NULL, "account number, with all its slots (default: a line for each account)"},
    {"--repair", ARG_FLAG, 0, 0, 0, NULL, NULL, "set counters right by the calls; what was done is kept"},
    {"--repair-ledger", ARG_FLAG, 0, 0, 0, NULL, NULL, "set the balance to the sum of the ledger's lines, with a line of its own"}, END};
static const struct arg call_list[] = {
    {"ACCT", ARG_ACCOUNT, 0, 0, 0, NULL, NULL, "account number (default: all accounts)"}, END};
static const struct arg call_show[] = {
    ACCT,
    {"CALL", ARG_REF, ARG_REQUIRED, 0, 0, NULL, NULL, "call id"}, END};
static const struct arg cdr_list[] = {
    ACCT,
    {"--last", ARG_COUNT, 0, 1, 100000, "20", NULL, "how many, newest first (default: 20)"}, END};
static const struct arg tap_compare[] = {
    ACCT,
    {"--csv", ARG_FILE, 0, 0, 0, NULL, NULL, "records of another system: callid,direction,number,invite,ms,billed,code,amount"},
    {"--last", ARG_COUNT, 0, 1, 100000, "100000", NULL, "how many of Redis are looked at (default: 100000)"},
    {"--tolerance", ARG_COUNT, 0, 0, 3600000, "100", NULL, "milliseconds by which times may differ (default: 100)"}, END};
static const struct arg trace_start[] = {
    {"--number", ARG_PREFIX, 0, 0, 0, NULL, NULL, "calls to or from this number, with country code unless it is 1"},
    {"--trunk", ARG_COUNT, 0, 1, 1000000000000, NULL, NULL, "calls of this trunk of --account"},
    {"--call", ARG_CALL, 0, 0, 0, NULL, NULL, "one call: its id or Call-ID"},
    {"--account", ARG_ACCOUNT, 0, 0, 0, NULL, NULL, "whose trunk"},
    {"--minutes", ARG_COUNT, 0, 1, 1440, "10", NULL, "how long new calls are taken (default: 10)"}, END};
static const struct arg trace_stop[] = {
    {"ID", ARG_COUNT, ARG_REQUIRED, 1, 1000000000000, NULL, NULL, "trace, as listed"}, END};
#define TRACED {"CALL", ARG_CALL, ARG_REQUIRED, 0, 0, NULL, NULL, "call id, Call-ID, or a trace's id"}
static const struct arg trace_show[] = {TRACED, END};
static const struct arg trace_get[] = {
    TRACED,
    {"-o", ARG_FILE, 0, 0, 0, "-", NULL, "file to write (default: the standard output)"}, END};
static const struct arg order_show[] = {
    ACCT,
    {"ID", ARG_COUNT, ARG_REQUIRED, 1, 1000000000000, NULL, NULL, "order id"}, END};

static const struct arg coverage_import[] = {
    {"FILE", ARG_FILE, ARG_REQUIRED, 0, 0, NULL, NULL, "CSV with the header code,state,ratecenter"}, END};
static const struct arg coverage_remove[] = {
    {"CODE|STATE:RATECENTER", ARG_NAME, ARG_REQUIRED, 0, 0, NULL, NULL, "NPANXX, toll-free code, or a rate centre"}, END};
#define PORT ACCT, {"ID", ARG_COUNT, ARG_REQUIRED, 1, 1000000000000, NULL, NULL, "order id"}
#define NOTE {"--note", ARG_TEXT, 0, 0, 0, NULL, NULL, "what the customer's support should know"}
#define REASON {"REASON", ARG_WORD, ARG_REQUIRED, 0, 0, NULL, NULL, "code, as port reasons lists them"}
static const struct arg port_list[] = {
    {"ACCT", ARG_ACCOUNT, 0, 0, 0, NULL, NULL, "account number (default: all accounts)"},
    {"--processing", ARG_WORD, 0, 0, 0, NULL, NULL, "only orders of this status, e.g. DRAFT"}, END};
static const struct arg port_show[] = {PORT, END};
static const struct arg port_set[] = {
    PORT,
    {"--first-name", ARG_TEXT, 0, 0, 0, NULL, "first_name", "first name of the subscriber"},
    {"--last-name", ARG_TEXT, 0, 0, 0, NULL, "last_name", "last name of the subscriber"},
    {"--house-number", ARG_TEXT, 0, 0, 0, NULL, "house_number", "house number"},
    {"--street", ARG_TEXT, 0, 0, 0, NULL, "street_name", "street"},
    {"--street-suffix", ARG_TEXT, 0, 0, 0, NULL, "street_suffix", "street suffix"},
    {"--city", ARG_TEXT, 0, 0, 0, NULL, "city", "city"},
    {"--state", ARG_STATE, 0, 0, 0, NULL, "state", "state"},
    {"--zip", ARG_TEXT, 0, 0, 0, NULL, "zip", "ZIP code"},
    {"--losing-carrier", ARG_TEXT, 0, 0, 0, NULL, "losing_carrier", "losing carrier"},
    {"--billing-number", ARG_NUMBER, 0, 0, 0, NULL, "billing_number", "billing number"},
    {"--wireless-account", ARG_TEXT, ARG_SECRET, 0, 0, NULL, "wireless_account", "account at the wireless carrier"},
    {"--wireless-pin", ARG_TEXT, ARG_SECRET, 0, 0, NULL, "wireless_pin", "PIN at the wireless carrier"},
    {"--resporg", ARG_RESPORG, 0, 0, 0, NULL, "resporg", "losing RespOrg of toll-free numbers"}, END};
static const struct arg port_submit[] = {
    PORT,
    {"--resporg", ARG_RESPORG, 0, 0, 0, NULL, "resporg", "losing RespOrg of toll-free numbers"},
    NOTE, END};
static const struct arg port_except[] = {PORT, REASON, NOTE, END};
static const struct arg port_foc[] = {
    PORT,
    {"DATE", ARG_NAME, 0, 0, 0, NULL, NULL, "YYYY-MM-DD (11:30 Eastern) or a time in UTC (default: as requested)"},
    {"--any-day", ARG_FLAG, 0, 0, 0, NULL, NULL, "a weekend or holiday will do"},
    NOTE, END};
static const struct arg port_cancel[] = {
    PORT,
    {"--reason", ARG_WORD, 0, 0, 0, "CUSTOMER", NULL, "code, as port reasons lists them (default: CUSTOMER)"},
    NOTE, END};

static const struct arg payment_add[] = {
    ACCT,
    {"AMOUNT", ARG_PRICE, ARG_REQUIRED, 0, 0, NULL, NULL, "dollars that arrived"},
    {"--ref", ARG_REF, ARG_REQUIRED, 0, 0, NULL, NULL, "referenceno; the same one is booked once"},
    {"--method", ARG_NAME, 0, 0, 0, "Bank", NULL, "Bank, Paypal or \"Credit Card\" (default: Bank)"},
    {"--fee", ARG_PRICE, 0, 0, 0, "0", NULL, "dollars of it that the transfer cost"},
    {"--note", ARG_TEXT, 0, 0, 0, NULL, NULL, "note of the ledger line"}, END};
static const struct arg payment_refund[] = {
    ACCT,
    {"REF", ARG_REF, ARG_REQUIRED, 0, 0, NULL, NULL, "referenceno"},
    {"AMOUNT", ARG_PRICE, 0, 0, 0, NULL, NULL, "dollars (default: all that is left)"}, END};
static const struct arg payment_cancel[] = {
    ACCT,
    {"REF", ARG_REF, ARG_REQUIRED, 0, 0, NULL, NULL, "referenceno"},
    {"--note", ARG_TEXT, 0, 0, 0, "cancelled", NULL, "why (default: cancelled)"}, END};
static const struct arg fee_run[] = {
    {"ACCT", ARG_ACCOUNT, 0, 0, 0, NULL, NULL, "account number (default: all accounts)"}, END};
static const struct arg invoice_make_args[] = {
    ACCT,
    {"MONTH", ARG_REF, ARG_REQUIRED, 0, 0, NULL, NULL, "YYYY-MM, a month that is over"}, END};

static const struct arg watch[] = {
    {"--account", ARG_ACCOUNT, 0, 0, 0, NULL, NULL, "only of this account"},
    {"--trunk", ARG_COUNT, 0, 1, 1000000000000, NULL, NULL, "only of this trunk"},
    {"--number", ARG_NUMBER, 0, 0, 0, NULL, NULL, "only calls to this number"},
    {"--events", ARG_NAME, 0, 0, 0, "calls,trunks,health", NULL, "which, by comma: calls, trunks, health (default: all)"}, END};

static const struct arg top[] = {
    {"--account", ARG_ACCOUNT, 0, 0, 0, NULL, NULL, "only of this account"},
    {"--once", ARG_FLAG, 0, 0, 0, NULL, NULL, "print it once and end, as without a terminal"}, END};

const struct verb ctl_verbs[] = {
    {"account", "add", ctl_account_add, "open an account", account_add, 0},
    {"account", "set", ctl_account_set, "change an account", account_set, 0},
    {"account", "list", ctl_account_list, "list the accounts", no_args, VERB_READS},
    {"account", "show", ctl_account_show, "show an account with its rates", account_only, VERB_READS},
    {"account", "credit", ctl_account_credit, "book money on an account", account_credit, 0},
    {"token", "add", ctl_token_add, "make a token of the API and print it, once", token_add, 0},
    {"token", "list", ctl_token_list, "list an account's tokens", account_only, VERB_READS},
    {"token", "rotate", ctl_token_rotate, "make a token that takes another's place", token_rotate, 0},
    {"token", "revoke", ctl_token_revoke, "revoke a token at once", token_revoke, 0},
    {"operator", "add", ctl_operator_add, "let somebody look at the ops page; prints the token, once", operator_add, 0},
    {"operator", "list", ctl_operator_list, "list who may look at the ops page", no_args, VERB_READS},
    {"operator", "revoke", ctl_operator_revoke, "take that away at once", operator_revoke, 0},
    {"webhook", "add", ctl_webhook_add, "tell a receiver of events; prints its secret, once", webhook_add, 0},
    {"webhook", "list", ctl_webhook_list, "list webhooks and how they fare", webhook_list, VERB_READS},
    {"webhook", "set", ctl_webhook_set, "change or pause a webhook", webhook_set, 0},
    {"webhook", "rotate", ctl_webhook_rotate, "give it another secret and print it, once", webhook_rotate, 0},
    {"webhook", "remove", ctl_webhook_remove, "remove it with all events that wait there", webhook_one, 0},
    {"webhook", "test", ctl_webhook_test, "send it an event webhook.test", webhook_one, 0},
    {"webhook", "dead", ctl_webhook_dead, "list the events that it never took", webhook_one, VERB_READS},
    {"webhook", "replay", ctl_webhook_replay, "send dead events again, after those that wait", webhook_replay, 0},
    {"inventory", "import", ctl_inventory_import, "take numbers into the inventory", inventory_import, 0},
    {"inventory", "remove", ctl_inventory_remove, "take free numbers out of it", inventory_import, 0},
    {"inventory", "show", ctl_inventory_show, "count free numbers", inventory_show, VERB_READS},
    {"carrier", "add", ctl_carrier_add, "accept calls from an upstream carrier", carrier_add, 0},
    {"carrier", "list", ctl_carrier_list, "list the carriers' addresses", no_args, VERB_READS},
    {"carrier", "remove", ctl_carrier_remove, "accept them no more", carrier_remove, 0},
    {"gateway", "add", ctl_gateway_add, "add a gateway that takes outgoing calls, or change it", gateway_add, 0},
    {"gateway", "route", ctl_gateway_route, "send prefixes to a gateway", gateway_route, 0},
    {"gateway", "list", ctl_gateway_list, "list the gateways and their prefixes", gateway_list, VERB_READS},
    {"gateway", "remove", ctl_gateway_remove, "remove a gateway and its routes", gateway_remove, 0},
    {"rate", "set", ctl_rate_set, "price a dialled prefix", rate_set, 0},
    {"rate", "import", ctl_rate_import, "price many prefixes", rate_import, 0},
    {"rate", "list", ctl_rate_list, "list the prices", rate_list, VERB_READS},
    {"grant", "", ctl_trunk_grant, "set what a trunk may use", trunk_grant, 0},
    {"trunk", "list", ctl_trunk_list, "list an account's trunks", account_only, VERB_READS},
    {"number", "show", ctl_number_show, "show whose a number is and where it goes, or its stock", number_show, VERB_READS},
    {"number", "cancel", ctl_number_cancel, "take a number out of service; it rests, then is free again", number_cancel, 0},
    {"call", "list", ctl_call_list, "list live calls", call_list, VERB_READS},
    {"call", "show", ctl_call_show, "show a live call", call_show, VERB_READS},
    {"call", "kill", ctl_call_kill, "end a live call with a BYE to both sides", call_show, 0},
    {"trace", "start", ctl_trace_start, "keep the messages of calls from now on", trace_start, 0},
    {"trace", "stop", ctl_trace_stop, "end a trace; what it has can be got on", trace_stop, 0},
    {"trace", "list", ctl_trace_list, "list the traces", no_args, VERB_READS},
    {"trace", "get", ctl_trace_get, "write a call's messages to a pcap file", trace_get, VERB_READS},
    {"trace", "show", ctl_trace_show, "show a call's messages as a ladder", trace_show, VERB_READS},
    {"cdr", "list", ctl_cdr_list, "list an account's latest calls", cdr_list, VERB_READS},
    {"tap", "list", ctl_tap_list, "list an account's calls that sipmod --tap saw", cdr_list, VERB_READS},
    {"tap", "compare", ctl_tap_compare, "compare them with its CDRs, or with those of another system", tap_compare, VERB_READS},
    {"tap", "clear", ctl_tap_clear, "forget them", account_only, 0},
    {"watch", "", ctl_watch, "print calls, changes of trunks and of health as they happen", watch, VERB_READS | VERB_ANY_SCHEMA},
    {"top", "", ctl_top, "show live what goes on: calls, limits, next hops, gateways", top, VERB_READS | VERB_ANY_SCHEMA},
    {"order", "list", ctl_order_list, "list an account's orders", account_only, VERB_READS},
    {"order", "show", ctl_order_show, "show an order with its numbers", order_show, VERB_READS},
    {"order", "cancel", ctl_order_cancel, "cancel an order that is not paid, and free its numbers", order_show, 0},
    {"lnp", "coverage import", ctl_coverage_import, "say what can be ported in", coverage_import, 0},
    {"lnp", "coverage list", ctl_coverage_list, "list what can be ported in", no_args, VERB_READS},
    {"lnp", "coverage remove", ctl_coverage_remove, "port it in no more", coverage_remove, 0},
    {"port", "list", ctl_port_list, "list port-in orders", port_list, VERB_READS},
    {"port", "show", ctl_port_show, "show a port-in order with its numbers and history", port_show, VERB_READS},
    {"port", "reasons", ctl_port_reasons, "list the codes of reasons", no_args, VERB_READS},
    {"port", "set", ctl_port_set, "correct what a port-in order says", port_set, 0},
    {"port", "submit", ctl_port_submit, "note that it went to the losing carrier", port_submit, 0},
    {"port", "exception", ctl_port_except, "note that something is wrong with it", port_except, 0},
    {"port", "foc", ctl_port_foc, "set the date that the losing carrier committed to", port_foc, 0},
    {"port", "complete", ctl_port_complete, "switch its numbers now", port_show, 0},
    {"port", "cancel", ctl_port_cancel, "cancel it and pay it back", port_cancel, 0},
    {"port", "reject", ctl_port_reject, "refuse it and pay it back", port_except, 0},
    {"payment", "list", ctl_payment_list, "list an account's payments", account_only, VERB_READS},
    {"payment", "add", ctl_payment_add, "book a payment that has arrived", payment_add, 0},
    {"payment", "refund", ctl_payment_refund, "give a payment back, or a part of it", payment_refund, 0},
    {"payment", "cancel", ctl_payment_cancel, "take off a payment that did not last", payment_cancel, 0},
    {"fee", "run", ctl_fee_run, "book the monthly fees that are due", fee_run, 0},
    {"invoice", "make", ctl_invoice_make, "make a month's invoice", invoice_make_args, 0},
    {"invoice", "list", ctl_invoice_list, "list an account's invoices", account_only, VERB_READS},
    {"audit", "list", ctl_audit_list, "list who changed what, newest first", audit_list, VERB_READS},
    {"reconcile", "", ctl_reconcile, "compare slots, counters, CDRs and the ledger", reconcile, VERB_REPAIRS},
    {"schema", "load", ctl_schema_load, "put this release's functions in place of any other's", no_args, 0},
    {"schema", "show", ctl_schema_show, "show the schema that the server holds", no_args, VERB_READS | VERB_ANY_SCHEMA},
    {NULL, NULL, NULL, NULL, NULL, 0},
};

/* clang-format on */

/* How many words a verb's name takes: 0 when they are others. */
static size_t match_name(const char *name, char *const words[], size_t n)
{
    struct span rest = span_of(name), word;
    size_t used = 0;
    while (span_cut(&rest, ' ', &word)) {
        if (used == n || !span_eq(span_of(words[used]), word))
            return 0;
        used++;
    }
    return used;
}

const struct verb *ctl_verbs_find(char *const words[], size_t n, size_t *ret_words)
{
    for (const struct verb *v = ctl_verbs; v->noun; v++) {
        if (n == 0 || strcmp(v->noun, words[0]) != 0)
            continue;
        size_t used = match_name(v->name, words + 1, n - 1);
        if (v->name[0] == '\0' || used > 0) {
            *ret_words = 1 + used;
            return v;
        }
    }
    return NULL;
}

bool ctl_verbs_noun(const char *noun)
{
    for (const struct verb *v = ctl_verbs; v->noun; v++) {
        if (strcmp(v->noun, noun) == 0)
            return true;
    }
    return false;
}
