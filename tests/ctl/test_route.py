"""Carriers, gateways and rates."""

import pytest

from ctl_client import FAILED


def test_carrier_addresses_are_expanded(ctl, server):
    added = ctl("carrier", "add", "Level 3", "192.0.2.0/30,2001:DB8::0001", "198.51.100.7")
    assert [a["address"] for a in added] == ["192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1",
                                             "198.51.100.7"]
    assert server.client.hgetall("ip:2001:db8::1") == {"kind": "carrier", "name": "Level 3"}
    assert server.client.scard("sources") == 6
    assert len(ctl("carrier", "add", "wide", "10.1.2.0/24")) == 256


def test_carrier_add_may_be_repeated(ctl):
    for _ in range(2):
        ctl("carrier", "add", "c", "192.0.2.1")
    assert ctl("carrier", "list") == [{"name": "c", "address": "192.0.2.1"}]


def test_an_address_belongs_to_one(ctl, server):
    ctl("carrier", "add", "first", "192.0.2.1")
    server.fcall("source_claim", "ip:192.0.2.2", "trunk", "1000001", "5")
    assert "carrier first" in ctl.fails("carrier", "add", "second", "192.0.2.0,192.0.2.1")
    assert "trunk 5 of account 1000001" in ctl.fails("carrier", "add", "second", "192.0.2.2")
    assert not server.client.exists("ip:192.0.2.0"), "all or none"


def test_carrier_remove(ctl, server):
    ctl("carrier", "add", "a", "192.0.2.0/31,2001:db8::1")
    ctl("carrier", "add", "b", "192.0.2.2")
    server.fcall("source_claim", "ip:192.0.2.9", "trunk", "1000001", "5")
    server.fcall("index_add", "sources", "192.0.2.9")
    assert ctl("carrier", "remove", "2001:DB8:0::1") == [{"name": "a", "address": "2001:db8::1"}]
    assert len(ctl("carrier", "remove", "a")) == 2
    assert ctl("carrier", "list") == [{"name": "b", "address": "192.0.2.2"}]
    assert "NAME|ADDR" in ctl.fails("carrier", "remove", "a", code=FAILED)
    assert "NAME|ADDR" in ctl.fails("carrier", "remove", "192.0.2.9", code=FAILED)
    assert server.client.exists("ip:192.0.2.9") and not server.client.exists("ip:192.0.2.0")


def test_carrier_changes_are_published(ctl, server):
    with server.client.pubsub(ignore_subscribe_messages=False) as channel:
        channel.subscribe("tl:sources")
        channel.get_message(timeout=5)
        ctl("carrier", "add", "c", "192.0.2.1")
        assert channel.get_message(timeout=5)["data"] == "192.0.2.1"


def test_gateway_with_routes(ctl, server):
    made = ctl("gateway", "add", "g1", "127.0.0.9:5070", "--prefixes", "1,1206", "--priority", 2, "--weight", 3,
               "--strip", 1, "--prefix", "+99", "--capacity", 10, "--cps", 5)
    assert made["routes"] == "1:2:3,1206:2:3"
    assert server.client.hgetall("gw:{g1}") == {
        "name": "g1", "host": "127.0.0.9", "port": "5070", "transport": "udp", "prefix": "+99", "strip": "1",
        "capacity": "10", "cps": "5", "status": "1"}
    assert server.client.smembers("gateways") == {"g1"}
    assert server.fcall("lcr_route", "lcr:{default}", "12065551234")[-3:] == ["g1", "1", "3"]


def test_gateway_changed(ctl):
    ctl("gateway", "add", "g1", "[2001:db8::1]:5070", "--capacity", 10, "--strip", 2)
    changed = ctl("gateway", "add", "g1", "192.0.2.1", "--capacity", "none")
    assert (changed["host"], changed["port"], changed["capacity"], changed["strip"]) == ("192.0.2.1", 5060, None, 2)


def test_gateway_transport(ctl):
    assert ctl("gateway", "add", "g1", "192.0.2.1")["transport"] == "udp"
    made = ctl("gateway", "add", "g2", "192.0.2.1", "--transport", "tls")
    assert (made["transport"], made["port"]) == ("tls", 5061)
    assert ctl("gateway", "add", "g2", "192.0.2.1:5070", "--transport", "tcp")["port"] == 5070
    assert "udp, tcp or tls" in ctl.fails("gateway", "add", "g3", "192.0.2.1", "--transport", "sctp", code=2)


@pytest.mark.parametrize("typed, host, port", [
    ("gw.example.com", "gw.example.com", None), ("gw.example.com:5070", "gw.example.com", 5070),
    ("localhost", "localhost", None), ("192.0.2.1", "192.0.2.1", 5060), ("[2001:db8::1]", "2001:db8::1", 5060)])
def test_gateway_host(ctl, typed, host, port):
    made = ctl("gateway", "add", "g1", typed)
    assert (made["host"], made["port"]) == (host, port)


