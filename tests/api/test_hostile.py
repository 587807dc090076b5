"""Every parameter of every endpoint, as the OpenAPI document lists them, against what a stranger sends: a refusal
that names the parameter, or a text kept as it is; never a 500. And another account's things stay out of reach."""

import pytest

from document import PARAMS, REPLY
from good import BAD, GOOD, PDF
from harness import Stack
from port_client import PORTLAND, load_coverage, port

ATTACKS = {
    "length": ["x" * 300, "1" * 300, "é" * 300, "9" * 20, "00000000000000000000001"],
    "number": ["-1", "-0", "+5", "−5", "1e3", "0x10", "NaN", "Infinity", "18446744073709551617", "1,000"],
    "type": ["true", "null", "undefined", "[]", "{}", "[object Object]", '"1"'],
    "unicode": ["٣٤٥", "２０６", "1\u0301",
                "\u202e1", "\ufeff1", "\u200b1", "1\u00a0", "🙂", "ß", "\U0010ffff"],
    "control": ["1\0", "\0", "1\r\n", "1\t", "\x1b[2J", "\x7f", "\x85", "1\u2028", "\u2029"],
    "sql": ["1 OR 1=1", "1' OR '1'='1", "'; DROP TABLE numbers;--", "1) UNION SELECT 1--", "\\'"],
    "sheet": ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", "=HYPERLINK(\"http://x\")"],
    "path": ["../../etc/passwd", "..\\..\\x", "/etc/passwd", "%2e%2e%2f", "file:///etc/passwd", "a/../b", "."],
    "code": ["{a:1}", "}{", "1 FLUSHALL", "*1\r\n$8\r\nFLUSHALL\r\n", "%s%n%n", "${jndi:ldap://x}",
             "<script>x</script>", "$(id)", "`id`", "a|b", "a;b", "a&b=c", "*", "?", "[a-z]*"],
}
# Texts for people: what is printable and not too long is kept as it is.
FREE = {"title", "city", "ratecenter", "cnam", "loaAuthorizingPerson", "wirelessAccountNumber", "wirelessPin",
        "subscriberFirstName", "subscriberLastName", "addressHouseNumber", "addressStreetName", "addressStreetSuffix",
        "addressCity", "addressZip", "losingCarrierName", "referenceno", "firstname", "lastname", "address", "address2",
        "zipcode"}
NOT_FREE = {"control"}  # kinds that no text may be of
# Valid after all, or not what it seems where it stands.
FITS = {("amount", "1,000"), ("accountno", "."), ("accountno", "-1"), ("accountno", "-0")}


@pytest.fixture(scope="module")
def things(rest, trunk):
    """What the good requests stand on, as in test_parameters, made with texts that must not leak."""
    rest.ctl("account", "credit", rest.account, "1000")
    load_coverage(rest)
    secret = rest.define_trunk(("127.0.0.7", 5060), title="Secret trunk")
    number, = rest.order(secret)
    rest.api.updatenumber(number=number, cnam="SECRET NAME").good()
    ported = port(rest.api, PORTLAND[5], loaAuthorizingPerson="Secret Person").good()["orderNo"]
    cart = rest.api.reserve(category="landline", state="OR", number="5032220000").good()["reserveId"]
    order = rest.api.gen_order(trunk_id=secret, reserveId=cart).good()["orderId"]
    cart = rest.api.reserve(category="landline", state="OR", number="5032220001").good()["reserveId"]
    tollfree = rest.api.reserve(category="tollfree", tfn_prefix="800", number="8002190000").good()["reserveId"]
    term = rest.api.defineTrunk_termination(title="Secret dialer", ipaddress="127.0.9.1", ports=1).good()["tg_id"]
    paid = rest.ctl("account", "credit", rest.account, "5", "--ref", "secret-wire")
    assert paid
    return {"@trunk": secret, "@number": number, "@cart": cart, "@order": order, "@term": term, "@port": ported,
            "@removable": tollfree}


@pytest.fixture(scope="module")
def ask(rest, things):
    def send(endpoint, client=None, **changes):
        params = {k: things.get(v, v) if isinstance(v, str) else v for k, v in GOOD[endpoint].items()}
        encoding = "multipart" if endpoint == "generate_lnp_order" else "form"
        return (client or rest.api).call(endpoint, encoding=encoding, **{**params, **changes})
    return send


def parameters(openapi, endpoint):
    return openapi["components"]["schemas"][f"{endpoint}_request"]["properties"]


def check_whole(reply):
    """A reply of the contract, whatever was asked: 200, or 404 with its reason."""
    assert reply.status in (200, 404) and reply.get("status") == str(reply.status), reply
    assert reply.status == 200 or list(reply.data) == ["status", "error", "code", "detail", "request_id"], reply


@pytest.mark.parametrize("endpoint", sorted(PARAMS))
def test_every_parameter(ask, openapi, endpoint):
    for name in parameters(openapi, endpoint):
        for kind, values in ATTACKS.items():
            for value in values:
                if (name, value) in FITS:
                    continue
                reply = ask(endpoint, **{name: value})
                check_whole(reply)
                if name in ("token", "accountno"):
                    assert reply.refused()["error"] in ("Invalid token", "Invalid accountno"), (name, value)
                elif name not in FREE or kind in NOT_FREE or len(value) > 100:
                    assert reply.refused()["error"] == f"Invalid {name}", (name, value, reply)


