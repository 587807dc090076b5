"""sipmod --tap writes, from what was on the wire, the CDRs that a sipmod in the path wrote."""

import re
import struct
import subprocess
import time

import pytest

from harness import StreamPeer, UdpPeer, pcap, wait_for
from harness.bed import CARRIER, PRIMARY, Bed, ExitLine, Line, OnnetLine
from harness.tap import Recorder, Tap, differences, records

CONF = {"sip__no_answer_ms": 300}
LONG = [("X-Padding", "p" * 3000)]


def over_tcp(line):
    line.carrier = line.peer(CARRIER, kind=StreamPeer)


def hung_up_by_the_caller(line):
    line.answered().hang_up()


def hung_up_by_the_callee(line):
    line.answered().hang_up("callee")


def held_and_resumed(line):
    call = line.answered()
    for by in ("caller", "callee"):
        call.exchange("INVITE", by)
        (call.caller if by == "caller" else call.callee).send("ACK")
    call.exchange("INFO", "callee")
    call.hang_up()


def answered_without_ringing(line):
    invite = line.invite()
    line.connect(invite, line.tried(invite)).hang_up()


def answered_after_a_second(line):
    call = line.answered()
    answered = time.monotonic()
    wait_for(lambda: time.monotonic() - answered > 1.3, 3)
    call.hang_up()


def rung_for_a_while(line):
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 183)
    line.carrier.expect(183, call_id=invite.call_id)
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 0.5, 3)
    line.connect(invite, received).hang_up()


def busy(line):
    invite = line.invite()
    line.reject(line.tried(invite), 486)
    line.failed(invite, 486)


def unallocated(line):
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    line.reject(received, 404)
    line.failed(invite, 404)


def service_unavailable(line):
    invite = line.invite()
    line.reject(line.tried(invite), 503)
    line.failed(invite, 500)


def cancelled(line):
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    line.carrier.cancel(invite)
    cancel = line.primary.expect("CANCEL", call_id=invite.call_id)
    line.primary.respond(cancel, 200)
    line.reject(received, 487)
    line.failed(invite, 487)


def unanswered(line):
    invite = line.invite()
    line.tried(invite)
    line.failed(invite, 408)


def nobody_there(line):
    line.update(primary_host=PRIMARY, primary_port=line.closed_port()[1])
    line.refused(500)


def led_to_the_second_target(line):
    line.add_secondary()
    invite = line.invite()
    line.reject(line.tried(invite), 503)
    line.connect(invite, line.tried(invite, line.secondary), line.secondary).hang_up()


def led_on_after_silence(line):
    line.add_secondary()
    invite = line.invite()
    line.tried(invite)
    line.connect(invite, line.tried(invite, line.secondary), line.secondary).hang_up()


def both_targets_fail(line):
    line.add_secondary()
    invite = line.invite()
    line.reject(line.tried(invite), 500)
    line.reject(line.tried(invite, line.secondary), 480, line.secondary)
    line.failed(invite, 480)


def too_many_sessions(line):
    line.update(sessions="0")
    line.refused(486)


def out_of_service(line):
    line.update(status="0")
    line.refused(404)


def no_money(line):
    line.bed.ok("account_book", line.customer.key, -1000000, "Bank Transfer", "gone", "", "")
    line.bed.ok("account_set", line.customer.key, "in_rate", "100")
    line.refused(402)


def not_in_service(line):
    line.bed.ok("number_update", line.customer.key, "", "0", "", line.number)
    line.refused(404)


def called_again_with_the_same_call_id(line):
    invite = line.invite()
    line.reject(line.tried(invite), 407)
    line.failed(invite, 407)
    line.carrier.send(line.carrier.invite("1" + line.number, call_id=invite.call_id, cseq=2))
    line.reject(line.primary.expect(lambda m: m.method == "INVITE" and m.cseq == 2), 486)
    line.carrier.expect(486, call_id=invite.call_id)