def test_gateway_moves_from_an_address_to_a_name(ctl, server):
    ctl("gateway", "add", "g1", "192.0.2.1:5070")
    made = ctl("gateway", "add", "g1", "gw.example.com", "--transport", "tls")
    assert (made["host"], made["port"], made["transport"]) == ("gw.example.com", None, "tls")
    assert server.client.hget("gw:{g1}", "port") == ""


@pytest.mark.parametrize("typed", ["192.0.2", "192.0.2.300", "0.0.0.0", "224.0.0.1", "gw_1.example", "a-.example",
                                   "gw.example:0", "gw.example:65536", "gw.example:", "a..b", "2001:db8::g", "",
                                   "sip:gw.example", "a" * 64 + ".example"])
def test_what_is_no_gateway_host(ctl, server, typed):
    assert "host name" in ctl.fails("gateway", "add", "g1", typed, code=2)
    assert not server.client.exists("gw:{g1}")


def test_gateway_route(ctl):
    assert "NAME" in ctl.fails("gateway", "route", "g1", "1")
    ctl("gateway", "add", "g1", "192.0.2.1")
    assert ctl("gateway", "route", "g1", "44", "49,33", "--priority", 2)["routes"] == "33:2:1,44:2:1,49:2:1"
    assert ctl("gateway", "route", "g1", "33", "--remove")["routes"] == "44:2:1,49:2:1"
    assert "PREFIX" in ctl.fails("gateway", "route", "g1", "33", "--remove")


def test_gateway_list(ctl):
    ctl("gateway", "add", "b", "192.0.2.2", "--prefixes", "1", "--deck", "gold")
    ctl("gateway", "add", "a", "192.0.2.1", "--prefixes", "1")
    assert [(g["name"], g["routes"]) for g in ctl("gateway", "list")] == [("a", "1:1:1"), ("b", "")]
    assert [(g["name"], g["routes"]) for g in ctl("gateway", "list", "--deck", "gold")] == [("a", ""), ("b", "1:1:1")]


def test_gateway_remove_takes_its_routes_of_all_decks(ctl, server):
    ctl("account", "add", "--deck", "gold")
    for deck in ("default", "gold", "spare"):
        ctl("gateway", "add", "g1", "192.0.2.1", "--prefixes", "1,44", "--deck", deck)
        ctl("gateway", "add", "g2", "192.0.2.2", "--prefixes", "1", "--deck", deck)
    assert ctl("gateway", "remove", "g1", "--deck", "spare") == {"name": "g1", "routes_removed": 6}
    for deck in ("default", "gold", "spare"):
        assert server.client.hgetall(f"lcr:{{{deck}}}:route") == {"1": "g2:1:1"}
    assert server.client.smembers("gateways") == {"g2"} and not server.client.exists("gw:{g1}")
    assert "NAME" in ctl.fails("gateway", "remove", "g1")


def test_a_removal_that_broke_off_is_finished(ctl, server):
    ctl("gateway", "add", "g1", "192.0.2.1")
    server.client.delete("gw:{g1}")
    ctl("gateway", "remove", "g1")
    assert not server.client.exists("gateways")


def test_rates(ctl, server):
    ctl("rate", "set", "1", "0.0085")
    shown = ctl("rate", "set", "44", "0.0225", "--increment", 60, "--minimum", 0, "--deck", "gold")
    assert shown == {"prefix": "44", "rate": "0.0225", "increment": 60, "minimum": 0}
    assert server.client.hgetall("lcr:{default}:rate") == {"1": "85:6:6"}
    assert ctl("rate", "list", "--deck", "gold") == [shown]


@pytest.mark.parametrize("row, reason", [
    ("x,0.01,6,6", "prefix"), (",0.01,6,6", "prefix"), ("1234567890123456,0.01,6,6", "prefix"),
    ("1,,6,6", "rate"), ("1,-1,6,6", "rate"), ("1,0.00001,6,6", "rate"), ("1,10001,6,6", "rate"),
    ("1,0.01,0,6", "increment"), ("1,0.01,,6", "increment"), ("1,0.01,6,3601", "minimum"),
    ("1,0.01,6", "wrong number of fields")])
def test_rate_import_reports_bad_rows(ctl, row, reason):
    done = ctl("rate", "import", "-", stdin=f"prefix,rate,increment,minimum\n44,0.02,1,1\n{row}\n")
    assert (done["rows"], done["set"], done["bad"]) == (2, 1, 1)
    assert done["bad_rows"][0]["line"] == 3 and done["bad_rows"][0]["reason"].startswith(reason)


def test_rate_import_of_many(ctl, tmp_path):
    path = tmp_path / "rates.csv"
    path.write_text("prefix,rate,increment,minimum\n" + "".join(f"1{n:05d},0.01,6,6\n" for n in range(12345)))
    assert ctl("rate", "import", path)["set"] == 12345
    assert len(ctl("rate", "list")) == 12345


def test_rate_import_of_nothing(ctl):
    assert ctl.run("rate", "import", "-", stdin="prefix,rate,increment,minimum\n").returncode == FAILED
