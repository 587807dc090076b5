"""/metrics of sipmod: what calls, messages and the link to Redis leave there, and who may read it, how slowly."""

import socket
import subprocess
import time

import pytest

from harness import wait_for
from harness.metrics import get, scrape

CONF = {"sip__t1_ms": 50, "sip__no_answer_ms": 1000, "sip__target_failures": 1}


@pytest.fixture
def told(line):
    """told(name, **labels) → by how much the figure grows from here on, waited for: counts are read once a second."""
    before = scrape(line.sipmod)

    def grown(name, **labels):
        return (scrape(line.sipmod).of(name, **labels) or 0) - (before.of(name, **labels) or 0)

    def wait(expected, name, **labels):
        wait_for(lambda: grown(name, **labels) == expected, 4, f"{name} {labels} by {expected}")
    wait.grown = grown
    return wait


def test_a_call(line, told):
    call = line.answered()
    told(1, "trunkline_calls_total", direction="in")
    told(1, "trunkline_calls_admitted_total")
    told(1, "trunkline_calls_answered_total", direction="in")
    told(1, "trunkline_calls_live")
    told(1, "trunkline_post_dial_delay_seconds_count")
    assert told.grown("trunkline_call_duration_seconds_count") == 0
    call.hang_up()
    told(0, "trunkline_calls_live")
    told(1, "trunkline_calls_finished_total")
    told(1, "trunkline_call_duration_seconds_count")
    assert 0 < told.grown("trunkline_call_duration_seconds_sum") < 5
    assert told.grown("trunkline_sip_requests_total", method="BYE") == 1
    assert told.grown("trunkline_redis_call_seconds_count") >= 3
    assert told.grown("trunkline_calls_unanswered_total") == 0


def test_retransmissions_are_no_calls(line, told):
    """Of the INVITE, of the callee's refusal, of the BYE."""
    invite = line.invite()
    received = line.tried(invite)
    for _ in range(3):
        line.carrier.send(invite)
    for _ in range(3):
        line.reject(received, 486)
    line.failed(invite, 486)
    call = line.answered()
    bye = call.caller.request("BYE")
    for _ in range(3):
        line.carrier.send(bye, call.caller.next_hop)
    line.primary.respond(line.primary.expect("BYE"), 200)
    line.carrier.expect(lambda m: m.status == 200 and "BYE" in m.get("cseq"))
    told(2, "trunkline_calls_total", direction="in")
    told(1, "trunkline_calls_unanswered_total")
    told(2, "trunkline_calls_finished_total")
    told(1, "trunkline_call_duration_seconds_count")
    assert line.customer.stats("tg", line.tg)["processed"] == "2"


def test_refusals_by_cause(line, told):
    line.refused(404, "12065559999")
    line.update(sessions=0)
    line.refused(486)
    line.update(sessions=10)
    received = line.tried(invite := line.invite())
    line.reject(received, 603)
    line.failed(invite, 603)
    told(1, "trunkline_calls_unanswered_total", cause="unknown")
    told(1, "trunkline_calls_unanswered_total", cause="sessions")
    told(3, "trunkline_calls_unanswered_total")
    told(3, "trunkline_calls_total")
    told(1, "trunkline_calls_admitted_total")


def test_messages(line, told):
    line.carrier.send(line.carrier.invite(line.number).set("CSeq", "broken"))
    told(1, "trunkline_sip_parse_failures_total", kind="cseq")
    line.carrier.expect(400)
    stranger = line.peer("127.0.0.99")
    stranger.send(stranger.invite(line.number))
    told(1, "trunkline_sip_dropped_total", cause="stranger")
    invite = line.invite()
    received = line.tried(invite)
    line.carrier.send(invite)
    told(1, "trunkline_sip_repeated_requests_total")
    line.reject(received, 486)
    line.failed(invite, 486)
    assert told.grown("trunkline_sip_messages_total", direction="in") >= 5


def test_a_silent_target(line, told):
    line.refused(408)
    assert told.grown("trunkline_sip_retransmissions_total", kind="request") >= 1
    told(1, "trunkline_calls_unanswered_total", cause="no-answer")
    wait_for(lambda: scrape(line.sipmod).of("trunkline_target_up", target=line.primary.address) == 0, 4)
    assert scrape(line.sipmod).of("trunkline_targets", state="down") == 1


def test_every_name_is_described_and_conventional(line):
    figures = scrape(line.sipmod)
    assert figures.of("trunkline_build_info", program="sipmod") == 1
    assert figures["trunkline_redis_up"] == 1 and figures["trunkline_redis_schema_version"] >= 1
    for name, kind in figures.kinds.items():
        assert name.startswith(("trunkline_", "process_")) and (kind == "counter") == name.endswith("_total"), name
    assert figures["process_open_fds"] > 5 and abs(figures["process_start_time_seconds"] - time.time()) < 3600
    checked = subprocess.run(["promtool", "check", "metrics"], input=figures.text, capture_output=True, text=True,
                             check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_only_metrics_and_only_to_read(line):
    address = line.sipmod.metrics_address
    assert get(address, "/")[0] == 404 and get(address, "/metrics", "POST")[0] == 405
    assert get(address, "/metrics?x=1")[0] == 200
    status, _, text = get(address, "/metrics", "HEAD")
    assert (status, text) == (200, "")


def test_slow_readers_hold_up_no_call(line):
    host, port = line.sipmod.metrics_address.split(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(3)]
    idle[0].send(b"GET /metrics HTTP/1.1\r\nX: ")
    idle[1].send(b"x" * 20000)
    started = time.monotonic()
    call = line.answered()
    call.hang_up()
    assert time.monotonic() - started < 1.5
    line.customer.settled()
    wait_for(lambda: scrape(line.sipmod)["trunkline_calls_live"] == 0, 12)
    for connection in idle:
        connection.close()


def own_address():
    """An IPv4 address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.200", 9))
        except OSError:
            return None
        address = s.getsockname()[0]
        return None if address.startswith("127.") else address


def test_who_may_read(own_bed):
    address = own_address()
    if not address:
        pytest.skip("this machine has no address but loopback")
    sipmod = own_bed.sipmod()
    port = sipmod.metrics_address.split(":")[1]
    for allow, may in (("", False), (f"192.0.2.77, {address}", True)):
        sipmod.stop()
        sipmod.configure(metrics__sipmod=f"0.0.0.0:{port}", metrics__allow=allow)
        sipmod.start()
        assert get(f"127.0.0.1:{port}")[0] == 200
        if may:
            assert get(f"{address}:{port}")[0] == 200
        else:
            with pytest.raises(OSError):
                get(f"{address}:{port}")


def test_an_address_that_is_taken_is_told(own_bed):
    first = own_bed.sipmod()
    second = own_bed.sipmod(metrics__sipmod=first.metrics_address)
    assert "there is no /metrics" in second.log()


def test_redis_away(own_bed):
    sipmod = own_bed.sipmod()
    wait_for(lambda: scrape(sipmod)["trunkline_redis_up"] == 1, 5)
    own_bed.redis.kill9()
    wait_for(lambda: scrape(sipmod)["trunkline_redis_up"] == 0, 5)
    own_bed.redis.start()
    wait_for(lambda: scrape(sipmod)["trunkline_redis_up"] == 1, 10)