def test_additions_are_held_to_their_ranges(ask, openapi):
    bad = {"limit": ["0", "10001", "-1"], "offset": ["-1", "1000000001"], "amount": ["0", "-1", "100000.01"],
           "billingNumber": BAD["number"][:6], "addressStateCode": BAD["state"], "tg_id": BAD["tg_id"],
           "respOrgId": ["ATX0", "ATX012"], "cnam": ["x" * 16, "é"]}
    seen = set()
    for endpoint in PARAMS:
        documented = PARAMS[endpoint].replace("*", "").split()
        for name in set(parameters(openapi, endpoint)) - {"token", "accountno", *documented}:
            seen.add(name)
            for value in bad.get(name, []):
                ask(endpoint, **{name: value}).refused(f"Invalid {name}")
    assert set(bad) <= seen and seen <= set(bad) | FREE, seen ^ set(bad)


@pytest.mark.parametrize("endpoint", [e for e in sorted(PARAMS) if e not in ("generate_lnp_order",)])
def test_files_and_types_of_json(rest, openapi, endpoint):
    """Whatever JSON has, in each parameter; a file in each parameter of a multipart body."""
    for name in parameters(openapi, endpoint):
        good = {k: v for k, v in GOOD[endpoint].items() if not v.startswith("@")}
        for value in ([], {}, ["1", "2"], {"$ne": ""}, True, False, -1, 1.5, 1e300, [None]):
            reply = rest.api.call(endpoint, encoding="json", **{**good, name: value})
            check_whole(reply)
            if isinstance(value, (list, dict)):
                reply.refused()
        check_whole(rest.api.call(endpoint, encoding="multipart", **{**good, name: PDF}).refused())


# --- another account ------------------------------------------------------------------------


def everything_of(rest, account):
    """All keys of an account with their contents; last use of a token is not its owner's doing alone."""
    client = rest.redis.client
    read = {"hash": client.hgetall, "string": client.get, "set": client.smembers, "stream": client.xrange,
            "zset": lambda k: client.zrange(k, 0, -1, withscores=True), "list": lambda k: client.lrange(k, 0, -1)}
    return {key: read[client.type(key)](key) for key in client.keys(f"{{a:{account}}}*")}


# Parameters of any endpoint that name a thing, and what of the owner's they may name.
NAMED = {"tg_id": ("@trunk", "@term"), "trunkid": ("@trunk", "@term"), "trunkId": ("@trunk", "@term"),
         "trunk_id": ("@trunk", "@term"), "reserveId": ("@cart", "@removable"), "orderId": ("@order", "@port"),
         "orderno": ("@order", "@port"), "number": ("@number", "5032220000", "5032220001"),
         "numbers": ("@number", PORTLAND[5]), "referenceno": ("secret-wire",)}


def test_nothing_of_another_account_is_seen_or_changed(rest, other, things, ask, openapi):
    before, had = everything_of(rest, rest.account), rest.api.getnumbers().good()["data"]
    assert had and before
    for endpoint in sorted(PARAMS):
        for name in ["", *(n for n in parameters(openapi, endpoint) if n in NAMED)]:
            for value in NAMED.get(name, ("",)):
                reply = ask(endpoint, other, **({name: things.get(value, value)} if name else {}))
                check_whole(reply)
                for secret in ("secret", rest.account, "127.0.0.7", "127.0.9.1"):
                    assert secret not in reply.text.lower(), (endpoint, name, value, reply)
                if endpoint in ("did_stats", "tg_stats", "tg_stats_termination", "update_trunk", "updatenumber",
                                "disable_trunk_termination", "gen_order", "process_order", "remove_reserved"):
                    reply.refused()
    assert everything_of(rest, rest.account) == before
    assert rest.api.getnumbers().good()["data"] == had


def test_nothing_is_found_where_nothing_is(rest, openapi):
    """A new account's reads are empty, with every optional parameter given."""
    new = rest.api_of(*rest.add_account(None))
    for endpoint, keys in REPLY.items():
        if isinstance(keys, dict) and not GOOD[endpoint] and endpoint not in ("financial_summary", "availabilitystate"):
            optional = {n: v for n, v in (("limit", "5"), ("offset", "0")) if n in parameters(openapi, endpoint)}
            assert new.call(endpoint, **optional).good()[next(iter(keys))] == []


def test_the_server_is_whole_after_all_this(rest, ask):
    """After all tests above: it serves, and its log has no failure."""
    for endpoint in ("searchdid", "get_trunk", "getnumbers", "did_stats"):
        ask(endpoint).good()
    assert rest.redis.client.hget("schema", "secret") and rest.trunkd.child.poll() is None
    assert '"level":"error"' not in rest.trunkd.log().replace(" ", "")


@pytest.fixture(scope="module")
def rest():
    """Requests by the thousand from one token."""
    with Stack(sipmod=False) as s:
        yield s
