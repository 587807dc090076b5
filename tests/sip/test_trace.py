"""Traces and rings: trunkctl trace."""

import re
import stat

import pytest

from harness import Ctl, CtlFailed, StreamPeer, shark, wait_for, write_conf
from harness.bed import CARRIER, ExitLine, Line, OnnetLine
from harness.tls import Authority
from harness.users import login

CONF = {"sip__t1_ms": 200}
CALL = ["INVITE", "100", "INVITE", "180", "180", "200", "200", "ACK", "ACK", "BYE", "BYE", "200", "200"]


@pytest.fixture
def ctl(shared_bed, tmp_path):
    made = Ctl(str(write_conf(tmp_path / "ctl.ini", {"redis.address": shared_bed.redis.address, **login("trunkd")})))
    yield made
    for trace in made("trace", "list"):
        shared_bed.redis.fcall("trace_remove", "trace:{%s}" % trace["id"])


@pytest.fixture
def trace(ctl, shared_bed):
    """trace("--number", n) starts a trace that all running sipmods know of; returns its id."""

    def started(*args):
        made = ctl("trace", "start", *args)["id"]
        for sipmod in shared_bed.sipmods.values():
            wait_for(lambda log=sipmod.log: f'"trace {made}: ' in log(), 5, f"{sipmod.name} has heard of the trace")
        return made

    return started


def got(ctl, call, path):
    """What tshark finds in a call's pcap."""
    ctl("trace", "get", call, "-o", path)
    return shark.messages(path)


def packets(ctl, call, count):
    """Waits until so many messages are in a trace."""
    return wait_for(lambda: len(rows := ctl("trace", "get", call)) >= count and rows, 5, f"{count} messages in {call}")


def whole_call(line, **kwargs):
    call = line.answered(**kwargs)
    call.hang_up()
    return call


# --- rings ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_ring_has_a_call_by_either_id(line, ctl, tmp_path, kind):
    if kind == "tcp":
        line.carrier = line.peer(CARRIER, kind=StreamPeer)
    call = line.answered()
    call_id = line.customer.live()[0]["call"]
    call.hang_up()
    for name in (call.invite.call_id, call_id):
        assert sorted(got(ctl, name, tmp_path / "a.pcap")) == sorted(CALL)
    with pytest.raises(CtlFailed, match="CALL: no trace and no running sipmod"):
        ctl("trace", "get", "nobody@nowhere", "-o", tmp_path / "b.pcap")
    assert not (tmp_path / "b.pcap").exists()
    assert stat.S_IMODE((tmp_path / "a.pcap").stat().st_mode) == 0o600, "it may hold secrets"


def test_ring_has_a_call_that_was_refused_at_once(line, ctl):
    """Nothing that was sent has our id."""
    line.bed.ok("account_set", line.customer.key, "status", "0")
    line.refused(403)
    rows = ctl("trace", "get", line.cdr()["call"])
    assert [r["label"].split()[0] for r in rows] == ["INVITE", "100", "403", "ACK"]


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(str(tmp_path_factory.mktemp("tls")))


@pytest.mark.parametrize("allowed", [True, False])
def test_tls_is_captured_where_it_is_allowed(shared_bed, ca, ctl, tmp_path, allowed):
    certificate, key = ca.issue("sipmod", "IP:127.0.0.1")
    sipmod = shared_bed.sipmod(sip__listen="{address},tls:{host}:{tls_port}", tls__certificate=certificate,
                               tls__key=key, tls__ca=ca.certificate, capture__tls=allowed)
    line = Line(shared_bed, sipmod)
    mine = ca.issue(f"peer{CARRIER}", f"IP:{CARRIER}")
    line.carrier = line.peer(CARRIER, kind=StreamPeer, to=sipmod.tls_target, server=ca.server(*mine),
                             client=ca.client(*mine))
    call = whole_call(line)
    rows = ctl("trace", "get", call.invite.call_id)
    assert {row["proto"] for row in rows} == ({"tls", "udp"} if allowed else {"udp"})
    found = got(ctl, call.invite.call_id, tmp_path / "a.pcap")
    assert sorted(found) == sorted(CALL if allowed else ["INVITE", "180", "200", "ACK", "BYE", "200"])
    line.close()


