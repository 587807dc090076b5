"""Library number: where a called number leads, and the numbers of an account."""

import pytest

from schema_client import NUMBERS, account_key

KEY = account_key()
ONE, TWO, THREE, FOUR = NUMBERS


@pytest.fixture
def service(schema):
    """An account with two trunks and three numbers."""
    schema.account(did_monthly="5000")
    schema.trunk_in(11, billing="Metered")
    schema.trunk_in(12, billing="Unmetered")
    schema.trunk_out(21)
    schema.credit(10000)
    schema.order = schema.numbers(TWO, ONE)
    schema.numbers("8002190003", tg=12, category="tollfree", state="tf")
    return schema


def numbers(schema, *filters):
    return schema.table("number_list", KEY, *filters)


def test_did_is_assigned_to_one_account(schema):
    did = f"did:{ONE}"
    assert schema.did_route(did) == ["notfound"]
    assert schema.did_assign(did, "7001", 11, "1", "") == ["ok", "1"]
    assert schema.did_assign(did, "7001", 12, "1", "AC|ME") == ["ok", "2"]
    assert schema.did_route(did) == ["ok", "7001", "12", "1", "AC|ME", "2"]
    assert schema.did_assign(did, "7002", 12, "1", "") == ["taken"]
    assert schema.did_release(did, "7002") == ["taken"]
    assert schema.did_release(did, "7001") == ["ok"]
    assert schema.did_release(did, "7001") == ["ok"]
    assert schema.did_assign(did, "7002", 12, "1", "") == ["ok", "1"]


@pytest.mark.parametrize("args", [("a b", 1, "1", ""), ("7", "x", "1", ""), ("7", 1, "3", ""), ("7", 1, "1", "a\n")])
def test_did_misuse(schema, args):
    schema.error("did_assign", f"did:{ONE}", *args)


def test_list_and_filters(service):
    one, two, tollfree = numbers(service)
    since = int(one.pop("since"))
    assert abs(since - service.now()) < 5000
    assert one == {"number": ONE, "tg": "11", "status": "1", "order": service.order, "category": "landline",
                   "type": "Metered", "order_type": "New", "monthly": "5000", "state": "WA", "cnam": ""}
    assert (tollfree["type"], tollfree["category"], tollfree["state"]) == ("Unmetered", "tollfree", "tf")
    assert two["number"] == TWO
    for filters, want in [(("landline",), [ONE, TWO]), (("", "0"), []), (("", "1"), [ONE, TWO, "8002190003"]),
                          (("", "", "12"), ["8002190003"]), (("", "", "", service.order), [ONE, TWO]),
                          (("", "", "", "", TWO), [TWO]), (("tollfree", "", "", "", TWO), []),
                          (("", "", "", "", FOUR), [])]:
        assert [n["number"] for n in numbers(service, *filters)] == want


def test_update(service):
    assert service.number_update(KEY, "12", "0", "ACME|CO", ONE, TWO) == ["ok"]
    assert [(n["tg"], n["status"], n["cnam"]) for n in numbers(service, "landline")] == [("12", "0", "ACME|CO")] * 2
    assert service.number_update(KEY, "", "1", "", ONE) == ["ok"]
    assert service.number_update(KEY, "", "", "-", ONE) == ["ok"]
    one, = numbers(service, "", "", "", "", ONE)
    assert (one["tg"], one["status"], one["cnam"], one["monthly"]) == ("12", "1", "", "5000")
    assert service.saga_list(KEY) == ["ok"]


def test_update_is_all_or_none(service):
    before = numbers(service)
    assert service.number_update(KEY, "", "0", "", ONE, FOUR) == ["notfound", FOUR]
    assert service.number_update(KEY, "99", "0", "", ONE) == ["trunk"]
    assert service.number_update(KEY, "21", "0", "", ONE) == ["trunk"]
    assert numbers(service) == before
    service.error("number_update", KEY, "", "3", "", ONE)
    service.error("number_update", KEY, "", "0", "", ONE, "206")


def test_cancelling_is_final_and_a_saga(service):
    assert service.number_update(KEY, "", "2", "", ONE, "8002190003") == ["ok"]
    assert service.saga_list(KEY) == ["ok", f"cancel:{ONE}", "cancel:8002190003"]
    for status in ("0", "1", "2", ""):
        assert service.number_update(KEY, "", status, "X", TWO, ONE) == ["cancelled", ONE]
    assert [n["status"] for n in numbers(service)] == ["2", "1", "2"]
    for _ in range(2):
        assert service.saga_done(KEY, f"cancel:{ONE}") == ["ok"]
    assert service.saga_list(KEY) == ["ok", "cancel:8002190003"]
    service.error("saga_done", KEY, "everything")
