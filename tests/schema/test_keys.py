"""KEYS.md tells what a loaded server really contains; functions keep to their slot and their door."""

import pathlib
import random
import re

import pytest
import redis

from schema_client import ACCOUNT, NUMBERS, account_key, bitmap

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "redis-schema" / "KEYS.md"
KEY = account_key()
ONE, TWO = NUMBERS[:2]
WA = "inv:{WA}"
TRACE = "trace:{1}"

# What stands for a name in KEYS.md.
PLACEHOLDERS = {
    "ACCT": r"[\w.-]+", "TG": r"\d+", "N": r"\d{10}", "ST": r"(?:[A-Z]{2}|tf)", "ID": r"\d+", "CALL": r"[\w.:-]+",
    "NPANXX": r"\d{6}", "RATECENTER": r"[^:]+", "CITY": r"[^:]+", "NAME": r"[\w.-]+",
    "NODE": r"[\w.:\[\]-]+(?<!:health)",
    "ADDR": r"[0-9a-f.:]+", "G": r"[\w.-]+", "DECK": r"[\w.-]+", "YYYY-MM-DD": r"\d{4}-\d\d-\d\d",
    "YYYY-MM": r"\d{4}-\d\d", "PAYMENT": r"\S+", "ONCE": r"[dk]:[0-9a-f]+", "DIGEST": r"[0-9a-f]+",
}
REDIS_TYPES = {"bitmap": "string"}
# Hashes whose fields are names of things, not of the document.
FREE_HASHES = ("lnp:coverage", ":tokens", ":refs", ":numbers", ":carts", ":sagas", ":busy", ":block",
               "}:count", ":holder", ":sandbox", ":invoices", ":route", ":rate", ":hooks", ":mou", "}:calls",
               "}:nodes", ":health", ":kills", "{ops}:operators", "{ops}:sessions")


def tables(text):
    """Rows of all tables as (heading above, cells)."""
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.strip("# ")
        elif line.startswith("|") and not line.startswith("| ---"):
            yield heading, [cell.strip() for cell in line.strip("|").split("|")]


def code(cell):
    return re.findall(r"`([^`]+)`", cell)


def pattern(name):
    parts = re.split("(" + "|".join(rf"(?<![A-Za-z]){p}(?![A-Za-z])" for p in PLACEHOLDERS) + ")", name)
    return "".join(PLACEHOLDERS.get(part, re.escape(part)) for part in parts)


@pytest.fixture(scope="module")
def rows():
    return list(tables(DOCUMENT.read_text()))


@pytest.fixture(scope="module")
def documented_keys(rows):
    """name → (pattern, Redis type, text of the row)."""
    keys = {}
    for heading, cells in rows:
        if heading.split(" ")[0] in ("Global", "Account", "Inventory", "Numbers,") and cells[0] != "key":
            for name in code(cells[0]):
                kind = cells[1].split(" ")[0]
                keys[name] = re.compile(pattern(name)), REDIS_TYPES.get(kind, kind), " ".join(cells[2:])
    return keys


@pytest.fixture(scope="module")
def documented_functions(rows):
    """name → (library, whether it is a read)."""
    functions = {}
    for heading, cells in rows:
        if heading.startswith("Library") and cells[0] != "function":
            for name in code(cells[0]):
                functions[name] = code(heading)[0], " RO" in cells[0]
    return functions


def test_a_pattern_is_understood():
    assert re.fullmatch(pattern("{a:ACCT}:st:did:N:YYYY-MM"), "{a:7001}:st:did:2062190001:2026-11")
    assert not re.fullmatch(pattern("{a:ACCT}:st:did:N:YYYY-MM"), "{a:7001}:st:did:2062190001:2026-11-01")
    assert re.fullmatch(pattern("inv:{ST}:free:NPANXX"), "inv:{WA}:free:206219")


# --- a scenario that leaves a key of every kind -------------------------------------------