# --- traces -----------------------------------------------------------------------


def test_trace_of_a_number_over_a_failover(line, ctl, trace, tmp_path):
    line.add_secondary()
    made = trace("--number", line.number)
    whole_call(line)
    invite = line.invite()
    line.reject(line.tried(invite), 503)
    line.connect(invite, line.tried(invite, line.secondary), line.secondary).hang_up()
    packets(ctl, made, len(CALL) + 14)
    second = got(ctl, invite.call_id, tmp_path / "a.pcap")
    assert [second.count(w) for w in ("INVITE", "503", "ACK", "BYE")] == [3, 1, 3, 2]
    assert len(got(ctl, made, tmp_path / "b.pcap")) == len(second) + len(CALL)
    listed, = [t for t in ctl("trace", "list") if t["id"] == made]
    assert (listed["calls"], listed["state"], listed["what"]) == (2, "running", line.number)


def test_trace_has_refusals_strangers_and_malformed_ones(line, ctl, trace):
    made = trace("--number", line.number)
    stranger = line.peer("127.0.0.77")
    unheard = stranger.send(stranger.invite("1" + line.number))
    broken = line.carrier.invite("1" + line.number)
    broken.set("cseq", "none INVITE")
    line.carrier.send(broken)
    line.carrier.expect(400)
    ids = {row["callid"] for row in packets(ctl, made, 3)}
    assert ids == {unheard.call_id, broken.call_id}


def test_trace_of_a_trunk(line, ctl, trace, shared_bed):
    other = line.customer.number(line.customer.trunk((line.primary.host, line.primary.port)))
    made = trace("--trunk", line.tg, "--account", line.customer.id)
    call = whole_call(line)
    whole_call(line, number=other)
    rows = packets(ctl, made, len(CALL))
    assert {row["callid"] for row in rows} == {call.invite.call_id}
    assert len(rows) == len(CALL) and rows[0]["label"].startswith("INVITE"), "from the INVITE on"
    assert {row["call"] for row in rows} == {next(c["call"] for c in line.cdrs() if c["number"] == line.number)}


def test_trace_of_an_outgoing_trunk(shared_bed, ctl, trace):
    line = ExitLine(shared_bed, shared_bed.sipmod(**CONF))
    made = trace("--trunk", line.tg, "--account", line.customer.id)
    call = line.answered(number="12065550123")
    call.hang_up()
    assert sorted(r["label"].split()[0] for r in packets(ctl, made, len(CALL))) == sorted(CALL)
    line.close()


def test_trace_of_a_call_that_is_up_until_its_end(line, ctl, trace):
    call = line.answered()
    live, = line.customer.live()
    for name in (live["call"], call.invite.call_id):
        made = trace("--call", name)
        assert len(packets(ctl, made, 9)) == 9, "what was before comes from the ring"
    call.hang_up()
    assert sorted(r["label"].split()[0] for r in packets(ctl, made, len(CALL))) == sorted(CALL)


def test_stop_ends_a_trace(line, ctl, trace):
    made = trace("--number", line.number)
    whole_call(line)
    packets(ctl, made, len(CALL))
    assert ctl("trace", "stop", made)["state"] == "stopped"
    whole_call(line)
    assert len(ctl("trace", "get", made)) == len(CALL)


def test_both_legs_of_a_call_on_net(shared_bed, ctl, trace):
    line = OnnetLine(shared_bed, shared_bed.sipmod(**CONF))
    made = trace("--trunk", line.tg, "--account", line.customer.id)
    call = line.answered()
    first, second = line.ids()
    call.hang_up()
    rows = packets(ctl, made, len(CALL))
    assert sorted(r["label"].split()[0] for r in rows) == sorted(CALL) and {r["call"] for r in rows} == {first}
    assert ctl("trace", "get", second) == ctl("trace", "get", first) == rows
    line.settled()
    line.close()


