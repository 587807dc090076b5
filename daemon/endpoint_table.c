/* The 32 endpoints of the REST document, in its order. */
#include "op.h"

#define MUST true
#define MAY  false

/* name, required, doc; or with a range before the doc. */
#define P(name_, type_, required_, doc_)                                                           \
    {                                                                                              \
        .name = name_, .type = PARAM_##type_, .required = required_, .doc = doc_                   \
    }
#define RANGE(name_, type_, required_, min_, max_, doc_)                                           \
    {                                                                                              \
        .name = name_, .type = PARAM_##type_, .required = required_, .min = min_, .max = max_,     \
        .doc = doc_                                                                                \
    }
#define CHOICE(name_, required_, choices_, doc_)                                                   \
    {                                                                                              \
        .name = name_, .type = PARAM_CHOICE, .required = required_, .choices = choices_,           \
        .doc = doc_                                                                                \
    }
#define ADDED(name_, type_, min_, max_, doc_)                                                      \
    {                                                                                              \
        .name = name_, .type = PARAM_##type_, .min = min_, .max = max_, .doc = doc_, .added = doc_ \
    }
#define SECRET(name_, type_, required_, min_, max_, doc_)                                          \
    {                                                                                              \
        .name = name_, .type = PARAM_##type_, .required = required_, .min = min_, .max = max_,     \
        .doc = doc_, .secret = true                                                                \
    }
#define TEXT(name_, required_, max_, doc_) RANGE(name_, TEXT, required_, 1, max_, doc_)
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }
#define PARAMS(...)                                                                                \
    (const struct param[])                                                                         \
    {                                                                                              \
        __VA_ARGS__, END                                                                           \
    }
#define NO_PARAMS                                                                                  \
    (const struct param[])                                                                         \
    {                                                                                              \
        END                                                                                        \
    }

#define PAGING                                                                                     \
    ADDED("limit", COUNT, 1, 10000, "Most entries in the reply; asking for it adds `total`."),     \
        ADDED("offset", COUNT, 0, 1000000000, "Entries to leave out first; adds `total`.")
#define CATEGORY(required_)                                                                        \
    CHOICE("category", required_, "landline|tollfree", "Kind of number; any case.")
#define FROM_TO                                                                                    \
    P("from", DATE, MAY, "First day or moment, inclusive."),                                       \
        P("to", DATE, MAY, "Last day or moment, inclusive.")
#define TRUNK_ROUTE(required_)                                                                     \
    TEXT("title", required_, 64, "Name of the trunk group."),                                      \
        P("primaryTrunk", IP, required_, "Address that calls are sent to first."),                 \
        RANGE("primaryPrefix", DIGITS, MAY, 4, 6, "Digits put before the number."),                \
        RANGE("primaryPort", COUNT, MAY, 1, 65535, "Port; default 5060."),                         \
        P("secondaryTrunk", IP, MAY, "Address that calls are sent to when the first fails."),      \
        RANGE("secondaryPrefix", DIGITS, MAY, 4, 6, "Digits put before the number."),              \
        RANGE("secondaryPort", COUNT, MAY, 1, 65535, "Port; default 5060.")
#define STATS_KEYS "accountno number processed completed acd asr mou peak"
#define STATS_DOC                                                                                  \
    " `processed` counts attempts, `completed` answered calls, `acd` is answered seconds per "     \
    "answered call with one decimal, `asr` the share of answered calls as \"NN%\", `mou` billed "  \
    "minutes with up to two decimals, `peak` the most calls at once."
#define ORDER_KEYS                                                                                 \
    "date amount per_order_cost taxes other_charges discount tg_id orderType didCategory didType " \
    "sessions"
#define PORT_KEYS                                                                                  \
    " requestedFocDate actualFocDate billingNumber loaAuthorizingPerson numbers[] subscriberType " \
    "subscriberFirstName subscriberLastName addressHouseNumber addressStreetName "                 \
    "addressStreetSuffix addressCity addressStateCode addressZip losingCarrierName "               \
    "lastModifiedDate lastModifiedBy immediately? triggered? loa carrier_doc +processingStatus "   \
    "+reasonCode +reason +respOrgId"

static const char orig[] = "Origination", term[] = "Termination", bill[] = "Billing";

#define ACTIVITIES                                                                                 \
    "All Activity|Test Call Credit|Bank Transfer|Bank Fee|Paypal Transfer|Paypal Fee|"             \
    "USF Tax Deduction|Payment Cancelled|Payment Refund|Call Charges|Order (New DIDs)|"            \
    "Order (LNP)|Credit Card|Credit Card Fee"