def globals_and_gateways(s):
    for name in ("trunk", "cart", "order", "account", "payment", "hook", "trace"):
        s.seq_next(f"seq:{name}", 1)
    for index, member in [("accounts", ACCOUNT), ("sources", "192.0.2.1"), ("gateways", "g1"), ("nodes", "n1"),
                          ("hooks", ACCOUNT)]:
        s.index_add(index, member)
    s.trace_enlist("traces", 1, 16)
    s.trace_start(TRACE, "number", ONE, "", "me", 60000, 60000, 100)
    s.trace_call(TRACE, "abc@host", "c1")
    s.trace_add(TRACE, "n1", "b1", 1, "abc@host", "c1", 1700000000000000, "in", "udp", "192.0.2.1:5060",
                "[2001:db8::1]:5060", "INVITE sip:x SIP/2.0\r\n")
    s.trace_done(TRACE, "n1", "b1")
    s.lock_take("job:reap", "me", 60000)
    s.operator_add("{ops}", "ab" * 32, "night", 60000, "")
    s.session_open("{ops}", "ab" * 32, "cd" * 32, 60000)
    s.node_heartbeat("node:n1", "b1", "192.0.2.5:5060", "0.1.0")
    s.node_health("node:n1:health", 3, 2, 1, "UDP 192.0.2.1:5060 down no answer to calls\nTLS [::1]:5061 up\n")
    s.source_claim("ip:192.0.2.1", "carrier", "carrier")
    s.source_claim("ip:198.51.100.1", "trunk", ACCOUNT, 21)
    s.gateway_set("gw:{g1}", "host", "192.0.2.9", "cps", 5)
    s.gateway_take("gw:{g1}", ACCOUNT, "c1", 60000)
    s.route_set("lcr:{default}", "1", "g1", 1, 1)
    s.rate_set("lcr:{default}", "1", 100, 6, 6)


def webhooks(s):
    s.account_set(KEY, "low_balance", "0")
    s.hook_add(KEY, 51, "https://hooks.example.net/", "all", "ab" * 32, 8)
    s.hook_rotate(KEY, 51, "cd" * 32, 60000)
    for _ in range(3):
        s.hook_test(KEY, 51)
    for tries in (0, 1):
        entry = s.table("hook_due", KEY)[0]["entry"]
        s.hook_fail(KEY, 51, entry, tries, 2, 0, "500")
    s.hook_done(KEY, 51, s.table("hook_due", KEY)[0]["entry"])
    s.hook_fail(KEY, 51, s.table("hook_due", KEY)[0]["entry"], 0, 2, 0, "500")


def account_and_inventory(s):
    s.account(balance=10 ** 6, in_rate="85", did_monthly="5000")
    s.token_add(KEY, "ab" * 32, "main", "all", 5)
    for log in ("all", f"a:{ACCOUNT}"):
        s.audit_add(f"audit:{{{log}}}", "ab", "me", "rest", "192.0.2.1", "r1", "reserve", "a=b", "ok", "")
    s.request_begin(KEY, "ab", "cd", 60000)
    s.request_finish(KEY, "ab", "cd", 60000, "{}")
    s.trunk_in(11, primary_port="5060", primary_prefix="12", secondary_host="192.0.2.2", secondary_port="5060",
               secondary_prefix="34", forward="12065550100", mou="1000", req_sessions="5", sessions="5",
               req_cps="9", cps="9")
    s.trunk_out(21, req_sessions="5", sessions="5", req_cps="9", cps="9")
    s.inv_import(WA, "206219", "Seattle", "Seattle", bitmap(range(1, 7)))
    s.inv_hold(WA, f"{ACCOUNT}:c:31", 60000, *NUMBERS)
    s.inv_hold(WA, f"{ACCOUNT}:c:33", 60000, "2062190005")