def carried_by_tcp(line):
    over_tcp(line)
    line.answered().hang_up("callee")


def cancelled_by_tcp(line):
    over_tcp(line)
    cancelled(line)


def too_long_for_a_datagram(line):
    """To the callee by UDP all the same, for it takes no TCP."""
    line.answered(headers=LONG).hang_up()


def retransmitted(line):
    invite = line.invite()
    line.carrier.send(invite)
    received = line.tried(invite)
    call = line.connect(invite, received)
    line.carrier.send(invite)
    call.hang_up()


def killed(line):
    call = line.answered()
    live, = line.wait_live()
    line.bed.ok("call_kill", line.customer.key, live["call"])
    for side in (call.caller, call.callee):
        side.peer.respond(side.peer.expect("BYE", call_id=call.invite.call_id), 200)


def forwarded_to_a_gateway(line):
    """The trunk's own address fails first."""
    gateway = line.bed.gateway(line.secondary.host, line.secondary.port, prefix="99")
    line.bed.route(line.customer.deck, "1407", gateway)
    line.update(forward="14075550100")
    wait_for(lambda: f'"gateway {gateway}: ' in line.sipmod.log(), 3)
    invite = line.invite()
    line.reject(line.tried(invite), 503)
    line.connect(invite, line.tried(invite, line.secondary), line.secondary).hang_up("callee")


def of_a_trunk(line):
    line.answered().hang_up()


def of_a_trunk_by_tcp(line):
    line.answered().hang_up("callee")


def of_a_trunk_and_refused(line):
    invite = line.invite()
    line.reject(line.tried(invite), 486)
    line.failed(invite, 486)


def of_a_trunk_to_nowhere(line):
    line.number = "4075550123"
    line.refused(404)


def on_net(line):
    line.answered().hang_up()


CALLS = [hung_up_by_the_caller, hung_up_by_the_callee, held_and_resumed, answered_without_ringing,
         answered_after_a_second, rung_for_a_while, busy, unallocated, service_unavailable, cancelled, unanswered,
         nobody_there, led_to_the_second_target, led_on_after_silence, both_targets_fail, too_many_sessions,
         out_of_service, no_money, not_in_service, called_again_with_the_same_call_id, carried_by_tcp,
         cancelled_by_tcp, too_long_for_a_datagram, retransmitted, killed, forwarded_to_a_gateway]
EXITS = [of_a_trunk, of_a_trunk_by_tcp, of_a_trunk_and_refused, of_a_trunk_to_nowhere]
ALL = CALLS + EXITS + [on_net]


def make_line(bed, sipmod, call):
    if call in EXITS:
        return ExitLine(bed, sipmod, kind=StreamPeer if call is of_a_trunk_by_tcp else UdpPeer)
    return OnnetLine(bed, sipmod) if call is on_net else Line(bed, sipmod)


@pytest.fixture(scope="module")
def recorded():
    """All calls, recorded while sipmod carried them, and what a tap made of the record."""
    with Bed() as bed:
        sipmod = bed.sipmod(**CONF)
        lines = {call: make_line(bed, sipmod, call) for call in ALL}
        ports = [sipmod.port, *(line.primary.port for line in lines.values() if isinstance(line, ExitLine))]
        recorder = Recorder(bed.workdir, ports).start()
        for call, line in lines.items():
            call(line)
            for customer in customers(line):
                customer.settled()
            line.close()
        recorder.stop()
        summary = Tap(bed.workdir, bed.redis, recorder.path, ports, **CONF).finish()
        everybody = [c for line in lines.values() for c in customers(line)]
        yield {"bed": bed, "path": recorder.path, "ports": ports, "summary": summary, "customers": everybody,
               "found": snapshot(everybody),
               **{call.__name__: [(c.cdrs(), records(c)) for c in customers(line)] for call, line in lines.items()}}


def customers(line):
    return getattr(line, "customers", [line.customer])


