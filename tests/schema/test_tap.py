"""Library tap: what was seen on the wire is recorded once, priced as an admission would have, and nothing else."""

import pytest

from schema_client import NUMBERS, account_key

KEY = account_key()
ONE, TWO = NUMBERS[:2]


@pytest.fixture
def seen(schema):
    """An account with a number on a metered trunk; nothing but `tap` and `tapped` may change."""
    schema.account(balance=10 ** 6, in_rate="120", tfn_rate="240", in_increment="6", in_minimum="12", onnet_rate="50")
    schema.trunk_in(11)
    schema.trunk_out(21)
    schema.numbers(ONE)
    before = rest(schema)
    yield schema
    assert rest(schema) == before


def rest(schema):
    return {k: v for k, v in schema.snapshot().items() if not k.startswith(f"{KEY}:tap")}


def records(schema):
    return schema.table("tap_list", KEY, 1000)


def test_an_incoming_call(seen):
    assert seen.tap("c1", ONE) == ["ok", "12", "24"]
    assert records(seen) == [{
        "call": "c1", "direction": "in", "tg": "11", "number": ONE, "from": "sip:from", "to": "sip:to",
        "upstream": "carrier", "source": "203.0.113.1:5060", "target": "192.0.2.1:5060", "callid": "id@host",
        "invite_ms": "1000000", "ring_ms": "1000020", "answer_ms": "1001000", "end_ms": "1008001", "ms": "7001",
        "billed": "12", "rate": "120", "amount": "24", "code": "200", "reason": "answered", "by": "caller",
        "attempts": "192.0.2.1:5060=200", "pdd_ms": "20", "node": "tap", "estimated": "0"}]


def test_once_a_call(seen):
    assert seen.tap("c1", ONE)[0] == "ok"
    assert seen.tap("c1", ONE, end=2000000) == ["repeat"]
    assert len(records(seen)) == 1


def test_prices(seen):
    assert seen.tap("out", "12065550100", "out", "21", rate="600", increment="1") == ["ok", "8", "80"]
    assert seen.tap("onnet", "12065550100", "out", "21", rate="600", increment="1", onnet="1") == ["ok", "12", "10"]
    assert seen.tap("failed", ONE, answer="", code="486", reason="busy") == ["ok", "0", "0"]
    assert seen.tap("unknown", TWO, answer="", code="404", reason="inactive") == ["ok", "0", "0"]
    by_call = {r["call"]: r for r in records(seen)}
    assert {c: by_call[c]["rate"] for c in by_call} == {"out": "600", "onnet": "50", "failed": "120", "unknown": "0"}
    assert by_call["unknown"]["tg"] == "" and by_call["failed"]["tg"] == "11"


def test_prices_are_those_of_an_admission(schema):
    """The same call, admitted and seen."""
    schema.account(balance=10 ** 6, in_rate="120", tfn_rate="240", in_increment="6", in_minimum="12")
    schema.trunk_in(11)
    schema.trunk_in(12, billing="Unmetered")
    schema.numbers(ONE, order="501")
    schema.numbers("8662190001", order="502", category="tollfree", state="tf")
    schema.numbers(TWO, order="503", tg=12)
    for i, number in enumerate([ONE, "8662190001", TWO]):
        assert schema.admit(f"c{i}", number)[0] == "ok"
        schema.answer(f"c{i}")
        billed = schema.finish(f"c{i}", answered="9000")
        cdr = schema.cdrs()[0]
        assert schema.tap(f"c{i}", number, answer=cdr["answer_ms"], end=cdr["end_ms"]) == billed
        assert records(schema)[0]["rate"] == cdr["rate"]


def test_old_and_many_are_forgotten(seen):
    for i in range(5):
        assert seen.tap(f"c{i}", ONE, most=3)[0] == "ok"
    assert [r["call"] for r in records(seen)] == ["c4", "c3", "c2"]
    assert seen.client.zcard(f"{KEY}:tapped") == 3
    entries = seen.client.xrange(f"{KEY}:tap")
    seen.client.delete(f"{KEY}:tap")
    old = seen.now() - 5000
    for (_, fields), at in zip(entries, range(3)):
        seen.client.xadd(f"{KEY}:tap", fields, id=f"{old}-{at}")
        seen.client.zadd(f"{KEY}:tapped", {fields["call"]: old})
    assert seen.tap("new", ONE, keep=1000)[0] == "ok"
    assert [r["call"] for r in records(seen)] == ["new"]
    assert seen.client.zrange(f"{KEY}:tapped", 0, -1) == ["new"]


def test_forgotten_at_once(seen):
    seen.tap("c1", ONE)
    assert seen.tap_clear(KEY) == ["ok", "1"]
    assert records(seen) == [] and seen.tap("c1", ONE)[0] == "ok"


def test_no_such_account(schema):
    assert schema.tap("c1", ONE, account="7999") == ["notfound"]
    assert not schema.client.exists(f"{account_key('7999')}:tap")


@pytest.mark.parametrize("changes,what", [
    ({"code": "999"}, "SIP code"), ({"end": "x"}, "end ms"), ({"rate": "-1", "direction": "out", "tg": "1"}, "rate"),
    ({"estimated": "2"}, "estimated"), ({"most": "0"}, "most"), ({"direction": "up"}, "direction")])
def test_misuse(seen, changes, what):
    number = "12065550100" if changes.get("direction") == "out" else ONE
    with pytest.raises(Exception, match=f"tap_record: .*{what}"):
        seen.tap("c1", number, **changes)
    assert not seen.client.exists(f"{KEY}:tap")
