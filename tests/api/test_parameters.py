"""Bad requests: each endpoint, each parameter; the reply names the parameter as the document spells it."""

import pytest

from document import PARAMS, WRITES, names, required
from good import BAD, BAD_LISTS, GOOD

EACH = [(e, p) for e in PARAMS for p in names(e)]
EACH_REQUIRED = [(e, p) for e in PARAMS for p in required(e)]


@pytest.fixture(scope="module")
def things(rest, trunk):
    """What the good requests stand on: a trunk of each kind, a number, a cart, an order."""
    number, = rest.order(trunk)
    cart = rest.api.reserve(category="landline", state="OR", number="5032220000").good()["reserveId"]
    order = rest.api.gen_order(trunk_id=trunk, reserveId=cart).good()["orderId"]
    cart = rest.api.reserve(category="landline", state="OR", number="5032220001").good()["reserveId"]
    tollfree = rest.api.reserve(category="tollfree", tfn_prefix="800", number="8002190000").good()["reserveId"]
    term = rest.api.defineTrunk_termination(title="t", ipaddress="127.0.9.1", ports=1).good()["tg_id"]
    return {"@trunk": trunk, "@number": number, "@cart": cart, "@order": order, "@term": term,
            "@removable": tollfree}


@pytest.fixture(scope="module")
def ask(rest, things):
    """Sends the endpoint's good request with changes; None leaves a parameter out."""
    def send(endpoint, client=None, **changes):
        params = {k: things.get(v, v) if isinstance(v, str) else v for k, v in GOOD[endpoint].items()}
        params.update(changes)
        api = client or rest.api
        encoding = "multipart" if endpoint == "generate_lnp_order" else "form"
        return api.call(endpoint, encoding=encoding, **params)
    return send


@pytest.mark.parametrize("endpoint", sorted(set(PARAMS) - {"gen_order"}))
def test_good_request(ask, endpoint):
    reply = ask(endpoint)
    if endpoint in ("generate_lnp_order", "make_payment"):
        assert reply.ok or reply.refused()
    else:
        reply.good()


@pytest.mark.parametrize("endpoint,name", EACH_REQUIRED)
def test_missing(ask, endpoint, name):
    ask(endpoint, **{name: None}).refused(f"Invalid {name}")


@pytest.mark.parametrize("endpoint,name", EACH_REQUIRED)
def test_empty(ask, endpoint, name):
    ask(endpoint, **{name: ""}).refused(f"Invalid {name}")


@pytest.mark.parametrize("endpoint,name", EACH)
def test_malformed(ask, endpoint, name):
    assert name in BAD, f"no bad values for {name}"
    for value in BAD[name]:
        if endpoint == "reserve" and name == "tfn_prefix":
            reply = ask(endpoint, category="tollfree", state=None, number="8002190000", tfn_prefix=value)
        elif endpoint == "bulkreserve" and name == "tfn_prefix":
            reply = ask(endpoint, category="tollfree", state=None, tfn_prefix=value)
        elif (endpoint, name) in BAD_LISTS and value in ("1 ", " 1"):
            continue  # lists may have spaces
        else:
            reply = ask(endpoint, **{name: value})
        reply.refused(f"Invalid {name}")


@pytest.mark.parametrize("endpoint,name", EACH)
def test_control_characters(ask, endpoint, name):
    for value in ("a\0b", "1\n", "\x7f", "\x1b[2J"):
        ask(endpoint, **{name: value}).refused(f"Invalid {name}")


@pytest.mark.parametrize("endpoint,name", EACH)
def test_huge(ask, endpoint, name):
    ask(endpoint, **{name: "1" * 40000}).refused(f"Invalid {name}")


@pytest.mark.parametrize("endpoint,name", [(e, p) for e, p in EACH if not p.endswith("_doc")])
def test_file_instead_of_text(rest, ask, endpoint, name):
    changes = {**GOOD[endpoint], name: ("f.txt", "text/plain", b"1")}
    rest.api.call(endpoint, encoding="multipart", **changes).refused(f"Invalid {_first_bad(endpoint, name)}")


def _first_bad(endpoint, name):
    """Placeholders of the good requests are malformed, too: the first of both is named."""
    bad = [p for p in names(endpoint) if p == name or str(GOOD[endpoint].get(p)).startswith("@")]
    return bad[0]


