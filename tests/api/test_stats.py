"""did_stats, tg_stats, tg_stats_termination."""

import pytest

from document import check_reply


@pytest.fixture(scope="module")
def line(rest, trunk):
    """A number in service with three calls behind it: two answered, one not, two of them at once."""
    number, quiet = rest.order(trunk, 2)
    key = f"{{a:{rest.account}}}"

    def admit(call):
        reply = rest.redis.fcall("call_admit", key, call, "in", number, "", "n", "b", "sip:a@b", "sip:c@d",
                                 "127.0.0.2:5060", "test", f"{call}@x", "", "", "", "", "486", "3600")
        assert reply[:2] == ["ok", "new"], reply

    def finish(call, code, reason, answered_ago=""):
        # A call is never answered before its INVITE: let that be two minutes old.
        invited = int(rest.redis.client.hget(f"{key}:call:{call}", "invite_ms")) - 120000
        rest.redis.client.hset(f"{key}:call:{call}", "invite_ms", invited)
        rest.redis.fcall("call_finish", key, call, code, reason, "caller", "", "", "", "", answered_ago, "0", "")

    admit("a")
    admit("b")
    finish("a", "200", "answered", "60000")
    finish("b", "486", "busy")
    admit("c")
    finish("c", "200", "answered", "33100")
    return number, quiet


def test_numbers(rest, line):
    number, quiet = line
    busy, silent = check_reply("did_stats", rest.api.did_stats(number=f"1{number}, {quiet}"))["data"]
    # 60.0 s and 33.1 s answered; billed 60 and 36 (steps of 6 s): 1.6 minutes
    assert busy == {"accountno": rest.account, "number": number, "processed": "3", "completed": "2", "acd": "46.6",
                    "asr": "67%", "mou": "1.6", "peak": "2"}
    assert silent == {"accountno": rest.account, "number": quiet, "processed": "0", "completed": "0", "acd": "0.0",
                      "asr": "0%", "mou": "0", "peak": "0"}


def test_trunks(rest, line, trunk):
    empty = rest.define_trunk(("127.0.0.9", 5060))
    one, two = check_reply("tg_stats", rest.api.tg_stats(tg_id=f"{trunk},{empty}"))["data"]
    assert one == {"accountno": rest.account, "number": trunk, "processed": "3", "completed": "2", "acd": "46.6",
                   "asr": "67%", "mou": "1.6", "peak": "2", "tg_id": trunk}
    assert (two["tg_id"], two["processed"]) == (empty, "0")


def test_termination(rest):
    out = rest.api.defineTrunk_termination(title="t", ipaddress="127.0.6.1", ports="5").good()["tg_id"]
    found, = check_reply("tg_stats_termination", rest.api.tg_stats_termination(tg_id=out))["data"]
    assert found["number"] == found["tg_id"] == out


@pytest.mark.parametrize("seconds,mou", [(0, "0"), (1, "0.02"), (6, "0.1"), (30, "0.5"), (60, "1"), (61, "1.02"),
                                         (90, "1.5"), (3600, "60"), (100, "1.67"), (599999, "9999.98")])
def test_minutes(rest, line, seconds, mou):
    number = line[1]
    rest.redis.client.hset(f"{{a:{rest.account}}}:st:did:{number}", "billed", seconds)
    assert rest.api.did_stats(number=number).good()["data"][0]["mou"] == mou


def test_one_foreign_among_own_refuses_all(rest, line, trunk, other):
    theirs = other.defineTrunk(title="t", primaryTrunk="127.0.0.3", billingType="Metered").good()["tg_id"]
    rest.api.did_stats(number=f"{line[0]},2065550100").refused("Invalid number")
    rest.api.tg_stats(tg_id=f"{trunk},{theirs}").refused("Invalid tg_id")
    other.did_stats(number=line[0]).refused("Invalid number")
