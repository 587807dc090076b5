"""Trunks and grants, numbers, orders, live calls and CDRs."""

import itertools

import pytest

from ctl_client import FAILED

NUMBER = "2062190001"


@pytest.fixture
def key(account):
    return f"{{a:{account}}}"


@pytest.fixture
def trunk(server, key):
    """An origination trunk 11 and a termination trunk 21."""
    for trunk, fields in (
            ("11", {"kind": "in", "title": "main", "billing": "Metered", "primary_host": "192.0.2.1",
                    "primary_port": "5070", "req_sessions": "500", "sessions": "0"}),
            ("21", {"kind": "out", "title": "out", "address": "198.51.100.1", "cps": "2"})):
        assert server.fcall("trunk_define", key, trunk, *itertools.chain(*fields.items()))[0] == "ok"
    return "11"


@pytest.fixture
def order(server, key, trunk):
    """Order 900 with NUMBER, in service at trunk 11."""
    expires = 10 ** 13
    steps = [("cart_open", "landline", 900), ("cart_add", 900, expires, NUMBER, "WA"),
             ("order_create", 900, 900, trunk, 60000), ("order_start", 900), ("order_pay", 900),
             ("order_complete", 900), ("saga_done", "order:900")]
    for function, *args in steps:
        assert server.fcall(function, key, *args)[0] == "ok", function
    assert server.fcall("did_assign", f"did:{NUMBER}", key[3:-1], trunk, "1", "ZED")[0] == "ok"
    return "900"


def admit(server, key, call):
    return server.fcall("call_admit", key, call, "in", NUMBER, "", "node1", "boot1", "sip:+1206@a", "sip:to@b",
                        "203.0.113.1:5060", "carrier", "id@host", "", "", "", "", "486", "3600")


def test_trunk_list(ctl, account, trunk):
    first, second = ctl("trunk", "list", account)
    assert (first["id"], first["kind"], first["primary_host"], first["primary_port"], first["sessions"]) == \
        ("11", "in", "192.0.2.1", 5070, 0)
    assert (second["id"], second["kind"], second["address"], second["cps"], second["sessions"]) == \
        ("21", "out", "198.51.100.1", 2, None)
    assert len(ctl.table("trunk", "list", account)) == 3


@pytest.mark.parametrize("words, sessions, cps", [
    (["--sessions", "7"], 7, 2), (["--ports", "8"], 8, 2), (["--cps", "9"], None, 9), (["--cps", "none"], None, None),
    (["--sessions", "0", "--cps", "0"], 0, 0)])
def test_grant(ctl, account, trunk, words, sessions, cps):
    granted = ctl("grant", account, "21", *words)
    assert (granted["id"], granted["sessions"], granted["cps"]) == ("21", sessions, cps)
    assert ctl("grant", account, trunk, "--sessions", "none")["sessions"] is None


def test_grant_of_an_unknown_trunk(ctl, account):
    assert "TG" in ctl.fails("grant", account, "99", "--cps", "1")
    assert "TG" in ctl.fails("grant", "7654321", "11", "--cps", "1")


def test_number_show(ctl, server, account, order):
    shown = ctl("number", "show", "+1" + NUMBER)
    assert (shown["number"], shown["accountno"], shown["tg"], shown["order"], shown["state"]) == \
        (NUMBER, account, "11", order, "WA")


def test_number_show_tells_when_the_copies_differ(ctl, server, key, order):
    assert server.fcall("number_update", key, "", "", "ZED", NUMBER)[0] == "ok"
    assert ctl("number", "show", NUMBER)["record"] == "same"
    assert server.fcall("number_update", key, "", "", "OTHER", NUMBER)[0] == "ok"
    assert ctl("number", "show", NUMBER)["record"] == "differs"
    server.client.delete(f"{key}:numbers")
    assert ctl("number", "show", NUMBER)["record"] == "missing"
    assert "NUMBER" in ctl.fails("number", "show", "2062190002")


def test_orders(ctl, account, order):
    (listed,) = ctl("order", "list", account)
    shown = ctl("order", "show", account, order)
    assert shown.pop("numbers") == [{"number": NUMBER, "state": "WA"}]
    assert shown == listed
    assert (shown["id"], shown["status"], shown["tg"], shown["count"], shown["amount"]) == ("900", 2, "11", 1, "0.00")
    assert NUMBER in ctl.run("order", "show", account, order).stdout
    assert "ID" in ctl.fails("order", "show", account, "901")


