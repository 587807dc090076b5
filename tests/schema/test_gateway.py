"""Library gateway: sources, gateways, routes and rates."""

import pytest

from harness import wait_for
from schema_client import fields

DECK = "lcr:{default}"


@pytest.fixture
def channel(schema):
    """The next message of the channels."""
    with schema.client.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe("tl:sources", "tl:gateways")
        wait_for(lambda: schema.client.pubsub_numsub("tl:sources")[0][1] == 1)

        def message():
            found = wait_for(lambda: pubsub.get_message(timeout=1), 2)
            return found["channel"], found["data"]

        def silent():
            return pubsub.get_message(timeout=0.05) is None
        message.silent = silent
        yield message


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_source_has_one_owner(schema, channel, address):
    key = f"ip:{address}"
    assert schema.source_get(key) == ["notfound"]
    assert schema.source_claim(key, "carrier", "Level 9") == ["ok"]
    assert channel() == ("tl:sources", address)
    assert schema.source_claim(key, "carrier", "Level 9") == ["ok"]
    assert schema.source_claim(key, "carrier", "other") == ["taken"]
    assert schema.source_claim(key, "trunk", "7001", 11) == ["taken"]
    assert fields(schema.source_get(key)) == {"kind": "carrier", "name": "Level 9"}
    assert schema.source_release(key, "trunk", "7001", 11) == ["taken"]
    assert channel.silent()
    assert schema.source_release(key, "carrier", "Level 9") == ["ok"]
    assert channel() == ("tl:sources", address)
    assert schema.source_release(key, "carrier", "Level 9") == ["ok"]
    assert channel.silent()


def test_source_of_a_trunk(schema):
    assert schema.source_claim("ip:192.0.2.1", "trunk", "7001", 11) == ["ok"]
    assert schema.source_claim("ip:192.0.2.1", "trunk", "7001", 12) == ["taken"]
    assert schema.source_claim("ip:192.0.2.1", "trunk", "7002", 11) == ["taken"]
    assert fields(schema.source_get("ip:192.0.2.1")) == {"kind": "trunk", "account": "7001", "tg": "11"}
    for bad in [("trunk", "7001"), ("trunk", "", 1), ("customer", "x"), ("carrier", "")]:
        schema.error("source_claim", "ip:192.0.2.1", *bad)


def test_gateway(schema, channel):
    assert schema.gateway_get("gw:{g1}") == ["notfound"]
    assert schema.gateway_set("gw:{g1}", "host", "192.0.2.9", "capacity", "20") == ["ok"]
    assert channel() == ("tl:gateways", "g1")
    assert fields(schema.gateway_get("gw:{g1}")) == {
        "name": "g1", "host": "192.0.2.9", "port": "", "transport": "udp", "prefix": "", "strip": "0",
        "capacity": "20", "cps": "", "status": "1"}
    assert schema.gateway_set("gw:{g1}", "port", "5070", "status", "0", "prefix", "99") == ["ok"]
    held = fields(schema.gateway_get("gw:{g1}"))
    assert (held["host"], held["port"], held["status"], held["prefix"]) == ("192.0.2.9", "5070", "0", "99")
    assert channel() == ("tl:gateways", "g1")
    assert schema.gateway_remove("gw:{g1}") == ["ok"]
    assert channel() == ("tl:gateways", "g1")
    assert schema.gateway_remove("gw:{g1}") == ["notfound"]
    assert channel.silent()


@pytest.mark.parametrize("host", ["2001:db8::9", "gw.example.com", "localhost", "Gw-1.example", "1a.2b", "123.example",
                                  "a" * 63 + ".example"])
def test_hosts(schema, host):
    assert schema.gateway_set(G, "host", host) == ["ok"]
    held = fields(schema.gateway_get(G))
    assert (held["host"], held["port"]) == (host, "")


@pytest.mark.parametrize("host", ["192.0.2", "192.0.2.256", "192.0.2.1.5", "example.1", "-gw.example", "gw-.example",
                                  "gw..example", ".example", "example.", "_sip.example", "gw.example:5060", "[::1]",
                                  "1:2", "a" * 64 + ".example", ".".join(["a" * 49] * 6)])
def test_what_is_no_host(schema, host):
    assert "host" in schema.error("gateway_set", G, "host", host)


