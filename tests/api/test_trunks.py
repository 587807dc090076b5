"""Trunk groups of both kinds."""

import re
import threading

import pytest

from document import check_reply
from harness import Stack

DATE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
BASE = {"title": "main", "primaryTrunk": "127.0.0.3", "billingType": "Metered"}


def _define(api, **params):
    return check_reply("defineTrunk", api.defineTrunk(**{**BASE, **params}))["tg_id"]


def _get(api, trunk):
    found, = check_reply("get_trunk", api.get_trunk(tg_id=trunk))["data"]
    return found


def test_everything_given_comes_back(api):
    reply = api.defineTrunk(title="All of it", primaryTrunk="127.0.0.3", primaryPrefix="0055", primaryPort="5070",
                            secondaryTrunk="2001:DB8:0::1", secondaryPrefix="123456", secondaryPort="65535",
                            billingType="unmetered", sessions="12", mou="unlimited",
                            call_forwarding="+12062190009")
    assert reply.good()["success"] == "Trunk group added successfully."
    found = _get(api, reply["tg_id"])
    date = found.pop("date")
    assert DATE.match(date)
    assert found == {
        "id": reply["tg_id"], "accountno": api.accountno, "title": "All of it", "primaryIP": "127.0.0.3",
        "primaryPort": "5070", "prefix_1": "0055", "secondaryIP": "2001:db8::1", "secondaryPort": "65535",
        "prefix_2": "123456", "req_sessions": "12", "alloc_sessions": "12", "status": "1",
        "billingType": "Unmetered", "mou": "Unlimited", "call_forwarding": "2062190009"}


def test_defaults(api):
    found = _get(api, _define(api))
    assert found["primaryPort"] == "5060" and found["secondaryIP"] == found["secondaryPort"] == ""
    assert found["prefix_1"] == found["prefix_2"] == found["mou"] == found["call_forwarding"] == ""
    assert found["req_sessions"] == found["alloc_sessions"] == "0"


def test_metered_without_sessions_has_no_limit(api, rest):
    trunk = _define(api)
    assert "sessions" not in rest.redis.client.hgetall(f"{{a:{api.accountno}}}:tg:{trunk}")


def test_sessions_are_required_for_unmetered(api):
    api.defineTrunk(**{**BASE, "billingType": "Unmetered"}).refused("Invalid sessions")
    api.defineTrunk(**{**BASE, "billingType": "Unmetered", "sessions": ""}).refused("Invalid sessions")


def test_ids_count_up_and_list_is_in_order(api):
    one, two = int(_define(api)), int(_define(api))
    assert two > one
    ids = [int(t["id"]) for t in api.get_trunk().good()["data"]]
    assert ids == sorted(ids) and {one, two} <= set(ids)


def test_paging(other):
    ids = [_define(other) for _ in range(5)]
    assert "total" not in other.get_trunk().good().data
    reply = other.get_trunk(limit="2", offset="1").good()
    assert reply["total"] == "5" and [t["id"] for t in reply["data"]] == ids[1:3]
    assert other.get_trunk(offset="9").good()["data"] == []
    other.get_trunk(limit="0").refused("Invalid limit")


UPDATES = [("title", "title", "New name"), ("primaryTrunk", "primaryIP", "127.0.0.8"),
           ("primaryPrefix", "prefix_1", "4321"), ("primaryPort", "primaryPort", "5099"),
           ("secondaryTrunk", "secondaryIP", "127.0.0.9"), ("secondaryPrefix", "prefix_2", "9876"),
           ("secondaryPort", "secondaryPort", "5098"), ("call_forwarding", "call_forwarding", "2062190008")]


@pytest.mark.parametrize("param,key,value", UPDATES)
def test_update_changes_what_is_given_alone(api, param, key, value):
    trunk = _define(api, primaryPrefix="1111", secondaryTrunk="127.0.0.4", secondaryPrefix="2222",
                    call_forwarding="2062190009", sessions="3")
    before = _get(api, trunk)
    reply = check_reply("update_trunk", api.update_trunk(trunkid=trunk, **{param: value}))
    assert reply["trunkid"] == trunk and reply["success"] == "Trunk successfully Updated."
    assert _get(api, trunk) == {**before, key: value}


@pytest.mark.parametrize("param,key,cleared", [
    ("primaryPrefix", "prefix_1", ""), ("primaryPort", "primaryPort", "5060"), ("secondaryTrunk", "secondaryIP", ""),
    ("secondaryPrefix", "prefix_2", ""), ("call_forwarding", "call_forwarding", "")])