def order(s):
    s.cart_open(KEY, "landline", 31)
    s.cart_add(KEY, 31, s.now() + 60000, ONE, "WA", TWO, "WA")
    s.order_create(KEY, 41, 31, 11, 60000)
    s.inv_move(WA, f"{ACCOUNT}:c:31", f"{ACCOUNT}:o:41", 60000, ONE, TWO)
    s.order_start(KEY, 41)
    s.inv_move(WA, f"{ACCOUNT}:c:31", f"{ACCOUNT}:o:41", 0, ONE, TWO)
    s.order_pay(KEY, 41)
    s.inv_sell(WA, f"{ACCOUNT}:o:41", ONE, TWO)
    s.did_assign(f"did:{ONE}", ACCOUNT, 11, "1", "")
    s.order_complete(KEY, 41)
    s.saga_done(KEY, "order:41")
    s.cart_open(KEY, "landline", 33)
    s.cart_add(KEY, 33, s.now() + 60000, "2062190005", "WA")
    s.number_update(KEY, "", "2", "", TWO)
    s.inv_quarantine(WA, 60000, TWO)


def payments(s):
    s.account_set(KEY, "topup", "250000", "bill_day", "1")
    for payment in (1, 2):
        s.payment_begin(KEY, f"P{payment}", 250000, 5000, "sandbox", "ab12", f"d:0{payment}", "01", 60000, 30000)
    s.sandbox_charge(KEY, "ab12", "approved", "")
    s.payment_finish(KEY, "P1", "done", "sandbox-ab12", "")
    s.payment_refund(KEY, "P1", 10000)
    s.payment_add(KEY, "wire:1", "Bank", 100000, 0, "")
    s.fee_charge(KEY)
    s.invoice_put(KEY, "2026-10", "invoices/7001/2026-10.pdf", 100, 200, 300)


def calls(s):
    s.client.hset(f"{KEY}:st:tg:11", "open", "2999-12-31")  # today is over
    for call in ("answered", "failed", "live"):
        s.admit(call, ONE)
    s.answer("answered", 0, "192.0.2.1:5060", 100, "192.0.2.1:5060=200", "carrier")
    s.answer("live", 0, "192.0.2.1:5060", 100, "192.0.2.1:5060=200", "carrier")
    s.finish("answered", answered="0")
    s.finish("failed", code="486", reason="busy")
    s.admit("out", "12065550100", "out", "21", rate="100", increment="6", minimum="6")
    s.admit("refused", TWO)
    s.answer("out")
    s.tap("seen", ONE)
    s.call_kill(KEY, "live")
    s.client.hset(f"{KEY}:busy", "tg:99", 1)
    s.call_repair(KEY, "me")


def ports(s):
    s.coverage_set("lnp:coverage", "206219", "WA", "SEATTLE", "866", "", "", "", "OR", "PORTLAND")
    s.port_claim("port:5032220001", ACCOUNT, 43, 0)
    s.port_create(KEY, 43, 11, "landline", s.now(), "Customer", 1, "5032220001", "OR", "first_name", "Sunny",
                  "billing_number", "5032220001", "zip", "97230")
    s.port_move(KEY, 43, "SUBMITTED", "Operator", "", "", "")
    s.port_move(KEY, 43, "FOC", "Operator", "", "", s.now() + 60000)


@pytest.fixture
def scenario(schema):
    schema.client.hset("schema", mapping={"version": 1, "digest": "x", "loaded": 1, "secret": "x"})
    for part in (globals_and_gateways, account_and_inventory, webhooks, order, payments, calls, ports):
        part(schema)
    schema.check_invariants()
    return schema


def test_every_key_is_documented_with_its_type(scenario, documented_keys):
    for key in scenario.client.keys("*"):
        kinds = {kind for form, kind, _ in documented_keys.values() if form.fullmatch(key)}
        assert kinds == {scenario.client.type(key)}, f"{key}: KEYS.md says {kinds or 'nothing'}"


def test_every_documented_key_is_there(scenario, documented_keys):
    keys = scenario.client.keys("*")
    missing = [name for name, (form, _, _) in documented_keys.items() if not any(form.fullmatch(k) for k in keys)]
    assert not missing