@pytest.mark.parametrize("pairs", [("port", "5060"), ("host", ""), ("host", "a b"), ("host", "h", "port", "0"),
                                   ("host", "h", "transport", "sctp"), ("host", "h", "strip", "-1"),
                                   ("host", "h", "name", "x"), ("host", "h", "prefix", "abc"), ("host", "h", "port")])
def test_gateway_misuse(schema, pairs):
    schema.error("gateway_set", "gw:{g1}", *pairs)


def test_routes_by_longest_prefix(schema):
    assert schema.lcr_route(DECK, "12065550100") == ["noroute", "", "0", "1", "0"]
    for prefix, gateway, priority, weight in [("1", "g1", 1, 10), ("1206", "g3", 2, 1), ("1206", "g2", 1, 5),
                                              ("1206", "g1", 1, 5), ("44", "g4", 1, 1)]:
        assert schema.route_set(DECK, prefix, gateway, priority, weight) == ["ok"]
    assert schema.rate_set(DECK, "1", "100", "6", "6", "120655", "250", "60", "60") == ["ok", "2"]
    assert schema.lcr_route(DECK, "12065550100") == [
        "ok", "1206", "120655", "250", "60", "60", "g1", "1", "5", "g2", "1", "5", "g3", "2", "1"]
    assert schema.lcr_route(DECK, "12125550100") == ["ok", "1", "1", "100", "6", "6", "g1", "1", "10"]
    assert schema.lcr_route(DECK, "442071838750") == ["ok", "44", "", "", "", "", "g4", "1", "1"]
    assert schema.lcr_route(DECK, "4") == ["noroute", "", "", "", ""]
    assert schema.lcr_route(DECK, "1") == ["ok", "1", "1", "100", "6", "6", "g1", "1", "10"]
    assert schema.lcr_route(DECK, "331") == ["noroute", "", "", "", ""]
    assert schema.rate_set(DECK, "33", "30", "1", "0") == ["ok", "1"]
    assert schema.lcr_route(DECK, "331") == ["noroute", "33", "30", "1", "0"]  # a price is no way there
    for bad in ("", "+1206", "abc"):
        schema.error("lcr_route", DECK, bad)


def test_route_is_replaced_and_removed(schema):
    schema.route_set(DECK, "1", "g1", 1, 1)
    schema.route_set(DECK, "1", "g2", 2, 1)
    schema.route_set(DECK, "1", "g1", 3, 7)
    assert schema.lcr_route(DECK, "1")[6:] == ["g2", "1", "1", "g1", "2", "7"]
    assert schema.table("route_list", DECK) == [
        {"prefix": "1", "gateway": "g2", "priority": "2", "weight": "1", "cost": ""},
        {"prefix": "1", "gateway": "g1", "priority": "3", "weight": "7", "cost": ""}]
    assert schema.route_remove(DECK, "1", "g2") == ["ok"]
    assert schema.route_remove(DECK, "1", "g2") == ["notfound"]
    assert schema.route_remove(DECK, "1", "g1") == ["ok"]
    assert schema.lcr_route(DECK, "1")[0] == "noroute"
    assert schema.client.keys("lcr*") == []
    for bad in [("1", "g1", 0, 1), ("1", "g:1", 1, 1), ("", "g1", 1, 1), ("1", "g1", 1, "")]:
        schema.error("route_set", DECK, *bad)


def test_least_cost_among_equal_priorities(schema):
    for gateway, priority, weight, cost in [("g1", 1, 1, 900), ("g2", 1, 2, 85), ("g3", 1, 3, 85), ("g4", 2, 1, 0),
                                            ("g5", 1, 4, 1000)]:
        assert schema.route_set(DECK, "1", gateway, priority, weight, cost) == ["ok"]
    assert schema.lcr_route(DECK, "12")[6:] == ["g2", "1", "2", "g3", "1", "3", "g1", "2", "1", "g5", "3", "4",
                                                "g4", "4", "1"]
    assert [r["cost"] for r in schema.table("route_list", DECK)] == ["85", "85", "900", "1000", "0"]
    schema.route_set(DECK, "1", "g5", 1, 4)  # no cost is 0
    assert schema.lcr_route(DECK, "12")[6:9] == ["g5", "1", "4"]
    for bad in ("-1", "x", "100000001", "1.5"):
        schema.error("route_set", DECK, "1", "g1", 1, 1, bad)