def test_empty_clears_what_can_be_cleared(api, param, key, cleared):
    trunk = _define(api, primaryPrefix="1111", primaryPort="5099", secondaryTrunk="127.0.0.4", secondaryPrefix="2222",
                    call_forwarding="2062190009")
    api.update_trunk(trunkid=trunk, **{param: ""}).good()
    assert _get(api, trunk)[key] == cleared


def test_title_and_primary_can_not_be_cleared(api):
    trunk = _define(api)
    before = _get(api, trunk)
    api.update_trunk(trunkid=trunk, primaryPrefix="1234", title="").refused("Invalid title")
    api.update_trunk(trunkid=trunk, primaryPrefix="1234", primaryTrunk="").refused("Invalid primaryTrunk")
    assert _get(api, trunk) == before


def test_update_of_nothing(api):
    api.update_trunk(trunkid=_define(api)).good()
    api.update_trunk(trunkid="987654").refused("Invalid trunkid")


# --- termination -------------------------------------------------------------------

def _term(api, address, **params):
    reply = api.defineTrunk_termination(**{"title": "out", "ipaddress": address, "ports": "10", **params})
    return check_reply("defineTrunk_termination", reply)["tg_id"]


def test_termination_comes_back(api):
    trunk = _term(api, "127.0.5.1", cps="7")
    found, = check_reply("get_trunk_termination", api.get_trunk_termination(tg_id=trunk))["data"]
    config = found.pop("config")
    assert config == "" or re.match(r"^http://[^/]+/ajax/settings_pdf/127\.0\.5\.1\?", config)
    assert found == {"id": trunk, "accountno": api.accountno, "title": "out", "ipaddress": "127.0.5.1", "ports": "10",
                     "cps": "7", "ports_assigned": "10", "cps_assigned": "7", "status": "1"}


def test_termination_default_cps(api):
    trunk = _term(api, "127.0.5.2")
    found, = api.get_trunk_termination(tg_id=trunk).good()["data"]
    assert found["cps"] == found["cps_assigned"] == "10"


def test_an_address_belongs_to_one_trunk(api, other, rest):
    trunk = _term(api, "127.0.5.3")
    for client in (api, other):
        client.defineTrunk_termination(title="t", ipaddress="127.0.5.3", ports="1").refused("Invalid ipaddress")
    api.defineTrunk_termination(title="t", ipaddress=rest.carrier, ports="1").refused("Invalid ipaddress")
    assert rest.redis.client.hgetall("ip:127.0.5.3") == {"kind": "trunk", "account": api.accountno, "tg": trunk}
    assert rest.redis.client.sismember("sources", "127.0.5.3")


def test_disabled_frees_the_address(api, other, rest):
    trunk = _term(api, "127.0.5.4")
    other.disable_trunk_termination(tg_id=trunk).refused("Invalid tg_id")
    reply = api.disable_trunk_termination(tg_id=trunk).good()
    assert reply.text == '{"status":"200","Removed TNs":"Diabled Successfully"}'
    assert not rest.redis.client.exists("ip:127.0.5.4")
    assert not rest.redis.client.sismember("sources", "127.0.5.4")
    assert api.get_trunk_termination(tg_id=trunk).good()["data"][0]["status"] == "0"
    theirs = _term(other, "127.0.5.4")
    api.disable_trunk_termination(tg_id=trunk).good()  # once more: the other's stays
    assert rest.redis.client.hget("ip:127.0.5.4", "tg") == theirs
    assert rest.redis.client.sismember("sources", "127.0.5.4")


def test_ipv6_and_mapped_address(api, rest):
    trunk = _term(api, "2001:DB8::00FF")
    assert api.get_trunk_termination(tg_id=trunk).good()["data"][0]["ipaddress"] == "2001:db8::ff"
    _term(api, "::ffff:127.0.5.5")
    api.defineTrunk_termination(title="t", ipaddress="127.0.5.5", ports="1").refused("Invalid ipaddress")


def test_orphaned_address_is_taken_over(api, rest):
    """After a crash between claim and definition, or between disabling and release."""
    rest.redis.fcall("source_claim", "ip:127.0.5.6", "trunk", api.accountno, "987654")
    assert rest.redis.client.hget("ip:127.0.5.6", "tg") != _term(api, "127.0.5.6") != "987654"
    trunk = _term(api, "127.0.5.7")
    rest.redis.fcall("trunk_disable", f"{{a:{api.accountno}}}", trunk, "out")
    assert _term(api, "127.0.5.7") == rest.redis.client.hget("ip:127.0.5.7", "tg")