def words(text):
    return set(re.findall(r"\w+", text))


def test_every_field_is_documented(scenario, documented_keys, rows):
    """Of hashes whose fields the document names, in their own row or in the one that it refers to."""
    referred = {"call_list": next(cells[2] for _, cells in rows if cells[0].startswith("`call_list`")),
                "the same": documented_keys["{a:ACCT}:st:did:N"][2]}
    for name, (form, kind, text) in documented_keys.items():
        if kind != "hash" or name.endswith(FREE_HASHES):
            continue
        known = words(text).union(*(words(more) for phrase, more in referred.items() if phrase in text))
        for key in scenario.client.keys("*"):
            if form.fullmatch(key):
                unknown = {f for f in scenario.client.hkeys(key) if f not in known and not f.startswith("code:")}
                assert not unknown, f"{key}: {unknown} not in KEYS.md"


def test_every_time_to_live_is_documented(scenario, documented_keys):
    mortal = {"{a:ACCT}:request:DIGEST", "{a:ACCT}:paid:ONCE", "job:NAME", "node:NODE", "node:NODE:health",
              "{a:ACCT}:cps:TG", "{a:ACCT}:once:CALL", "{a:ACCT}:kills",
              "gw:{G}:cps", "trace:{ID}", "trace:{ID}:packets", "trace:{ID}:calls", "trace:{ID}:nodes"}
    for key in scenario.client.keys("*"):
        name = {n for n, (form, _, _) in documented_keys.items() if form.fullmatch(key)}
        assert (scenario.client.ttl(key) > 0) == bool(name & mortal), key


def test_cdr_has_the_documented_fields(scenario):
    section = DOCUMENT.read_text().split("## CDR")[1].split("##")[0].split("`call` id")[1]
    names = ["call"] + [word for word in code(section) if re.fullmatch("[a-z_]+", word)]
    _, entry = scenario.client.xrevrange(f"{KEY}:cdr", count=1)[0]
    assert list(entry) == names


def test_functions_are_the_documented_ones(schema, documented_functions):
    loaded = {}
    for library in schema.client.function_list("trunkline_*"):
        library = dict(zip(library[::2], library[1::2]))
        for function in library["functions"]:
            f = dict(zip(function[::2], function[1::2]))
            loaded[f["name"]] = library["library_name"].replace("trunkline_", ""), "no-writes" in f["flags"]
    assert loaded == documented_functions


def test_every_function_opens_with_its_interface(libraries, documented_functions):
    """A comment with KEYS, ARGV, Reply, Refusals, above the function that is registered."""
    for name, (library, _) in documented_functions.items():
        run = re.search(rf"'{name}',.*run = (\w+)", libraries[library])[1]
        above = re.search(rf"((?:--.*\n)+)local function {run}\(", libraries[library])
        assert above, f"{name}: no comment"
        assert name in ("source_get", "gateway_get") or "-- KEYS:" in above[1] and "-- Reply:" in above[1], name


# --- slots and the door -------------------------------------------------------------------


def test_the_cluster_notices_another_slot(server):
    """The check that all other tests lean on, when they run on the cluster of one node."""
    server.client.function_load(
        "#!lua name=crossing\nredis.register_function('cross', function(keys)\n"
        "redis.call('GET', keys[1]) return redis.call('GET', 'elsewhere') end)\n", replace=True)
    try:
        server.client.fcall("cross", 1, "{a:7001}")
        assert not server.client.info("cluster")["cluster_enabled"]
    except redis.ResponseError as error:
        assert "slot" in str(error)
    finally:
        server.client.function_delete("crossing")