@pytest.mark.parametrize("endpoint,name", EACH)
def test_json_of_wrong_type(rest, endpoint, name):
    bad = _first_bad(endpoint, name)
    body = {k: v for k, v in GOOD[endpoint].items() if isinstance(v, str)}
    if endpoint == "generate_lnp_order":
        bad = "loa_doc" if names(endpoint).index("loa_doc") < names(endpoint).index(name) else bad
    for value in ([], ["1"], {"a": "1"}, [[["x"]]]):
        rest.api.call(endpoint, encoding="json", **{**body, name: value}).refused(f"Invalid {bad}")


@pytest.mark.parametrize("endpoint", sorted(PARAMS))
def test_foreign_account(ask, other, rest, endpoint):
    """Another's token, and one's own with another's account number."""
    ask(endpoint, rest.api.with_(token=other.token)).refused("Invalid token")
    ask(endpoint, rest.api.with_(accountno=other.accountno)).refused("Invalid token")


@pytest.mark.parametrize("endpoint,name", [
    ("get_trunk", "tg_id"), ("update_trunk", "trunkid"), ("gen_order", "trunk_id"), ("gen_order", "reserveId"),
    ("process_order", "orderId"), ("updatenumber", "number"), ("updatenumber", "trunkId"),
    ("getnumbers", "trunkId"), ("getnumbers", "orderno"), ("did_stats", "number"), ("tg_stats", "tg_id"),
    ("get_trunk_termination", "tg_id"), ("disable_trunk_termination", "tg_id"), ("tg_stats_termination", "tg_id")])
def test_foreign_thing_is_as_one_that_is_not_there(rest, other, ask, things, endpoint, name):
    theirs = {"number": things["@number"], "reserveId": things["@cart"], "orderId": things["@order"],
              "orderno": things["@order"]}
    trunk = things["@term" if "termination" in endpoint else "@trunk"]
    mine = other.defineTrunk(title="t", primaryTrunk="127.0.0.3", billingType="Metered").good()["tg_id"]
    nobodys = {"number": "2065550100"}
    for value in (theirs.get(name, trunk), nobodys.get(name, "987654321")):
        params = {name: value}
        if endpoint == "updatenumber" and name == "trunkId":
            number = _number_of(rest, other, mine)
            params = {"number": number, "trunkId": value}
        if endpoint == "gen_order" and name == "reserveId":
            params["trunk_id"] = mine
        if endpoint == "gen_order" and name == "trunk_id":
            params["reserveId"] = "100001"
        other.call(endpoint, **params).refused(f"Invalid {name}")


def _number_of(rest, client, trunk):
    owned = client.getnumbers().good()["data"]
    return owned[0]["didnumber"] if owned else rest.order(trunk, state="CA", api=client)[0]


def test_kinds_of_trunks_are_not_mixed(api, things):
    api.get_trunk(tg_id=things["@term"]).refused("Invalid tg_id")
    api.get_trunk_termination(tg_id=things["@trunk"]).refused("Invalid tg_id")
    api.tg_stats(tg_id=things["@term"]).refused("Invalid tg_id")
    api.tg_stats_termination(tg_id=things["@trunk"]).refused("Invalid tg_id")
    api.disable_trunk_termination(tg_id=things["@trunk"]).refused("Invalid tg_id")
    api.update_trunk(trunkid=things["@term"], title="x").refused("Invalid trunkid")
    api.updatenumber(number=things["@number"], trunkId=things["@term"]).refused("Invalid trunkId")


def test_first_bad_parameter_is_named(api):
    api.defineTrunk(title="t", primaryTrunk="x", primaryPort="x", billingType="x").refused("Invalid primaryTrunk")
    api.gen_order(trunk_id="x", reserveId="x").refused("Invalid trunk_id")
    api.with_(token="wrong").defineTrunk().refused("Invalid token")
    api.with_(accountno="{}", token="wrong").defineTrunk().refused("Invalid accountno")


def test_parameters_of_other_endpoints_are_ignored(api):
    api.get_trunk(quantity="x", nonsense="[]").good()


def test_writes_are_listed():
    assert WRITES < set(PARAMS)