@pytest.mark.parametrize("call", [c.__name__ for c in ALL])
def test_the_same_cdr(recorded, call):
    for cdrs, found in recorded[call]:
        assert [c["call"] for c in cdrs] == [r["call"] for r in found]
        for cdr, record in zip(cdrs, found):
            assert not differences(cdr, record)


# --- how it was captured --------------------------------------------------------------


def as_ethernet(packets):
    return pcap.ETHERNET, [(at, pcap.ethernet(p)) for at, p in packets]


def as_vlan(packets):
    return pcap.ETHERNET, [(at, pcap.ethernet(p, (0x8100, 17))) for at, p in packets]


def as_vlan_in_vlan(packets):
    return pcap.ETHERNET, [(at, pcap.ethernet(p, (0x88a8, 5), (0x8100, 17))) for at, p in packets]


def as_cooked(packets):
    return pcap.COOKED, [(at, pcap.cooked(p)) for at, p in packets]


def as_cooked2(packets):
    return pcap.COOKED2, [(at, pcap.cooked2(p)) for at, p in packets]


def as_null(packets):
    return pcap.NULL, [(at, pcap.null(p)) for at, p in packets]


def as_raw(packets):
    return pcap.RAW, packets


def as_fragments(packets):
    return pcap.ETHERNET, [(at, pcap.ethernet(piece)) for at, p in packets for piece in pcap.fragments(p)]


def as_fragments_in_a_vlan(packets):
    return pcap.ETHERNET, [(at, pcap.ethernet(piece, (0x8100, 17))) for at, p in packets for piece in pcap.fragments(p)]


def as_segments(packets):
    return pcap.RAW, [(at, piece) for at, p in packets for piece in (pcap.segments(p) if pcap.is_tcp(p) else [p])]


def as_seen_twice(packets):
    """A port that mirrors what comes in and what goes out."""
    return pcap.RAW, [(at, p) for at, p in packets for _ in range(2)]


@pytest.fixture
def emptied(recorded):
    """The same customers, with nothing recorded; returns a function that reads a file: summary, what is recorded."""
    def read(path, **conf):
        summary = Tap(recorded["bed"].workdir, recorded["bed"].redis, path, recorded["ports"], **CONF, **conf).finish()
        return summary, snapshot(recorded["customers"])
    for customer in recorded["customers"]:
        recorded["bed"].ok("tap_clear", customer.key)
    return read


def snapshot(everybody):
    """What is recorded of whom, by call."""
    return {c.id: {r["call"]: r for r in records(c)} for c in everybody}


@pytest.mark.parametrize("form", [as_ethernet, as_vlan, as_vlan_in_vlan, as_cooked, as_cooked2, as_null, as_raw,
                                  as_fragments, as_fragments_in_a_vlan, as_segments, as_seen_twice])
def test_however_it_was_captured(recorded, emptied, form, tmp_path):
    link, frames = form(pcap.read(recorded["path"]))
    _, found = emptied(pcap.write(tmp_path / "form.pcap", link, frames))
    assert found == recorded["found"]


def test_pcapng(recorded, emptied, tmp_path):
    path = tmp_path / "form.pcapng"
    subprocess.run(["editcap", "-F", "pcapng", recorded["path"], path], check=True)
    _, found = emptied(path)
    assert found == recorded["found"]


def test_a_frame_of_a_time_that_cannot_be(recorded, emptied, tmp_path):
    """It is passed over, and the calls after it go on."""
    path = tmp_path / "form.pcapng"
    subprocess.run(["editcap", "-F", "pcapng", recorded["path"], path], check=True)
    data, at = path.read_bytes(), 0
    while struct.unpack_from("<I", data, at)[0] != pcap.ENHANCED_PACKET:
        at += struct.unpack_from("<I", data, at + 4)[0]
    size, = struct.unpack_from("<I", data, at + 4)
    wild = data[at:at + 12] + b"\xff" * 8 + data[at + 20:at + size]
    path.write_bytes(data[:at] + wild + data[at:])
    summary, found = emptied(path)
    assert found == recorded["found"] and summary["malformed frames"] == 1