def test_calls_and_cdrs(ctl, server, account, key, order):
    ctl("grant", account, "11", "--sessions", 10)
    other = ctl("account", "add")["accountno"]
    assert admit(server, key, "c1")[:2] == ["ok", "new"]
    assert admit(server, key, "c2")[:2] == ["ok", "new"]
    assert server.fcall("call_answer", key, "c1", "0", "192.0.2.1:5070", "10", "", "")[0] == "ok"

    calls = {c["call"]: c for c in ctl("call", "list", account)}
    assert calls.keys() == {"c1", "c2"} and ctl("call", "list") == list(calls.values())
    assert ctl("call", "list", other) == []
    assert (calls["c1"]["accountno"], calls["c1"]["number"], calls["c1"]["upstream"]) == (account, NUMBER, "carrier")
    assert calls["c1"]["answer"] and not calls["c2"]["answer"]
    assert ctl("call", "show", account, "c1") == calls["c1"]
    assert "CALL" in ctl.fails("call", "show", account, "c3", code=FAILED)
    assert "CALL" in ctl.fails("call", "show", other, "c1", code=FAILED)
    assert ctl("call", "kill", account, "c1")["call"] == "c1"
    assert "CALL" in ctl.fails("call", "kill", account, "c3", code=FAILED)

    for call, code, reason in (("c1", "200", "answered"), ("c2", "486", "busy")):
        assert server.fcall("call_finish", key, call, code, reason, "caller", "", "", "", "", "", "0", "")[0] == "ok"
    assert ctl("call", "list") == []
    cdrs = ctl("cdr", "list", account)
    assert [(c["call"], c["code"], c["reason"]) for c in cdrs] == [("c2", 486, "busy"), ("c1", 200, "answered")]
    assert [c["call"] for c in ctl("cdr", "list", account, "--last", 1)] == ["c2"]
    assert len(ctl.table("cdr", "list", account)) == 3


def test_control_characters_from_the_wire_never_reach_a_terminal(ctl, server, account, key, order):
    ctl("grant", account, "11", "--sessions", 10)
    admit(server, key, "c1")
    server.client.hset(f"{key}:call:c1", "from", "\x1b[2Jevil")
    assert "?[2Jevil" in ctl.run("call", "list").stdout
    server.client.hset(f"{key}:call:c1", "from", "\x9b2Jgr\u00fcn\u202e")
    assert "?2Jgr\u00fcn?" in ctl.run("call", "list").stdout
    server.client.hset(f"{key}:call:c1", "from", b"caf\xe9")
    assert ctl("call", "list")[0]["from"] == "caf?"


def test_number_cancel(ctl, server, account, key, order):
    ctl("inventory", "import", "-", stdin=f"number,state,ratecenter,city\n{NUMBER},WA,S,S\n")
    server.fcall("inv_hold", "inv:{WA}", "x", 60000, NUMBER)
    server.fcall("inv_sell", "inv:{WA}", "x", NUMBER)
    assert ctl("number", "cancel", account, NUMBER) == {"number": NUMBER, "accountno": account, "status": 2}
    assert not server.client.exists(f"did:{NUMBER}") and not server.client.exists(f"{key}:sagas")
    stock = ctl("number", "show", NUMBER)
    assert (stock["inventory"], stock["stock"], stock["ratecenter"]) == ("WA", "resting", "S") and stock["until"]
    assert "cancelled already" in ctl.fails("number", "cancel", account, NUMBER)
    assert "not one of this account's" in ctl.fails("number", "cancel", account, "2062190009")


def test_number_show_of_stock(ctl, server):
    ctl("inventory", "import", "-", stdin="number,state,ratecenter,city\n8662190001,,,\n")
    assert ctl("number", "show", "8662190001") == {"number": "8662190001", "inventory": "tf", "stock": "free",
                                                   "holder": "", "until": None, "ratecenter": "", "city": ""}
    server.fcall("inv_hold", "inv:{tf}", "7001:c:5", 60000, "8662190001")
    held = ctl("number", "show", "8662190001")
    assert (held["stock"], held["holder"]) == ("held", "7001:c:5") and held["until"]
    assert "no inventory knows it" in ctl.fails("number", "show", "2062190001")


def test_order_cancel(ctl, server, account, key, trunk):
    ctl("inventory", "import", "-", stdin=f"number,state,ratecenter,city\n{NUMBER},WA,S,S\n")
    server.fcall("inv_hold", "inv:{WA}", f"{account}:c:7", 60000, NUMBER)
    for function, *args in (("cart_open", "landline", 7), ("cart_add", 7, 10 ** 13, NUMBER, "WA"),
                            ("order_create", 8, 7, trunk, 60000)):
        assert server.fcall(function, key, *args)[0] == "ok"
    server.fcall("inv_move", "inv:{WA}", f"{account}:c:7", f"{account}:o:8", 60000, NUMBER)
    for _ in range(2):
        assert ctl("order", "cancel", account, 8)["step"] == "cancelled"
        assert ctl("number", "show", NUMBER)["stock"] == "free"
    assert "no such order" in ctl.fails("order", "cancel", account, 9)


def test_a_paid_order_is_not_cancelled(ctl, account, order):
    assert "cancel its numbers" in ctl.fails("order", "cancel", account, order)
