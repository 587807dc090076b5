"""The REST document's endpoints, written down by hand: what must never go away.

PARAMS: endpoint → parameters in order, the required ones with a star. REPLY: endpoint → keys of a
success; a dictionary holds the keys of the objects in a list. WRITES take POST alone.
"""

PARAMS = {
    "availabilitystate": "",
    "availabilitynpanxx": "state*",
    "searchdid": "state* NPANXX NPANXXYYYY",
    "searchtfn": "tfn_prefix*",
    "defineTrunk": "title* primaryTrunk* primaryPrefix primaryPort secondaryTrunk secondaryPrefix "
                   "secondaryPort billingType* sessions mou call_forwarding",
    "get_trunk": "tg_id",
    "update_trunk": "trunkid* title primaryTrunk primaryPrefix primaryPort secondaryTrunk "
                    "secondaryPrefix secondaryPort call_forwarding",
    "reserve": "category* state npanxx city tfn_prefix number*",
    "bulkreserve": "category* state npanxx city tfn_prefix quantity*",
    "remove_reserved": "reserveId* number",
    "getnumbers": "category status trunkId orderno",
    "updatenumber": "number* trunkId status",
    "gen_order": "trunk_id* reserveId*",
    "process_order": "orderId*",
    "check_lnp": "numbers*",
    "generate_lnp_order": "numbers* category* subscriberType* loaAuthorizingPerson* loa_doc* carrier_doc* "
                          "requestedFocDate wirelessAccountNumber wirelessPin",
    "get_new_orders": "orderId",
    "get_lnp_orders": "orderId",
    "did_stats": "number*",
    "daily_cdrs": "from to",
    "tg_stats": "tg_id*",
    "monthly_summary": "year* month",
    "defineTrunk_termination": "title* ipaddress* ports* cps",
    "get_trunk_termination": "tg_id",
    "disable_trunk_termination": "tg_id*",
    "daily_cdrs_termination": "from to",
    "tg_stats_termination": "tg_id*",
    "monthly_summary_termination": "year* month",
    "get_invoices": "from to",
    "financial_summary": "activitytype",
    "get_payments": "referenceno from to method",
    "make_payment": "firstname* lastname* cardnumber* expmonth* expyear* address address2 state city "
                    "zipcode cvv*",
}

_STATS = "accountno number processed completed acd asr mou peak"
_MONTH = "accountno number month processed completed acd asr mou peak"
_COST = "date amount per_order_cost taxes other_charges discount tg_id orderType didCategory didType sessions status"
_PORT = (_COST + " requestedFocDate actualFocDate billingNumber loaAuthorizingPerson numbers subscriberType "
         "subscriberFirstName subscriberLastName addressHouseNumber addressStreetName addressStreetSuffix "
         "addressCity addressStateCode addressZip losingCarrierName lastModifiedDate lastModifiedBy "
         "immediately triggered loa carrier_doc")

REPLY = {
    "availabilitystate": "data",
    "availabilitynpanxx": {"data": "NPANXX NPA RateCenter"},
    "searchdid": {"DIDs": "TN statusid"},
    "searchtfn": {"TFNs": "TN statusid"},
    "defineTrunk": "success",
    "get_trunk": {"data": "id accountno title primaryIP primaryPort prefix_1 secondaryIP secondaryPort "
                          "prefix_2 date req_sessions alloc_sessions status"},
    "update_trunk": "trunkid success",
    "reserve": "reserveId TNs",
    "bulkreserve": "reserveId TNs",
    "remove_reserved": ["Removed TNs", "TNs not available"],
    "getnumbers": {"data": "didnumber trunkGroup prefix1 trunkGroup2 prefix2 didRate didType orderType "
                           "status cnam"},
    "updatenumber": "success",
    "gen_order": f"success orderId {_COST} numbers",
    "process_order": "success orderId",
    "check_lnp": "accepted rejected",
    "generate_lnp_order": f"success orderNo {_COST} acceptedTns",
    "get_new_orders": {"Orders": f"orderno accountno {_COST} numbers"},
    "get_lnp_orders": {"Orders": f"orderno accountno {_PORT}"},
    "did_stats": {"data": _STATS},
    "daily_cdrs": {"data": "date success failed"},
    "tg_stats": {"data": _STATS},
    "monthly_summary": {"data": _MONTH},
    "defineTrunk_termination": "success",
    "get_trunk_termination": {"data": "id accountno ipaddress ports cps ports_assigned cps_assigned config status"},
    "disable_trunk_termination": ["Removed TNs"],
    "daily_cdrs_termination": {"data": "date success failed"},
    "tg_stats_termination": {"data": _STATS},
    "monthly_summary_termination": {"data": _MONTH},
    "get_invoices": {"data": "date file"},
    "financial_summary": {"data": "accountno date activity debit credit balance"},
    "get_payments": {"data": "accountno date referenceno funded_amount charges amount method status"},
    "make_payment": "success",
}

WRITES = {"defineTrunk", "update_trunk", "reserve", "bulkreserve", "remove_reserved", "updatenumber", "gen_order",
          "process_order", "generate_lnp_order", "defineTrunk_termination", "disable_trunk_termination",
          "make_payment"}

BILLING = {"get_invoices", "financial_summary", "get_payments", "make_payment"}


def scope(endpoint):
    """What a token needs for it."""
    return "billing" if endpoint in BILLING else "write" if endpoint in WRITES else "read"


def required(endpoint):
    return [p.rstrip("*") for p in PARAMS[endpoint].split() if p.endswith("*")]


def names(endpoint):
    return [p.rstrip("*") for p in PARAMS[endpoint].split()]


def _words(keys):
    return keys.split() if isinstance(keys, str) else keys


def check_reply(endpoint, reply):
    """A success that has every documented key, and texts everywhere but in lists."""
    reply.good()
    keys = REPLY[endpoint]
    for key in keys if isinstance(keys, dict) else _words(keys):
        assert key in reply.data, f"{endpoint}: no {key!r} in {reply!r}"
    if isinstance(keys, dict):
        (key, inner), = keys.items()
        for entry in reply[key]:
            missing = [k for k in inner.split() if k not in entry]
            assert not missing, f"{endpoint}: no {missing} in {entry!r}"
    _check_texts(reply.data)
    return reply


def _check_texts(value, key=None):
    if isinstance(value, dict):
        for k, v in value.items():
            _check_texts(v, k)
    elif isinstance(value, list):
        for v in value:
            _check_texts(v, key)
    elif key in ("immediately", "triggered"):
        assert isinstance(value, bool)
    else:
        assert isinstance(value, str), f"{key}: {value!r} is no text"
