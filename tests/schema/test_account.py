"""Library account: accounts, ledger, tokens."""

import pytest

from harness import wait_for
from schema_client import ACCOUNT, account_key, fields

KEY = account_key()
HASH = "ab" * 32
DEFAULTS = {
    "name": "", "status": "1", "kind": "live", "sessions": "", "deck": "default", "did_monthly": "0",
    "did_setup": "0", "tfn_monthly": "0", "tfn_setup": "0", "per_order_cost": "0", "other_charges": "0",
    "tax_bp": "0", "discount_bp": "0", "call_tax_bp": "0", "in_rate": "0", "tfn_rate": "0",
    "in_increment": "6", "in_minimum": "6",
    "balance": "0", "id": ACCOUNT,
}


def test_create_sets_defaults(schema):
    schema.account()
    held = fields(schema.account_get(KEY))
    assert abs(int(held.pop("created")) - schema.now()) < 5000
    assert held == DEFAULTS


def test_create_with_values_and_once(schema):
    values = {"name": "Acme & Söhne", "kind": "sandbox", "sessions": "5", "in_rate": "85", "tax_bp": "725"}
    schema.account(**values)
    held = fields(schema.account_get(KEY))
    assert {k: held[k] for k in values} == values
    assert schema.account_create(KEY, ACCOUNT, "name", "other") == ["exists"]
    assert fields(schema.account_get(KEY))["name"] == "Acme & Söhne"


@pytest.mark.parametrize("field,value", [
    ("balance", "5"), ("id", "8"), ("nothing", "1"), ("status", "2"), ("kind", "test"), ("sessions", "-1"),
    ("in_rate", "1.5"), ("in_rate", "1e3"), ("in_rate", ""), ("in_increment", "0"), ("tax_bp", "10001"),
    ("name", "a\nb"), ("deck", "a b"), ("did_monthly", "99999999999999999999")])
def test_bad_fields_are_misuse(schema, field, value):
    assert field in schema.error("account_create", KEY, ACCOUNT, "name", "x", field, value)
    schema.account()
    assert field in schema.error("account_set", KEY, "name", "x", field, value)


def test_id_must_be_that_of_the_key(schema):
    assert "differ" in schema.error("account_create", KEY, "8")
    assert "without a value" in schema.error("account_create", KEY, ACCOUNT, "name")


def test_set(schema):
    assert schema.account_set(KEY, "name", "x") == ["notfound"]
    assert schema.account_get(KEY) == ["notfound"]
    schema.account()
    assert schema.account_set(KEY, "name", "x", "sessions", "3") == ["ok"]
    assert schema.account_set(KEY, "sessions", "") == ["ok"]
    held = fields(schema.account_get(KEY))
    assert (held["name"], held["sessions"]) == ("x", "")


def test_book(schema):
    assert schema.account_book(KEY, 5, "Bank Transfer", "r1", "", "") == ["notfound"]
    schema.account()
    assert schema.account_book(KEY, 50000, "Bank Transfer", "r1", "first", "") == ["ok", "50000"]
    assert schema.account_book(KEY, 50000, "Bank Transfer", "r1", "", "") == ["repeat", "50000"]
    assert schema.account_book(KEY, -20000, "Bank Fee", "r2", "", "0") == ["ok", "30000"]
    assert schema.account_book(KEY, -30001, "Bank Fee", "r3", "", "0") == ["insufficient", "30000"]
    assert schema.account_book(KEY, -30001, "Bank Fee", "r3", "", "-1") == ["ok", "-1"]
    assert schema.account_book(KEY, -5, "Bank Fee", "r4", "", "") == ["ok", "-6"]
    lines = schema.table("ledger_list", KEY)
    assert [(x["activity"], x["amount"], x["balance"], x["ref"], x["note"]) for x in lines] == [
        ("Bank Transfer", "50000", "50000", "r1", "first"), ("Bank Fee", "-20000", "30000", "r2", ""),
        ("Bank Fee", "-30001", "-1", "r3", ""), ("Bank Fee", "-5", "-6", "r4", "")]
    schema.check_invariants()


def test_book_is_exact_for_large_amounts(schema):
    schema.account()
    most = 10 ** 14
    assert schema.account_book(KEY, most - 1, "Bank Transfer", "r1", "", "") == ["ok", str(most - 1)]
    assert "out of range" in schema.error("account_book", KEY, 2, "Bank Transfer", "r2", "", "")
    assert schema.account_book(KEY, "1", "Bank Transfer", "r3", "", "") == ["ok", str(most)]
    assert schema.table("ledger_list", KEY)[-1]["balance"] == str(most)