G = "gw:{g1}"


def places(schema):
    return [f"{r['account']}/{r['call']}" for r in schema.table("gateway_calls", G)]


def test_capacity(schema):
    schema.gateway_set(G, "host", "192.0.2.9", "capacity", 2)
    assert schema.gateway_take(G, "7001", "c1", 60000) == ["ok"]
    assert schema.gateway_take(G, "7001", "c1", 60000) == ["ok"]  # the same place
    assert schema.gateway_take(G, "7002", "c1", 60000) == ["ok"]
    assert schema.gateway_take(G, "7001", "c3", 60000) == ["full"]
    assert schema.gateway_take(G, "7001", "c1", 60000) == ["ok"]
    assert places(schema) == ["7001/c1", "7002/c1"]
    assert schema.gateway_drop(G, "7001", "c1") == ["ok"]
    assert schema.gateway_drop(G, "7001", "c1") == ["ok"]
    assert schema.gateway_take(G, "7001", "c3", 60000) == ["ok"]
    schema.gateway_set(G, "capacity", 3)  # counts at once
    assert schema.gateway_take(G, "7001", "c4", 60000) == ["ok"]
    schema.gateway_set(G, "capacity", "")
    assert schema.gateway_take(G, "7001", "c5", 60000) == ["ok"]
    assert schema.gateway_remove(G) == ["ok"]
    assert schema.gateway_take(G, "7001", "c6", 60000) == ["notfound"]
    assert schema.client.keys("gw:*") == []


def test_lease_of_a_place_ends(schema):
    schema.gateway_set(G, "host", "192.0.2.9", "capacity", 1)
    assert schema.gateway_take(G, "7001", "c1", 30) == ["ok"]
    assert schema.gateway_take(G, "7001", "c2", 30) == ["full"]
    wait_for(lambda: schema.gateway_take(G, "7001", "c2", 60000) == ["ok"], 2)
    assert places(schema) == ["7001/c2"]


def test_calls_a_second_of_a_gateway(schema):
    schema.gateway_set(G, "host", "192.0.2.9", "cps", 3)
    started = schema.now()
    taken = []
    call = 0
    while len(taken) < 10:
        call += 1
        before = schema.now()
        if schema.gateway_take(G, "7001", f"c{call}", 60000) == ["ok"]:
            taken.append((before, schema.now()))
    assert all(b[1] - a[0] >= 1000 for a, b in zip(taken, taken[3:]))
    assert schema.now() - started < 4500
    again = f"c{call}"
    assert schema.gateway_take(G, "7001", again, 60000) == ["ok"]  # a repeat is no new call
    schema.gateway_set(G, "cps", 0)
    assert schema.gateway_take(G, "7001", "other", 60000) == ["cps"]


def test_burst_of_calls_to_a_gateway(schema):
    schema.gateway_set(G, "host", "192.0.2.9", "cps", 100)
    n, times = 0, []
    while len(times) < 60:
        n += 1
        if schema.gateway_take(G, "7001", f"c{n}", 60000) == ["ok"]:
            times.append(int(schema.client.lindex("gw:{g1}:cps", 0)))
    assert all(b - a >= 250 for a, b in zip(times, times[25:]))


def test_take_misuse(schema):
    schema.gateway_set(G, "host", "192.0.2.9")
    for bad in [("7001", "c1", 0), ("7001", "c/1", 5), ("70/01", "c1", 5), ("7001", "c1"), ("", "c1", 5)]:
        schema.error("gateway_take", G, *bad)


def test_rates_are_set_all_or_none(schema):
    assert schema.rate_set(DECK, "1", "100", "6", "6") == ["ok", "1"]
    assert schema.rate_set(DECK, "1", "120", "1", "0", "44", "0", "60", "60") == ["ok", "2"]
    assert schema.table("rate_list", DECK) == [
        {"prefix": "1", "rate": "120", "increment": "1", "minimum": "0"},
        {"prefix": "44", "rate": "0", "increment": "60", "minimum": "60"}]
    for bad in [("1", "130", "6", "6", "2", "x", "6", "6"), ("1", "130", "0", "6"), ("1", "130", "6"),
                ("1", "130", "6", "-1"), ("1", "1000000000", "6", "6")]:
        schema.error("rate_set", DECK, *bad)
