"""One valid request for each endpoint, to be bent by the tests; and bad values by parameter."""

PDF = ("loa.pdf", "application/pdf", b"%PDF-1.4\n")

GOOD = {
    "availabilitystate": {},
    "availabilitynpanxx": {"state": "WA"},
    "searchdid": {"state": "WA", "NPANXX": "206219", "NPANXXYYYY": "2062190001"},
    "searchtfn": {"tfn_prefix": "800"},
    "defineTrunk": {"title": "t", "primaryTrunk": "127.0.0.3", "primaryPrefix": "5555", "primaryPort": "5061",
                    "secondaryTrunk": "127.0.0.4", "secondaryPrefix": "001234", "secondaryPort": "5062",
                    "billingType": "Unmetered", "sessions": "5", "mou": "Unlimited",
                    "call_forwarding": "12062190009"},
    "get_trunk": {},
    "update_trunk": {"trunkid": "@trunk"},
    "reserve": {"category": "landline", "state": "WA", "number": "2062190002"},
    "bulkreserve": {"category": "landline", "state": "WA", "quantity": "2"},
    "remove_reserved": {"reserveId": "@removable"},
    "getnumbers": {},
    "updatenumber": {"number": "@number"},
    "gen_order": {"trunk_id": "@trunk", "reserveId": "@cart"},
    "process_order": {"orderId": "@order"},
    "check_lnp": {"numbers": "2062190001"},
    "generate_lnp_order": {"numbers": "2062190001", "category": "landline", "subscriberType": "business",
                           "loaAuthorizingPerson": "A B", "loa_doc": PDF, "carrier_doc": PDF},
    "get_new_orders": {},
    "get_lnp_orders": {},
    "did_stats": {"number": "@number"},
    "daily_cdrs": {},
    "tg_stats": {"tg_id": "@trunk"},
    "monthly_summary": {"year": "2026"},
    "defineTrunk_termination": {"title": "t", "ipaddress": "127.0.9.9", "ports": "10", "cps": "5"},
    "get_trunk_termination": {},
    "disable_trunk_termination": {"tg_id": "@term"},
    "daily_cdrs_termination": {},
    "tg_stats_termination": {"tg_id": "@term"},
    "monthly_summary_termination": {"year": "2026"},
    "get_invoices": {},
    "financial_summary": {},
    "get_payments": {},
    "make_payment": {"firstname": "A", "lastname": "B", "cardnumber": "4111111111111111", "expmonth": "12",
                     "expyear": "2030", "cvv": "012"},
}

_NUMBER = ["206219000", "20621900011", "1062190001", "2060190001", "206911000x", "2119190001", "2062110001",
           "0x7ae5", "+442071234567", "206-219-0001", "２０６２１９０００１"]
_LIST = _NUMBER + ["2062190001,", ",2062190001", "2062190001,,2062190002", "2062190001;2062190002",
                   ",".join(["2062190001"] * 1001)]
_ID = ["0", "-1", "+1", "1.0", "1e3", "0x1", "abc", "1 ", " 1", "9" * 13, "99999999999999999999", "1;2"]
_IP = ["1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4:5060", "host.example", "1.2.3.4 ", "::g", "0.0.0.0",
       "224.0.0.1", "255.255.255.255", "fe80::1%eth0", "::", "ff02::1", "0x7f.1", "2130706433"]
_PORT = ["0", "65536", "-5060", "5060x", "5060.0", "99999999999999999999"]
_PREFIX = ["123", "1234567", "12a4", "+1234", "-1234", "12 34"]
_STATE = ["W", "WAA", "XX", "W1", "Washington", "🙂"]
_BLOCK = ["20621", "2062190", "106219", "206019", "206911", "2O6219", "911555"]
_DATE = ["2026-13-01", "2026-02-30", "26-01-01", "01/02/2026", "2026-01-01T00:00:00+01:00", "now"]
_TEXT = ["x" * 300, "   "]

BAD = {
    "state": _STATE,
    "NPANXX": _BLOCK, "npanxx": _BLOCK,
    "NPANXXYYYY": _NUMBER,
    "tfn_prefix": ["80", "8000", "80O", "801", "900", "-80", "8.0"],
    "title": _TEXT,
    "primaryTrunk": _IP, "secondaryTrunk": _IP, "ipaddress": _IP,
    "primaryPrefix": _PREFIX, "secondaryPrefix": _PREFIX,
    "primaryPort": _PORT, "secondaryPort": _PORT,
    "billingType": ["Flat", "Metered,Unmetered", "1", "metered "],
    "sessions": ["0", "-1", "1.5", "100001", "many", "99999999999999999999"],
    "mou": ["-1", "Unlimited!", "1.5", "0", "99999999999999999999"],
    "call_forwarding": _NUMBER,
    "tg_id": _ID, "trunkid": _ID, "trunkId": _ID, "trunk_id": _ID, "reserveId": _ID, "orderId": _ID, "orderno": _ID,
    "category": ["mobile", "landlines", "0", "landline,tollfree"],
    "city": _TEXT, "number": _LIST, "numbers": _LIST,
    "quantity": ["0", "1001", "-1", "ten", "1.0"],
    "status": ["3", "-1", "Active", "01", "1.0"],
    "subscriberType": ["private", "1"],
    "loaAuthorizingPerson": _TEXT, "wirelessAccountNumber": _TEXT, "wirelessPin": _TEXT,
    "requestedFocDate": _DATE, "from": _DATE, "to": _DATE,
    "year": ["15", "1999", "20x6", "-2026", "2200"],
    "month": ["0", "13", "Jan", "-1"],
    "ports": ["0", "1001", "-1", "1.5", "many", "4294967297"],
    "cps": ["0", "1001", "-1", "x"],
    "activitytype": ["Fees", "All"],
    "referenceno": _TEXT,
    "method": ["Cash", "PaypalX"],
    "firstname": _TEXT, "lastname": _TEXT, "address": _TEXT, "address2": _TEXT, "zipcode": _TEXT,
    "cardnumber": ["4111", "4111 1111 1111 1111", "4111-1111-1111-1111", "9" * 20, "x" * 16],
    "expmonth": ["0", "13", "x"], "expyear": ["-1", "10000", "x"], "cvv": ["12", "12345", "1a3"],
    "loa_doc": ["text"], "carrier_doc": ["text"],
}
# Ids are lists of trunks in the statistics.
BAD_LISTS = {("tg_stats", "tg_id"), ("tg_stats_termination", "tg_id")}