@pytest.mark.parametrize("amount", ["", "1.0", "1e3", "+1", " 1", "0x10", "1000000000000000", "ten", "--1"])
def test_amounts_are_integers(schema, amount):
    schema.account()
    assert "amount" in schema.error("account_book", KEY, amount, "Bank Fee", "r", "", "")


@pytest.mark.parametrize("activity,ref", [("", "r"), ("Bank Fee", ""), ("Bank Fee", "a b"), ("a\nb", "r")])
def test_a_line_needs_activity_and_ref(schema, activity, ref):
    schema.account()
    schema.error("account_book", KEY, 1, activity, ref, "", "")


def test_ledger_pages(schema):
    schema.account()
    for i in range(5):
        schema.credit(i + 1)
    lines = schema.table("ledger_list", KEY)
    assert [x["amount"] for x in lines] == ["1", "2", "3", "4", "5"]
    assert schema.table("ledger_list", KEY, "", 2) == lines[:2]
    assert schema.table("ledger_list", KEY, lines[1]["id"], 2) == lines[2:4]
    assert schema.table("ledger_list", KEY, lines[4]["id"]) == []
    assert schema.table("ledger_list", account_key("other")) == []


def test_tokens(schema):
    assert schema.token_add(KEY, HASH, "main", "all", 2) == ["notfound"]
    assert schema.account_auth(KEY) == ["notfound"]
    schema.account()
    assert schema.account_auth(KEY) == ["ok", "1"]
    assert schema.token_add(KEY, HASH, "main", "read,write", 2, "192.0.2.0/24,2001:db8::/32", 600, 50) == ["ok"]
    assert schema.token_add(KEY, HASH, "again", "all", 2) == ["exists"]
    assert schema.token_add(KEY, "cd" * 32, "", "all", 2) == ["ok"]
    assert schema.token_add(KEY, "ef" * 32, "third", "all", 2) == ["limit"]
    assert auth(schema) == {HASH: ["main", "read,write", "192.0.2.0/24,2001:db8::/32", "600", "50", ""],
                            "cd" * 32: ["-", "all", "", "", "", ""]}
    listed = schema.table("token_list", KEY)
    assert sorted((t["hash"], t["label"], t["scope"], t["rate"]) for t in listed) == [
        (HASH, "main", "read,write", "600"), ("cd" * 32, "-", "all", "")]
    assert "token" not in " ".join(schema.account_get(KEY))


def auth(schema):
    """hash → the other columns of account_auth."""
    reply = schema.account_auth(KEY)
    assert reply[:2] == ["ok", "1"]
    return {reply[i]: reply[i + 1:i + 7] for i in range(2, len(reply), 7)}


def test_rotating_tokens(schema):
    one, two, three, four = (f"{i:064x}" for i in range(4))
    assert schema.token_rotate(KEY, "main", one, 0, 2) == ["notfound"]
    schema.account()
    schema.token_add(KEY, one, "main", "read", 2, "192.0.2.1", 60, 6)
    assert schema.token_rotate(KEY, "other", two, 0, 2) == ["notfound"]
    assert schema.token_rotate(KEY, "main", one, 0, 2) == ["exists"]
    assert schema.token_rotate(KEY, "main", two, 60000, 2) == ["ok", "main", "read"]
    left = auth(schema)
    assert left[two] == ["main", "read", "192.0.2.1", "60", "6", ""]
    assert left[one][:5] == ["main-old", "read", "192.0.2.1", "60", "6"] and 50000 < int(left[one][5]) <= 60000
    assert schema.token_rotate(KEY, "main", three, 60000, 2) == ["exists"]
    assert schema.token_rotate(KEY, "main-old", three, 60000, 2) == ["limit"]
    assert schema.token_rotate(KEY, two, three, 0, 2) == ["ok", "main", "read"]
    assert set(auth(schema)) == {one, three}
    assert schema.token_revoke(KEY, "main-old") == ["ok", "1"]
    assert schema.token_rotate(KEY, "main", four, 1, 2) == ["ok", "main", "read"]
    wait_for(lambda: set(auth(schema)) == {four}, 2)
    assert schema.token_revoke(KEY, three) == ["notfound"]
    assert schema.token_add(KEY, one, "next", "all", 2) == ["ok"], "one that has ended takes no room"
    assert set(schema.client.hkeys(f"{KEY}:tokens")) == {one, four}


def test_changes_of_tokens_and_accounts_are_told(schema):
    schema.account()
    with schema.client.pubsub() as told:
        told.subscribe("tl:accounts")
        assert told.get_message(timeout=2)["type"] == "subscribe"
        for change in (lambda: schema.token_add(KEY, HASH, "main", "all", 2),
                       lambda: schema.token_rotate(KEY, "main", "cd" * 32, 1000, 2),
                       lambda: schema.token_revoke(KEY, "main"), lambda: schema.account_set(KEY, "status", "0")):
            change()
            assert told.get_message(timeout=2)["data"] == ACCOUNT
        schema.token_revoke(KEY, "nobody")
        schema.account_auth(KEY)
        assert told.get_message(timeout=0.1) is None