def test_functions_touch_their_own_tag_only(scenario):
    """Keys of two accounts and two states stay apart."""
    before = {k: v for k, v in scenario.snapshot().items() if k.startswith(KEY) or k.startswith(WA)}
    scenario.account("7002", balance=1000)
    scenario.trunk_in(11, "7002")
    scenario.numbers(ONE, account="7002")
    scenario.admit("answered", ONE, account="7002")
    scenario.finish("answered", account="7002")
    scenario.inv_import("inv:{OR}", "206219", "Portland", "", bitmap([1]))
    scenario.inv_hold("inv:{OR}", "x", 1000, ONE)
    after = {k: v for k, v in scenario.snapshot().items() if k.startswith(KEY) or k.startswith(WA)}
    assert after == before


KEYS_OF = {"sys": "job:x", "audit": "audit:{all}", "operator": "{ops}",
           "account": KEY, "trunk": KEY, "number": KEY, "inv": WA, "order": KEY, "port": KEY,
           "call": KEY, "tap": KEY, "recovery": KEY, "search": KEY,
           "gateway": "gw:{g1}", "payment": KEY, "billing": KEY, "hook": KEY,
           "trace": TRACE}
TEXTS = ["", "0", "1", "-1", "11", "21", "41", "31", ONE, "landline", "in", "out", "did", "tg", "trunk", "carrier",
         "2062190001x", "9" * 15, "9" * 40, "1.5", "nan", "inf", "0x1f", "a b", "a\nb", "\x00\xff", "{a:7001}",
         "x" * 300, "sessions", "title", "host", "206219", "SEATTLE", "live", "kind", "486", "3600"]


def test_no_arguments_break_a_function(scenario, documented_functions):
    """Any arguments get a reply or an error that names the function, never a fault of the script."""
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    keys = ["did:" + ONE, "port:" + ONE, "lnp:coverage", "ip:192.0.2.1", "lcr:{default}", "accounts", "seq:x",
            "node:n1", "traces",
            *KEYS_OF.values()]
    for name, (library, _) in documented_functions.items():
        for _ in range(40):
            key = chance.choice(keys) if chance.random() < 0.3 else KEYS_OF[library]
            args = [chance.choice(TEXTS) for _ in range(chance.choice([0, 1, 2, 3, 4, 5, 6, 7, 11, 17]))]
            before = scenario.writes()
            try:
                reply = scenario.client.fcall(name, 1, key, *args)
                assert all(isinstance(element, str) for element in reply), (name, key, args)
            except redis.ResponseError as error:
                assert str(error).startswith(f"{name}: "), (name, key, args, str(error))
                assert scenario.writes() == before, (name, key, args)


@pytest.mark.parametrize("name,args", [("call_answer", [""] * 8), ("call_answer", [""] * 5), ("account_get", [""]),
                                       ("saga_done", []), ("trunk_list", ["in", "", ""])])
def test_arguments_are_counted(schema, name, args):
    assert f"{name}: wrong number of arguments: {len(args)}" in schema.error(name, KEY, *args)


def test_all_arguments_may_come_in_one(schema):
    def fold(name, *args):
        return schema.client.fcall(name, 1, KEY, "".join("\n" + text for text in args))
    schema.account()
    assert fold("account_book", "100", "Bank Transfer", "r1", "with a space, % and\ta tab", "") == ["ok", "100"]
    assert fold("account_book", "-50", "x", "r2", "", "60") == ["insufficient", "100"]
    assert [line["note"] for line in schema.table("ledger_list", KEY)] == ["with a space, % and\ta tab"]
    with pytest.raises(redis.ResponseError, match="account_book: wrong number of arguments: 3"):
        fold("account_book", "1", "2", "")
    with pytest.raises(redis.ResponseError, match="account_get: wrong number of arguments: 1"):
        fold("account_get", "")


@pytest.mark.parametrize("keys", [[], [KEY, KEY], ["{a:}"], ["a:7001"], ["{a:7001}x"], ["{a:70{01}"], ["{b:7001}"]])
def test_keys_are_checked(schema, keys):
    for name in ("account_get", "call_list", "order_list"):
        with pytest.raises(redis.ResponseError, match=f"{name}: takes one key"):
            schema.client.fcall_ro(name, len(keys), *keys)