def test_one_of_many_gets_the_address(rest):
    clients = [rest.api_of(*rest.add_account()) for _ in range(4)]
    replies = []

    def claim(client):
        replies.append(client.defineTrunk_termination(title="t", ipaddress="127.0.5.8", ports="1"))

    threads = [threading.Thread(target=claim, args=(c,)) for c in clients for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    won = [r for r in replies if r.ok]
    assert len(won) == 1, replies
    assert rest.redis.client.hget("ip:127.0.5.8", "tg") == won[0]["tg_id"]
    for loser in replies:
        assert loser.ok or loser.refused("Invalid ipaddress")
    enabled = [t for c in clients for t in c.get_trunk_termination().good()["data"] if t["status"] == "1"]
    assert [t["id"] for t in enabled] == [won[0]["tg_id"]]


# --- policy ------------------------------------------------------------------------

def test_policy_of_grants_and_loopback():
    conf = {"policy.sessions_auto": 5, "policy.ports_auto": 5, "policy.cps_auto": 2, "policy.cps_default": 1,
            "policy.loopback_trunks": False}
    with Stack(sipmod=False, conf=conf) as s:
        for address in ("127.0.0.3", "::1"):
            s.api.defineTrunk(**{**BASE, "primaryTrunk": address}).refused("Invalid primaryTrunk")
            s.api.defineTrunk(**{**BASE, "primaryTrunk": "192.0.2.1", "secondaryTrunk": address}).refused(
                "Invalid secondaryTrunk")
            s.api.defineTrunk_termination(title="t", ipaddress=address, ports="1").refused("Invalid ipaddress")
        for asked, granted in (("5", "5"), ("6", "0")):
            trunk = _define(s.api, primaryTrunk="192.0.2.1", sessions=asked)
            s.api.update_trunk(trunkid=trunk, primaryTrunk="127.0.0.1").refused("Invalid primaryTrunk")
            found = _get(s.api, trunk)
            assert (found["req_sessions"], found["alloc_sessions"]) == (asked, granted)
            trunk = _term(s.api, f"192.0.2.{asked}", ports=asked, cps="3")
            found, = s.api.get_trunk_termination(tg_id=trunk).good()["data"]
            assert (found["ports_assigned"], found["cps"], found["cps_assigned"]) == (granted, "3", "0")
        s.ctl("grant", s.account, trunk, "--sessions", "6", "--cps", "3")
        found, = s.api.get_trunk_termination(tg_id=trunk).good()["data"]
        assert (found["ports_assigned"], found["cps_assigned"]) == ("6", "3")


@pytest.mark.parametrize("character", ["\u202e", "\u200e", "\u2067", "\u061c", "\u200b", "\ufeff", "\U000e0041", "\xad",
                                       "\x85", "\u2028"])
def test_no_invisible_characters_in_a_title(api, character):
    made = {"title": f"a{character}b", "primaryTrunk": "127.0.0.3", "billingType": "Metered"}
    assert "control" in api.defineTrunk(**made).refused("Invalid title")["detail"]


def test_titles_of_all_languages(api):
    for title in ("Büro", "办公室", "مكتب", "می\u200cخواهم", "👩\u200d💻", "Ω"):
        made = api.defineTrunk(title=title, primaryTrunk="127.0.0.3", billingType="Metered").good()
        assert api.get_trunk(tg_id=made["tg_id"]).good()["data"][0]["title"] == title


def test_what_an_endpoint_does_not_know_is_told(api):
    made = api.defineTrunk(title="a", primaryTrunk="127.0.0.3", billingType="Metered", color="red").good()
    assert made.headers["X-Ignored-Parameters"] == "color"
    reply = api.update_trunk(trunk_id=made["tg_id"], title="b", sessions="5", billingType="Unmetered", **{"a b": "c"})
    assert reply.good().headers["X-Ignored-Parameters"] == "sessions, billingType"
    assert api.get_trunk(tg_id=made["tg_id"]).good()["data"][0]["billingType"] == "Metered"
    assert reply.headers["X-Ignored-Parameters"] and not api.get_trunk().headers["X-Ignored-Parameters"]
    assert api.update_trunk(trunkid=made["tg_id"], title="", sessions="5").headers["X-Ignored-Parameters"] == "sessions"
