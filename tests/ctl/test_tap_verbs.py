"""tap list, compare, clear: what a tap saw against the platform's CDRs, and against another system's."""

import json

import pytest

from ctl_client import FAILED

NUMBER = "2062190001"
HEADER = "callid,direction,number,invite,ms,billed,code,amount\n"
AT = 1700000000000  # when calls begin


@pytest.fixture
def key(account):
    return f"{{a:{account}}}"


@pytest.fixture
def tap(server, key):
    """Records a call as a tap would have seen it, `ms` long (0: nobody answered), `at` ms after AT."""
    def record(call, ms=7000, at=0, code=None, number=NUMBER, rate="600"):
        begin = AT + at
        answer = str(begin + 1000) if ms else ""
        reply = server.fcall("tap_record", key, call, "out", "1" + number, "21", "tap", "sip:a", "sip:b", "",
                             "192.0.2.9:5060", "192.0.2.1:5060", f"{call}@host", begin, 20, answer, begin + 1000 + ms,
                             code or ("200" if ms else "486"), "answered" if ms else "busy", "caller",
                             "192.0.2.1:5060=200", rate, 6, 6, "", "", 3600000, 1000)
        assert reply[0] == "ok", reply
    return record


def cdr(server, key, tapped, **changes):
    """The same record as a CDR of the platform."""
    server.client.xadd(f"{key}:cdr", {**tapped, **changes})


def latest(server, key):
    return server.client.xrevrange(f"{key}:tap", count=1)[0][1]


def compare(ctl, account, *args):
    """Summary and differences; the exit code tells whether there are some."""
    done = ctl.run("--json", "tap", "compare", account, *args)
    said = json.loads(done.stdout)
    assert (done.returncode == 0) == (said["missing"] + said["extra"] + said["differing"] == 0), done
    assert done.returncode == 0 or "the records differ" in done.stderr
    return said


def counts(said):
    return tuple(said[n] for n in ("compared", "equal", "missing", "extra", "differing"))


def test_list_and_clear(ctl, account, tap):
    tap("c1")
    tap("c2", ms=0)
    listed = ctl("tap", "list", account)
    assert [(c["call"], c["code"], c["billed"], c["amount"]) for c in listed] == [("c2", 486, 0, "0.00"),
                                                                                  ("c1", 200, 12, "0.0120")]
    assert [c["call"] for c in ctl("tap", "list", account, "--last", 1)] == ["c2"]
    assert len(ctl.table("tap", "list", account)) == 3
    assert ctl("tap", "clear", account) == {"accountno": account, "cleared": 2}
    assert ctl("tap", "list", account) == []


def test_equal(ctl, server, account, key, tap):
    """Ids, the node, and the order of writing don't count, nor moments within the tolerance."""
    for call in ("c1", "c2"):
        tap(call, at=10 if call == "c2" else 0)
    for call, (_, entry) in zip(("x2", "x1"), server.client.xrevrange(f"{key}:tap")):
        cdr(server, key, entry, call=call, node="sipmod1", ms=str(int(entry["ms"]) + 40))
    assert counts(compare(ctl, account)) == (2, 2, 0, 0, 0)
    assert counts(compare(ctl, account, "--tolerance", 10)) == (2, 0, 0, 0, 2)


def test_differences(ctl, server, account, key, tap):
    tap("c1")
    cdr(server, key, latest(server, key), billed="18", amount="180", target="192.0.2.7:5060", end_ms=str(AT + 14000))
    said = compare(ctl, account)
    assert counts(said) == (1, 0, 0, 0, 1)
    found = {d["field"]: (d["recorded"], d["tapped"], d["difference"]) for d in said["differences"]}
    assert found == {"billed": ("18", "12", -6), "amount": ("0.0180", "0.0120", -60),
                     "end_ms": (str(AT + 14000), str(AT + 8000), -6000),
                     "target": ("192.0.2.7:5060", "192.0.2.1:5060", None)}
    assert {(d["callid"], d["what"]) for d in said["differences"]} == {("c1@host", "differs")}


def test_missing_and_extra(ctl, server, account, key, tap):
    tap("c1")
    cdr(server, key, latest(server, key), callid="other@host")
    said = compare(ctl, account)
    assert counts(said) == (0, 0, 1, 1, 0)
    assert {(d["callid"], d["what"]) for d in said["differences"]} == {("c1@host", "extra"),
                                                                       ("other@host", "missing")}


def test_calls_of_one_call_id_go_by_their_order(ctl, server, account, key, tap):
    tap("c1", ms=0)
    first = latest(server, key)
    tap("c2", at=500)
    second = {**latest(server, key), "callid": first["callid"]}
    server.client.delete(f"{key}:tap")
    for entry in (second, first):
        server.client.xadd(f"{key}:tap", entry)
    for entry in (first, second):
        cdr(server, key, entry)
    assert counts(compare(ctl, account)) == (2, 2, 0, 0, 0)


def test_what_a_full_list_does_not_reach_is_no_difference(ctl, server, account, key, tap):
    for i in range(4):
        tap(f"c{i}", at=1000 * i)
        cdr(server, key, latest(server, key))
    server.client.xtrim(f"{key}:tap", maxlen=2, approximate=False)
    assert counts(compare(ctl, account, "--last", 2)) == (2, 2, 0, 0, 0)
    assert counts(compare(ctl, account, "--last", 3)) == (2, 2, 1, 0, 0)


def test_with_another_system(ctl, account, tap, tmp_path):
    tap("c1")
    tap("c2", at=60000, ms=0)
    tap("late", at=7200000)
    path = tmp_path / "old.csv"
    path.write_text(HEADER + f"c1@host,out,1{NUMBER},{AT + 20},7050,12,200,0.0120\n"
                             f"c2@host,out,1{NUMBER},{AT + 60000},,,480,\n"
                             f"gone@host,,{NUMBER},2023-11-14 22:14:00,1,6,200,\n")
    said = compare(ctl, account, "--csv", path)
    assert counts(said) == (2, 1, 1, 0, 1), "what lies behind the file isn't extra"
    assert [(d["callid"], d["what"], d["field"]) for d in said["differences"]] == [("c2@host", "differs", "code"),
                                                                                   ("gone@host", "missing", "")]
    assert said["differences"][1]["direction"] == "in"
    assert len(ctl.run("tap", "compare", account, "--csv", path).stdout.splitlines()) > 3


@pytest.mark.parametrize("row,text", [
    ("c1@host,out,1,yesterday,,,,", "2: invite"), ("c1@host,out,1,5,x,,,", "2: ms"),
    ("c1@host,out,1,5,,,,1.23456", "2: amount"), (",out,1,5,,,,", "callid and invite are needed"),
    ("c1@host,out", "2: ")])
def test_bad_rows(ctl, account, tmp_path, row, text):
    path = tmp_path / "bad.csv"
    path.write_text(HEADER + row + "\n")
    assert text in ctl.fails("tap", "compare", account, "--csv", path, code=FAILED)


def test_nothing_at_all(ctl, account):
    assert counts(compare(ctl, account)) == (0, 0, 0, 0, 0)