def test_another_sipmod_and_a_restarted_one_follow_the_call(own_bed, tmp_path):
    """The BYE goes through the second instance, the next call's through the first one's next start."""
    first, second = own_bed.sipmod(**CONF), own_bed.sipmod(sip__t1_ms=201)
    ctl = Ctl(str(write_conf(tmp_path / "c.ini", {"redis.address": own_bed.redis.address, **login("trunkd")})))
    line = Line(own_bed, first)
    made = ctl("trace", "start", "--number", line.number)["id"]
    for sipmod in (first, second):
        wait_for(lambda log=sipmod.log: f'"trace {made}: ' in log(), 5, f"{sipmod.name} has heard of the trace")
    for to in (second, first):
        call = line.answered()
        seen = len(packets(ctl, call.invite.call_id, 9))
        if to is first:
            first.restart()
            wait_for(lambda: first.log().count(f'"trace {made}: ') == 2, 8, "its next start has heard of the trace")
        call.caller.next_hop = to.target
        call.hang_up()
        rows = packets(ctl, call.invite.call_id, seen + 4)
        assert rows[-4]["label"] == "BYE" and {r["node"] for r in rows[-4:]} == {to.name}
    line.close()


# --- what people see --------------------------------------------------------------


def test_ladder_fits_80_columns(line, ctl, tmp_path):
    line.add_secondary()
    invite = line.invite()
    line.reject(line.tried(invite), 503)
    line.connect(invite, line.tried(invite, line.secondary), line.secondary).hang_up()
    text = ctl.text("trace", "show", invite.call_id)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80, text
    assert lines[0] == f"Call-ID {invite.call_id}" and lines[1] == f"Call    {line.cdr()['call']}"
    rungs = [x for x in lines if re.match(r"\d\d:\d\d:\d\d\.\d{3} ", x)]
    assert "INVITE (SDP)" in rungs[0] and "100 Trying" in rungs[1] and "->|" in rungs[0] and "|<-" in rungs[1]
    assert any("m=audio" in x or "audio 40000 RTP/AVP 0" in x for x in lines)
    assert [sum(word in x for x in rungs) for word in ("INVITE", "503", "ACK", "BYE", "200")] == [3, 1, 3, 2, 4], text


@pytest.mark.parametrize("args,said", [
    ((), "one of --number, --trunk, --call"),
    (("--number", "1", "--call", "x"), "one of --number, --trunk, --call"),
    (("--number", "abc"), "Invalid --number abc"),
    (("--trunk", "1"), "--account is missing"),
    (("--number", "2065550100", "--account", "1000001"), "--account goes with --trunk"),
    (("--trunk", "1", "--account", "9999999"), "--account: no such account"),
    (("--call", "a b"), "Invalid --call"),
    (("--number", "2065550100", "--minutes", "0"), "Invalid --minutes"),
])
def test_bad_input_is_named(ctl, args, said):
    with pytest.raises(CtlFailed) as failed:
        ctl("trace", "start", *args)
    assert said in failed.value.err
    assert not ctl("trace", "list")


def test_no_such_trace_or_trunk(ctl, line):
    for args, said in [(("stop", "99999"), "ID: no such trace"),
                       (("start", "--trunk", "77", "--account", line.customer.id), "--trunk: no such trunk")]:
        with pytest.raises(CtlFailed) as failed:
            ctl("trace", *args)
        assert said in failed.value.err


def test_there_are_so_many_traces_at_most(ctl):
    for n in range(16):
        ctl("trace", "start", "--number", f"206555{n:04d}")
    with pytest.raises(CtlFailed, match="there are 16 traces"):
        ctl("trace", "start", "--number", "2065559999")
    assert len(ctl("trace", "list")) == 16