/* clang-format off */
const struct endpoint endpoints[] = {
{"availabilitystate", orig, "State availability",
 "States and provinces with at least one free landline number, sorted.",
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_states, NO_PARAMS, "data[]", ENDPOINT_KEPT_NOT},

{"availabilitynpanxx", orig, "NPANXX availability",
 "Blocks of a state with at least one free number.",
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_blocks,
 PARAMS(P("state", STATE, MUST, "State or province."), PAGING),
 "data[{ NPANXX NPA RateCenter +available }] ~total", ENDPOINT_KEPT_STATE},

{"searchdid", orig, "DID availability",
 "Free numbers of a state in ascending order.",
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_search_did,
 PARAMS(P("state", STATE, MUST, "State or province."),
        P("NPANXX", BLOCK, MAY, "Only this block."),
        P("NPANXXYYYY", PHONE, MAY, "Only this number."),
        ADDED("ratecenter", TEXT, 1, 60, "Only this rate centre; any case."),
        ADDED("city", TEXT, 1, 60, "Only this city; any case."), PAGING),
 "DIDs[{ TN statusid +NPANXX +RateCenter +category }] ~total", ENDPOINT_KEPT_STATE},

{"searchtfn", orig, "TFN availability",
 "Free toll-free numbers of a code in ascending order.",
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_search_tfn,
 PARAMS(RANGE("tfn_prefix", DIGITS, MUST, 3, 3, "Toll-free code, e.g. 866."), PAGING),
 "TFNs[{ TN statusid +category }] ~total", ENDPOINT_KEPT_TOLLFREE},

{"defineTrunk", orig, "Define trunk group",
 "Creates a trunk group for calls to your numbers.",
 ENDPOINT_WRITE, ENDPOINT_SCOPE_WRITE, op_trunk_define,
 PARAMS(TRUNK_ROUTE(MUST),
        CHOICE("billingType", MUST, "Metered|Unmetered", "How calls are charged."),
        RANGE("sessions", COUNT, MAY, 1, 100000, "Calls at once; required if Unmetered."),
        RANGE("mou", MINUTES, MAY, 1, 1000000000, "Minutes a month."),
        P("call_forwarding", PHONE, MAY, "Number to call when both addresses fail.")),
 "success +tg_id", ENDPOINT_KEPT_NOT},

{"get_trunk", orig, "Get trunk groups",
 "All trunk groups for calls to your numbers, or one.",
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_trunk_get,
 PARAMS(P("tg_id", ID, MAY, "Only this trunk group."), PAGING),
 "data[{ id accountno title primaryIP primaryPort prefix_1 secondaryIP secondaryPort prefix_2 date "
 "req_sessions alloc_sessions status +billingType +mou +call_forwarding }] ~total", ENDPOINT_KEPT_ACCOUNT},

{"update_trunk", orig, "Update trunk group",
 "Changes what is given and leaves the rest. An empty value clears an optional field. Calls under "
 "way are untouched.",
 ENDPOINT_WRITE, ENDPOINT_SCOPE_WRITE, op_trunk_update,
 PARAMS(P("trunkid", ID, MUST, "The trunk group."), TRUNK_ROUTE(MAY),
        P("call_forwarding", PHONE, MAY, "Number to call when both addresses fail.")),
 "trunkid success", ENDPOINT_KEPT_NOT},

{"reserve", orig, "Reserve numbers",
 "Holds numbers in the cart of their category; all of them or none.",
 ENDPOINT_WRITE, ENDPOINT_SCOPE_WRITE, op_reserve,
 PARAMS(CATEGORY(MUST),
        P("state", STATE, MAY, "State of the numbers; required for landline."),
        P("npanxx", BLOCK, MAY, "Block of the numbers."),
        TEXT("city", MAY, 60, "City of the numbers."),
        RANGE("tfn_prefix", DIGITS, MAY, 3, 3, "Toll-free code; required for tollfree."),
        P("number", PHONES, MUST, "Numbers to hold.")),
 "reserveId TNs[] +numbers[] +expires", ENDPOINT_KEPT_NOT},

{"bulkreserve", orig, "Reserve numbers in bulk",
 "Holds the first free numbers in ascending order; fewer than asked when there are not so many.",
 ENDPOINT_WRITE, ENDPOINT_SCOPE_WRITE, op_bulk_reserve,
 PARAMS(CATEGORY(MUST),
        P("state", STATE, MAY, "State or province; landline needs this or a block."),
        P("npanxx", BLOCK, MAY, "Block of the numbers; without one they are of all the state."),
        TEXT("city", MAY, 60, "City of the numbers."),
        RANGE("tfn_prefix", DIGITS, MAY, 3, 3, "Toll-free code; required for tollfree."),
        RANGE("quantity", COUNT, MUST, 1, 1000, "How many.")),
 "reserveId TNs[] +numbers[] +expires +requested", ENDPOINT_KEPT_NOT},

{"remove_reserved", orig, "Remove reserved numbers",
 "Takes numbers out of a cart, all of them when none is named.",
 ENDPOINT_WRITE, ENDPOINT_SCOPE_WRITE, op_cart_remove,
 PARAMS(P("reserveId", ID, MUST, "The cart."), P("number", PHONES, MAY, "Numbers to remove.")),
 "'Removed TNs'[] 'TNs not available'[] +removed[] +notAvailable[]", ENDPOINT_KEPT_NOT},

{"getnumbers", orig, "Get my numbers",
 "The account's numbers.",
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_numbers,
 PARAMS(CATEGORY(MAY),
        CHOICE("status", MAY, "0|1|2", "1 active, 0 inactive, 2 cancelled."),
        P("trunkId", ID, MAY, "Only numbers of this trunk group."),
        P("orderno", ID, MAY, "Only numbers of this order."), PAGING),
 "data[{ didnumber trunkGroup prefix1 trunkGroup2 prefix2 didRate didType orderType status cnam "
 "+trunkId +orderno +category }] ~total", ENDPOINT_KEPT_ACCOUNT},

{"updatenumber", orig, "Update my numbers",
 "Changes trunk group, status or caller name of numbers; all of them or none. Status 2 is final.",
 ENDPOINT_WRITE, ENDPOINT_SCOPE_WRITE, op_number_update,
 PARAMS(P("number", PHONES, MUST, "The numbers."),
        P("trunkId", ID, MAY, "Trunk group that takes their calls."),
        CHOICE("status", MAY, "0|1|2", "1 active, 0 inactive, 2 cancel."),
        ADDED("cnam", TEXT, 1, 15, "Caller name, printable ASCII; `-` clears it.")),
 "success", ENDPOINT_KEPT_NOT},

{"gen_order", orig, "Generate DID/TFN order",
 "Turns a cart into an order; its hold becomes the order's.",
 ENDPOINT_WRITE, ENDPOINT_SCOPE_WRITE, op_order_generate,
 PARAMS(P("trunk_id", ID, MUST, "Trunk group for the numbers."),
        P("reserveId", ID, MUST, "The cart.")),
 "success orderId " ORDER_KEYS " +orderStatus numbers[]", ENDPOINT_KEPT_NOT},

{"process_order", orig, "Process DID order",
 "Debits the order's amount once and assigns all its numbers. Repeating it answers the same.",
 ENDPOINT_WRITE, ENDPOINT_SCOPE_WRITE, op_order_process, PARAMS(P("orderId", ID, MUST, "The order.")),
 "success orderId", ENDPOINT_KEPT_NOT},

{"check_lnp", orig, "Check DID portability",
 "Which numbers can be ported in.",
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_port_check, PARAMS(P("numbers", PHONES, MUST, "The numbers.")),
 "accepted[] rejected[] +reasons[{ number reason }]", ENDPOINT_KEPT_NOT},

{"generate_lnp_order", orig, "Generate LNP order",
 "Orders the port-in of the numbers that are accepted, and debits the order's amount.",
 ENDPOINT_WRITE, ENDPOINT_SCOPE_WRITE, op_port_generate,
 PARAMS(P("numbers", PHONES, MUST, "The numbers."), CATEGORY(MUST),
        CHOICE("subscriberType", MUST, "residential|business", "Kind of subscriber."),
        TEXT("loaAuthorizingPerson", MUST, 100, "First and last name of who authorized the LOA."),
        P("loa_doc", FILE, MUST,
          "Letter of authorization: PDF, TIFF, PNG or JPEG, at most 10 MB; ZIP for several."),
        P("carrier_doc", FILE, MUST, "Bill or record of the losing carrier: as loa_doc."),
        P("requestedFocDate", DATE, MAY,
          "Wished transfer date, a business day in Eastern time; empty: the earliest."),
        SECRET("wirelessAccountNumber", TEXT, MAY, 1, 50, "Account number at the wireless carrier."),
        SECRET("wirelessPin", TEXT, MAY, 1, 50, "PIN at the wireless carrier."),
        ADDED("tg_id", ID, 0, 0, "Trunk group for the numbers; default the first."),
        ADDED("respOrgId", TEXT, 5, 5, "Losing RespOrg of toll-free numbers, e.g. ATX01."),
        ADDED("billingNumber", PHONE, 0, 0, "Billing number; default the first."),
        ADDED("subscriberFirstName", TEXT, 1, 100, "First name."),
        ADDED("subscriberLastName", TEXT, 1, 100, "Last name."),
        ADDED("addressHouseNumber", TEXT, 1, 20, "House number."),
        ADDED("addressStreetName", TEXT, 1, 100, "Street."),
        ADDED("addressStreetSuffix", TEXT, 1, 20, "Street suffix."),
        ADDED("addressCity", TEXT, 1, 60, "City."),
        ADDED("addressStateCode", STATE, 0, 0, "State."),
        ADDED("addressZip", TEXT, 1, 10, "ZIP code."),
        ADDED("losingCarrierName", TEXT, 1, 100, "Losing carrier.")),
 "success orderNo " ORDER_KEYS " +orderStatus acceptedTns[] +rejectedTns[] "
 "+reasons[{ number reason }] +requestedFocDate +processingStatus", ENDPOINT_KEPT_NOT},

{"get_new_orders", orig, "Get new orders",
 "All orders of new numbers, or one.",
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_orders, PARAMS(P("orderId", ID, MAY, "Only this order."), PAGING),
 "Orders[{ orderno accountno " ORDER_KEYS " status numbers[] }] ~total", ENDPOINT_KEPT_NOT},

{"get_lnp_orders", orig, "Get LNP orders",
 "All port-in orders, or one.",
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_port_list, PARAMS(P("orderId", ID, MAY, "Only this order."), PAGING),
 "Orders[{ orderno accountno " ORDER_KEYS " status" PORT_KEYS " }] ~total", ENDPOINT_KEPT_NOT},

{"did_stats", orig, "DID/TFN statistics",
 "Statistics of numbers, all time." STATS_DOC,
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_stats_did, PARAMS(P("number", PHONES, MUST, "The numbers.")),
 "data[{ " STATS_KEYS " }]", ENDPOINT_KEPT_STATS},

{"daily_cdrs", orig, "Daily call records",
 "Links to CSV files of calls to your numbers by day (UTC, of their end), newest first: answered "
 "calls and others. Without `to` up to today, without `from` the 30 days up to then. A file that "
 "is not there is an empty text.",
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_daily, PARAMS(FROM_TO, PAGING), "data[{ date success failed }] ~total", ENDPOINT_KEPT_NOT},

{"tg_stats", orig, "Trunk group statistics",
 "Statistics of trunk groups, all time; `number` carries the trunk group's id." STATS_DOC,
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_stats_trunk, PARAMS(P("tg_id", IDS, MUST, "The trunk groups.")),
 "data[{ " STATS_KEYS " +tg_id }]", ENDPOINT_KEPT_NOT},

{"monthly_summary", orig, "Monthly summary",
 "Statistics of numbers by month." STATS_DOC,
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_months,
 PARAMS(RANGE("year", COUNT, MUST, 2000, 2199, "The year."),
        RANGE("month", COUNT, MAY, 1, 12, "Only this month."), PAGING),
 "data[{ accountno number month processed completed acd asr mou peak }] ~total", ENDPOINT_KEPT_NOT},

{"defineTrunk_termination", term, "Define trunk group",
 "Creates a trunk group for calls that you send; its address authenticates them.",
 ENDPOINT_WRITE, ENDPOINT_SCOPE_WRITE, op_term_define,
 PARAMS(TEXT("title", MUST, 64, "Name of the trunk group."),
        P("ipaddress", IP, MUST, "Address that the calls come from."),
        RANGE("ports", COUNT, MUST, 1, 1000, "Calls at once."),
        RANGE("cps", COUNT, MAY, 1, 1000, "Calls a second.")),
 "success +tg_id", ENDPOINT_KEPT_NOT},

{"get_trunk_termination", term, "Get trunk groups",
 "All trunk groups for calls that you send, or one.",
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_term_get, PARAMS(P("tg_id", ID, MAY, "Only this trunk group."), PAGING),
 "data[{ id accountno +title ipaddress ports cps ports_assigned cps_assigned config status }] "
 "~total", ENDPOINT_KEPT_ACCOUNT},

{"disable_trunk_termination", term, "Disable trunk group",
 "Refuses further calls of a trunk group and frees its address.",
 ENDPOINT_WRITE, ENDPOINT_SCOPE_WRITE, op_term_disable, PARAMS(P("tg_id", ID, MUST, "The trunk group.")),
 "'Removed TNs'", ENDPOINT_KEPT_NOT},

{"daily_cdrs_termination", term, "Daily call records",
 "Links to CSV files of calls that you sent by day (UTC, of their end), newest first: answered "
 "calls and others. Without `to` up to today, without `from` the 30 days up to then. A file that "
 "is not there is an empty text.",
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_daily_term, PARAMS(FROM_TO, PAGING), "data[{ date success failed }] ~total", ENDPOINT_KEPT_NOT},

{"tg_stats_termination", term, "Trunk group statistics",
 "Statistics of trunk groups, all time; `number` carries the trunk group's id." STATS_DOC,
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_stats_term, PARAMS(P("tg_id", IDS, MUST, "The trunk groups.")),
 "data[{ " STATS_KEYS " +tg_id }]", ENDPOINT_KEPT_NOT},

{"monthly_summary_termination", term, "Monthly summary",
 "Statistics of trunk groups by month." STATS_DOC,
 ENDPOINT_READ, ENDPOINT_SCOPE_READ, op_months_term,
 PARAMS(RANGE("year", COUNT, MUST, 2000, 2199, "The year."),
        RANGE("month", COUNT, MAY, 1, 12, "Only this month."), PAGING),
 "data[{ accountno number month processed completed acd asr mou peak }] ~total", ENDPOINT_KEPT_NOT},

{"get_invoices", bill, "Get invoices",
 "Links to invoices as PDF, oldest first.",
 ENDPOINT_READ, ENDPOINT_SCOPE_BILLING, op_invoices, PARAMS(FROM_TO, PAGING), "data[{ date file }] ~total", ENDPOINT_KEPT_NOT},

{"financial_summary", bill, "Financial summary",
 "All bookings with the balance after each, oldest first.",
 ENDPOINT_READ, ENDPOINT_SCOPE_BILLING, op_financial,
 PARAMS(CHOICE("activitytype", MAY, ACTIVITIES, "Only this activity."), PAGING),
 "data[{ accountno date activity debit credit balance }] ~total", ENDPOINT_KEPT_NOT},

{"get_payments", bill, "Get payment details",
 "Payments and their status: 1 done, 0 pending, 2 failed.",
 ENDPOINT_READ, ENDPOINT_SCOPE_BILLING, op_payments,
 PARAMS(TEXT("referenceno", MAY, 100, "Only this payment."), FROM_TO,
        CHOICE("method", MAY, "Paypal|Bank|Credit Card", "Only this way of payment."), PAGING),
 "data[{ accountno date referenceno funded_amount charges amount method status }] ~total", ENDPOINT_KEPT_NOT},

{"make_payment", bill, "Make payment",
 "Charges a card and credits the account with the charge less the Credit Card Fee. The same "
 "submission again is charged once: with the same Idempotency-Key within 24 hours; without one the "
 "same card and amount within ten minutes. Test cards of sandbox accounts: 4242424242424242 "
 "approved, 4000000000000002 declined, 4000000000009995 insufficient funds, 4000000000000069 "
 "expired, 4000000000000119 slow, 4000000000000341 drops the connection after charging.",
 ENDPOINT_PAY, ENDPOINT_SCOPE_BILLING, op_pay,
 PARAMS(SECRET("firstname", TEXT, MUST, 1, 100, "First name."), SECRET("lastname", TEXT, MUST, 1, 100, "Last name."),
        SECRET("cardnumber", DIGITS, MUST, 12, 19, "Card number."),
        SECRET("expmonth", COUNT, MUST, 1, 12, "Month of expiry."),
        SECRET("expyear", DIGITS, MUST, 2, 4, "Year of expiry, two or four digits."),
        SECRET("address", TEXT, MAY, 1, 100, "Street address."), SECRET("address2", TEXT, MAY, 1, 100, "Second line."),
        SECRET("state", STATE, MAY, 0, 0, "State or province."), SECRET("city", TEXT, MAY, 1, 60, "City."),
        SECRET("zipcode", TEXT, MAY, 1, 10, "ZIP code."),
        SECRET("cvv", DIGITS, MUST, 3, 4, "Security code."),
        ADDED("amount", MONEY, 1, 1000000000, "Amount in dollars; default the configured top-up.")),
 "success +referenceno", ENDPOINT_KEPT_NOT},
};
/* clang-format on */

const size_t endpoint_count = sizeof(endpoints) / sizeof(*endpoints);
_Static_assert(sizeof(endpoints) / sizeof(*endpoints) == 32, "the document has 32 endpoints");