def test_a_filter_of_ones_own(recorded, emptied):
    summary, _ = emptied(recorded["path"], tap__filter="tcp")
    assert 0 < summary["calls"] < 5


# --- what else a reader of a file wants ---------------------------------------------------


def test_a_file_that_is_read_again_records_nothing(recorded, emptied):
    emptied(recorded["path"])
    summary, found = emptied(recorded["path"])
    assert summary["CDRs that were there already"] == sum(len(rows) for rows in found.values())
    assert "CDRs written" not in summary and found == recorded["found"]
    for customer in recorded["customers"]:
        customer.settled()


def test_the_summary(recorded):
    summary, found = recorded["summary"], [r for rows in recorded["found"].values() for r in rows.values()]
    assert summary["calls"] == len(ALL) + 1, "one was called again"
    assert summary["answered"] == sum(r["answer_ms"] != "0" and not r["call"].endswith("-1") for r in found)
    assert summary["CDRs written"] == len(found) == len(ALL) + 2, "the call on-net has two"
    assert round(sum(int(r["billed"]) for r in found) / 60, 1) == summary["minutes billed"]
    assert not [text for text in summary if re.search("not|malformed|lost|dropped", text)]


def test_a_call_whose_end_is_not_seen(recorded, emptied, tmp_path):
    """It was up to the end of the capture."""
    packets = [(at, p) for at, p in pcap.read(recorded["path"]) if b"\nCSeq: " not in p or b" BYE\r\n" not in p]
    _, found = emptied(pcap.write(tmp_path / "cut.pcap", pcap.RAW, packets))
    for account, rows in recorded["found"].items():
        for call, whole in rows.items():
            record = found[account][call]
            if whole["answer_ms"] == "0":
                assert record == whole
                continue
            assert (record["reason"], record["by"], record["estimated"]) == ("lost", "system", "1")
            assert abs(int(record["end_ms"]) - packets[-1][0] * 1000) <= 1
            assert (record["code"], record["answer_ms"]) == ("200", whole["answer_ms"])


def test_calls_that_were_up_before(recorded, emptied, tmp_path):
    """Their ends are counted, and nothing is made up of them."""
    packets = [(at, p) for at, p in pcap.read(recorded["path"]) if b"INVITE sip:" not in p[:400]]
    summary, found = emptied(pcap.write(tmp_path / "late.pcap", pcap.RAW, packets))
    assert summary["ends of calls whose beginning was not seen"] > 5
    assert not any(found.values())


def test_cut_frames_are_told(recorded, emptied, tmp_path):
    summary, _ = emptied(pcap.write(tmp_path / "short.pcap", *as_raw(pcap.read(recorded["path"])), snaplen=200))
    assert summary["frames cut short by the capture"] > 100


@pytest.mark.parametrize("name,text", [("none.pcap", "No such file"), ("empty.pcap", "truncated"),
                                       ("text.pcap", "unknown file format")])
def test_what_is_no_capture(recorded, tmp_path, name, text):
    (tmp_path / "empty.pcap").write_bytes(b"")
    (tmp_path / "text.pcap").write_bytes(b"no capture at all, but longer than a header")
    tap = Tap(tmp_path, recorded["bed"].redis, tmp_path / name, [5060])
    tap.finish(code=1)
    assert name in tap.log() and text in tap.log()


@pytest.mark.parametrize("conf,text", [({"tap__filter": "nonsense 5"}, "tap.filter: "),
                                       ({"tap__ports": "5060,x"}, "tap.ports: not a list of ports")])
def test_filters_are_checked(recorded, tmp_path, conf, text):
    tap = Tap(tmp_path, recorded["bed"].redis, recorded["path"], [5060], **conf)
    tap.finish(code=1)
    assert text in tap.log()
