"""What is free: states, blocks, numbers, toll-free numbers."""

import pytest

from document import check_reply


def test_states(api, rest):
    assert check_reply("availabilitystate", api.availabilitystate())["data"] == ["CA", "OR", "WA"]
    rest.import_inventory(("416222", "ON", "TORONTO", "Toronto", 1))
    assert api.availabilitystate().good()["data"] == ["CA", "ON", "OR", "WA"]
    api.reserve(category="landline", state="ON", number="4162220000").good()
    assert api.availabilitystate().good()["data"] == ["CA", "OR", "WA"]


@pytest.mark.parametrize("state", ["WA", "wa", "Wa"])
def test_blocks(api, state):
    reply = check_reply("availabilitynpanxx", api.availabilitynpanxx(state=state))
    assert reply["data"] == [
        {"NPANXX": "206219", "NPA": "206", "RateCenter": "SEATTLE", "available": "100"},
        {"NPANXX": "206220", "NPA": "206", "RateCenter": "SEATTLE", "available": "20"},
        {"NPANXX": "425270", "NPA": "425", "RateCenter": "RENTON", "available": "50"}]
    assert api.availabilitynpanxx(state="TX").good()["data"] == []


def test_numbers_ascend_with_everything(api):
    found = check_reply("searchdid", api.searchdid(state="WA"))["DIDs"]
    assert found[0] == {"TN": "2062190000", "statusid": "0", "NPANXX": "206219", "RateCenter": "SEATTLE",
                        "category": "landline"}
    numbers = [d["TN"] for d in found]
    assert numbers == sorted(numbers) and len(set(numbers)) == 170


@pytest.mark.parametrize("params,count", [
    ({"NPANXX": "206219"}, 100), ({"NPANXX": "206221"}, 0), ({"NPANXXYYYY": "2062190007"}, 1),
    ({"NPANXXYYYY": "12062190007"}, 1), ({"NPANXXYYYY": "+12062190007"}, 1), ({"NPANXXYYYY": "2062199999"}, 0),
    ({"NPANXX": "206219", "NPANXXYYYY": "2062190007"}, 1), ({"NPANXX": "206220", "NPANXXYYYY": "2062190007"}, 0),
    ({"ratecenter": "seattle"}, 120), ({"ratecenter": "RENTON"}, 50), ({"ratecenter": "NOWHERE"}, 0),
    ({"city": "Renton"}, 50), ({"ratecenter": "SEATTLE", "city": "Renton"}, 0),
    ({"NPANXX": "206220", "city": "seattle"}, 20), ({"NPANXXYYYY": "8002190001"}, 0)])
def test_narrowing(api, params, count):
    assert len(api.searchdid(state="WA", **params).good()["DIDs"]) == count


def test_other_states_numbers_are_not_found(api):
    assert api.searchdid(state="OR", NPANXX="206219").good()["DIDs"] == []
    assert api.searchdid(state="TX").good()["DIDs"] == []


@pytest.mark.parametrize("param", ["ratecenter", "city"])
def test_odd_place(api, param):
    api.searchdid(state="WA", **{param: "a|b"}).refused(f"Invalid {param}")
    assert api.searchdid(state="WA", **{param: "{*}[?]\\"}).good()["DIDs"] == []


def test_paging(api):
    everything = [d["TN"] for d in api.searchdid(state="WA").good()["DIDs"]]
    assert "total" not in api.searchdid(state="WA").data
    for offset, limit in ((0, 1), (95, 10), (99, 2), (100, 20), (169, 5), (170, 5), (1000, 1)):
        reply = api.searchdid(state="WA", limit=limit, offset=offset).good()
        assert reply["total"] == "170" and [d["TN"] for d in reply["DIDs"]] == everything[offset:offset + limit]
    reply = api.searchdid(state="WA", NPANXXYYYY="2062190001", NPANXX="425270", limit=1).good()
    assert reply["total"] == "0" and reply["DIDs"] == []
    for name, value in (("limit", "0"), ("limit", "10001"), ("limit", "x"), ("offset", "-1"), ("offset", "x")):
        api.searchdid(state="WA", **{name: value}).refused(f"Invalid {name}")


def test_without_limit_a_search_is_capped(rest):
    capped = rest.add_trunkd(policy__search_max=7)
    client = rest.api.with_(url=capped.url)
    assert len(client.searchdid(state="WA").good()["DIDs"]) == 7
    assert len(client.searchtfn(tfn_prefix="800").good()["TFNs"]) == 7
    assert len(client.searchdid(state="WA", limit=9).good()["DIDs"]) == 9


def test_tollfree(api):
    found = check_reply("searchtfn", api.searchtfn(tfn_prefix="800"))["TFNs"]
    assert [n["TN"] for n in found] == [f"800219{i:04d}" for i in range(20)]
    assert found[0] == {"TN": "8002190000", "statusid": "0", "category": "tollfree"}
    assert api.searchtfn(tfn_prefix="877").good()["TFNs"] == []
    reply = api.searchtfn(tfn_prefix="888", limit="3", offset="18").good()
    assert reply["total"] == "20" and [n["TN"] for n in reply["TFNs"]] == ["8882200018", "8882200019"]


@pytest.mark.parametrize("code", ["801", "900", "822", "206"])
def test_code_not_in_service(api, code):
    api.searchtfn(tfn_prefix=code).refused("Invalid tfn_prefix")
