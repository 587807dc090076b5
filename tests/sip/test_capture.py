"""What sipmod captures of itself: pcap files, HEP to Homer, metrics."""

import glob
import os
import stat
import subprocess

import pytest

from harness import StreamPeer, bound_udp, free_port, metrics, shark, wait_for
from harness.bed import CARRIER, Line
from harness.hep import Collector

CALL = ["INVITE", "100", "INVITE", "180", "180", "200", "200", "ACK", "ACK", "BYE", "BYE", "200", "200"]
MIB = 1 << 20


@pytest.fixture
def start(own_bed):
    """start(capture__hep="udp:…") is a Line through a sipmod of its own."""
    lines = []

    def started(**conf):
        lines.append(Line(own_bed, own_bed.sipmod(sip__t1_ms=200, sip__message_max=65535, **conf)))
        return lines[-1]

    yield started
    for line in lines:
        line.close()


def whole_call(line):
    call = line.answered()
    call.hang_up()
    return call


def count(line, sink, family="messages"):
    return metrics.scrape(line.sipmod).of(f"trunkline_capture_{family}_total", sink=sink) or 0


def junk(line, datagrams, size=60000):
    """From nobody that sipmod knows: it is captured all the same."""
    stranger = line.peer("127.0.0.9")
    for n in range(datagrams):
        stranger.send(b"x" * size + b" %06d" % n)
        if n % 8 == 7:
            wait_for(lambda: count(line, "file") + count(line, "file", "dropped") > n - 8, 5, "junk captured")


# --- files ------------------------------------------------------------------------


def pcaps(folder):
    return sorted(glob.glob(os.path.join(folder, "sipmod0-*.pcap")))


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_files_hold_every_message(start, tmp_path, kind):
    line = start(capture__dir=str(tmp_path))
    if kind == "tcp":
        line.carrier = line.peer(CARRIER, kind=StreamPeer)
    for _ in range(3):
        whole_call(line)
    wait_for(lambda: count(line, "file") >= 3 * len(CALL), 5, "messages in files")
    line.peer("127.0.0.9").send(b"junk")
    wait_for(lambda: count(line, "ring") > 3 * len(CALL), 5, "the junk")
    line.sipmod.stop()
    path, = pcaps(tmp_path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    assert sorted(shark.messages(path)) == sorted(3 * CALL)
    assert len(shark.tshark(path, "-Y", "udp contains \"junk\"").splitlines()) == 1


def test_sngrep_opens_a_file(start, tmp_path):
    line = start(capture__dir=str(tmp_path / "in"))
    (tmp_path / "in").mkdir()
    whole_call(line)
    line.sipmod.stop()
    path, = pcaps(tmp_path / "in")
    assert sorted(shark.sngrep(path, tmp_path / "out.pcap")) == sorted(CALL)


def test_files_are_bounded_over_restarts(start, tmp_path):
    line = start(capture__dir=str(tmp_path), capture__file_mib=1, capture__files=2)
    (tmp_path / "sipmod0-other.pcap").write_bytes(b"not ours")
    junk(line, 48)
    first = pcaps(tmp_path)[:-1]
    assert len(first) == 2 and all(os.path.getsize(p) <= MIB for p in first)
    line.sipmod.restart()
    whole_call(line)
    line.sipmod.stop()
    kept = pcaps(tmp_path)
    assert len(kept) == 3 and kept[0] == first[1] and kept[2].endswith("other.pcap"), "the oldest of its own is gone"
    assert sorted(shark.messages(kept[1])) == sorted(CALL)


@pytest.mark.parametrize("size", [0, 256 * 1024], ids=["no folder", "full"])
def test_a_disk_that_takes_nothing_costs_no_call(start, tmp_path, size):
    place = tmp_path / "disk"
    line = start(capture__dir=str(place))
    if size:
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True,
                              check=False)
        if done.returncode:
            pytest.skip("no file system may be mounted here")
    try:
        whole_call(line)
        wait_for(lambda: count(line, "file") + count(line, "file", "dropped") >= len(CALL), 5, "the call dealt with")
        junk(line, 16)
        wait_for(lambda: count(line, "file", "dropped"), 5, "messages dropped")
        whole_call(line)
        line.sipmod.stop()
        told = [x for x in line.sipmod.log().splitlines() if "capture.dir" in x]
        assert len(told) == 1 and "calls go on" in told[0], told
        for path in pcaps(place):
            assert not size or sorted(shark.messages(path)) == sorted(CALL), "cut behind what is whole"
    finally:
        if size:
            subprocess.run(["umount", place], check=True)


# --- HEP --------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_homer_gets_every_message(start, protocol):
    with Collector(protocol) as homer:
        line = start(capture__hep=homer.place, capture__hep_id=2001, capture__hep_password="s3cret")
        call = whole_call(line)
        packets = homer.of(call.invite.call_id, len(CALL))
        assert len(packets) == len(CALL)
        first = packets[0]
        assert (first.source, first.source_port) == (line.carrier.host, line.carrier.port)
        assert (first.target, first.target_port) == line.sipmod.target
        assert first.payload == bytes(call.invite) and first.kind == 1 and first.protocol == 17
        assert {(p.agent, p.key, p.family) for p in packets} == {(2001, "s3cret", 2)}
        times = [p.at for p in packets]
        assert times == sorted(times) and times[-1] - times[0] < 10
        wait_for(lambda: count(line, "hep") >= len(CALL), 5, "all counted")


def test_homer_comes_late_and_goes(start):
    homer = Collector("tcp")
    line = start(capture__hep=homer.place)
    early = whole_call(line)
    wait_for(lambda: "capture.hep" in line.sipmod.log(), 5, "a word of it")
    with homer:
        homer.of(early.invite.call_id, len(CALL), 10)
        homer.drop()
        wait_for(lambda: line.sipmod.log().count("the connection is gone") == 2, 10, "the end noticed")
        late = whole_call(line)
        homer.of(late.invite.call_id, len(CALL), 10)


def test_a_homer_that_is_away_costs_no_call(start):
    line = start(capture__hep=f"tcp:127.0.0.1:{free_port()}", capture__ring_mib=0)
    stranger = line.peer("127.0.0.9")
    for _ in range(40):
        stranger.send(b"y" * 60000)
    wait_for(lambda: count(line, "hep", "dropped"), 5, "the queue is bounded")
    whole_call(line)
    assert count(line, "ring") == 0


def test_sngrep_takes_hep(start, tmp_path):
    """sngrep -L listens for HEP and saves what it understood."""
    port, out = free_port(), tmp_path / "out.pcap"

    def saved():
        """Its packets are its own, without checksums."""
        rows = shark.fields(out, "sip.Method", "sip.Status-Code", "sip.Call-ID")
        return sorted((call_id, method or status) for method, status, call_id in rows)

    with shark.Sngrep("-L", f"udp:127.0.0.1:{port}", "-N", "-q", "-O", out):
        wait_for(lambda: bound_udp("127.0.0.1", port), 5, "sngrep listens")
        line = start(capture__hep=f"udp:127.0.0.1:{port}")
        calls = [whole_call(line).invite.call_id for _ in range(2)]
        wait_for(lambda: saved() == sorted((call, word) for call in calls for word in CALL), 10, "sngrep has saved all")