def test_revoking_tokens(schema):
    schema.account()
    for i, label in enumerate(["main", "main", "other"]):
        schema.token_add(KEY, f"{i:064x}", label, "all", 9)
    assert schema.token_revoke(KEY, "nobody") == ["notfound"]
    assert schema.token_revoke(KEY, "main") == ["ok", "2"]
    assert schema.token_revoke(KEY, f"{2:064x}") == ["ok", "1"]
    assert schema.token_revoke(KEY, "other") == ["notfound"]
    assert schema.table("token_list", KEY) == []
    assert schema.token_list(account_key("other")) == ["notfound"]


@pytest.mark.parametrize("values", [
    {"hash": "xy" * 32}, {"hash": "ab"}, {"label": "two words"}, {"scope": ""},
    {"scope": "everything"}, {"scope": "read,"}, {"scope": "read write"}, {"most": "0"}, {"most": "many"}])
def test_token_misuse(schema, values):
    schema.account()
    arguments = {"hash": HASH, "label": "main", "scope": "all", "most": "5", **values}
    schema.error("token_add", KEY, *arguments.values())


def test_a_request_is_done_once(schema):
    schema.account()
    assert schema.request_begin(KEY, "ab", "01", 60000) == ["ok", "new"]
    assert 0 < schema.client.pttl(f"{KEY}:request:ab") <= 60000
    assert schema.request_begin(KEY, "ab", "01", 60000) == ["busy"]
    assert schema.request_begin(KEY, "ab", "02", 60000) == ["conflict"]
    assert schema.request_begin(KEY, "ac", "02", 60000) == ["ok", "new"]
    assert schema.request_finish(KEY, "ab", "02", 86400000, "no") == ["conflict"]
    for reply in ("first", "second"):
        assert schema.request_finish(KEY, "ab", "01", 86400000, reply) == ["ok"]
        assert schema.request_begin(KEY, "ab", "01", 60000) == ["ok", "done", "first"]
    assert schema.client.pttl(f"{KEY}:request:ab") > 60000
    assert schema.request_begin(KEY, "ab", "02", 60000) == ["conflict"]


def test_a_request_that_came_to_nothing_is_forgotten(schema):
    schema.account()
    schema.request_begin(KEY, "ab", "01", 60000)
    assert schema.request_drop(KEY, "ab", "02") == ["ok"]
    assert schema.request_begin(KEY, "ab", "01", 60000) == ["busy"]
    assert schema.request_drop(KEY, "ab", "01") == ["ok"]
    assert schema.request_begin(KEY, "ab", "02", 60000) == ["ok", "new"]
    schema.request_finish(KEY, "ab", "02", 60000, "kept")
    schema.request_drop(KEY, "ab", "02")
    assert schema.request_begin(KEY, "ab", "02", 60000) == ["ok", "done", "kept"]


def test_a_request_that_took_too_long_is_kept_all_the_same(schema):
    schema.account()
    assert schema.request_finish(KEY, "ab", "01", 60000, "late") == ["ok"]
    assert schema.request_begin(KEY, "ab", "01", 60000) == ["ok", "done", "late"]


def test_requests_need_an_account(schema):
    assert schema.request_begin(KEY, "ab", "01", 60000) == ["notfound"]
    assert schema.request_finish(KEY, "ab", "01", 60000, "x") == ["notfound"]
    assert schema.request_drop(KEY, "ab", "01") == ["ok"]
    assert not schema.client.keys("*")


def test_ledger_repair(schema):
    schema.account(balance=50000)
    last, = schema.table("ledger_list", KEY)
    schema.client.hincrby(KEY, "balance", -7)
    assert schema.ledger_repair(account_key("7009"), last["id"], 0, "me") == ["notfound"]
    assert schema.ledger_repair(KEY, "1-1", 50000, "me") == schema.ledger_repair(KEY, "", 50000, "me") == ["changed"]
    assert schema.ledger_repair(KEY, last["id"], 50000, "me") == ["ok", "49993", "50000"]
    assert schema.ledger_repair(KEY, last["id"], 50000, "me") == ["changed"], "its own line is the last now"
    line = schema.table("ledger_list", KEY)[-1]
    assert (line["activity"], line["amount"], line["balance"], line["ref"]) == (
        "Balance Repair", "0", "50000", f"repair:{last['id']}")
    for bad in [("x", 50000, "me"), (last["id"], "1.5", "me"), (last["id"], 50000, "")]:
        schema.error("ledger_repair", KEY, *bad)
    schema.check_invariants()
