"""sipmod --tap live on an interface, beside a Kamailio that carries the calls and knows nothing of Trunkline."""

import itertools
import signal

import pytest

from harness import Sipp, StreamPeer, UdpPeer, free_port, wait_for
from harness.bed import CARRIER, PRIMARY, Bed, Customer, Line
from harness.kamailio import Kamailio
from harness.metrics import scrape
from harness.tap import Tap, records

HOSTS = (f"127.0.90.{n}" for n in itertools.count(1))  # of relays: what others send on this machine isn't for them


class Relay:
    """Where a Line's carrier sends its calls to."""

    def __init__(self, kamailio):
        self.target, self.address = kamailio.target, kamailio.address


@pytest.fixture(scope="module")
def bed():
    with Bed() as opened:
        yield opened


@pytest.fixture
def beside(bed):
    """A Line whose calls go over Kamailio to its trunk's address, and the tap that listens."""
    primary_port = free_port()
    kamailio = Kamailio(bed.workdir, next(HOSTS), f"sip:{PRIMARY}:{primary_port};transport=udp").start()
    tap = Tap(bed.workdir, bed.redis, "lo", name=f"tap-{kamailio.port}",
              tap__filter=f"host {kamailio.host}").start()
    line = Line.__new__(Line)
    line.bed, line.sipmod, line.peers = bed, Relay(kamailio), []
    line.customer = Customer(bed)
    line.carrier, line.primary = line.peer(CARRIER), line.peer(PRIMARY, primary_port)
    line.tg = line.customer.trunk((PRIMARY, primary_port))
    line.number = line.customer.number(line.tg)
    line.tap = tap
    yield line
    line.close()
    tap.stop()
    kamailio.stop()


def record(line):
    only, = wait_for(lambda: records(line.customer), 5, "a record")
    return only


def test_a_call_is_recorded_as_it_ends(beside):
    call = beside.answered()
    assert records(beside.customer) == []
    call.hang_up("callee")
    found = record(beside)
    expected = {"direction": "in", "tg": beside.tg, "number": beside.number, "code": "200", "reason": "answered",
                "by": "callee", "target": beside.primary.address, "attempts": f"{beside.primary.address}=200",
                "upstream": "demo", "source": beside.carrier.address, "callid": call.invite.call_id,
                "estimated": "0", "billed": "6", "node": beside.tap.name}
    assert {k: found[k] for k in expected} == expected
    assert beside.customer.cdrs() == [] and beside.customer.live() == []
    assert beside.customer.balance() == 1000000


def test_failures(beside):
    invite = beside.invite()
    beside.primary.respond(beside.tried(invite), 486)
    beside.failed(invite, 486)
    found = record(beside)
    assert (found["code"], found["reason"], found["by"]) == ("486", "busy", "callee")
    assert found["attempts"] == f"{beside.primary.address}=486"


def test_cancelled(beside):
    invite = beside.invite()
    received = beside.tried(invite)
    beside.primary.respond(received, 180)
    beside.carrier.expect(180, call_id=invite.call_id)
    beside.carrier.cancel(invite)
    beside.primary.respond(beside.primary.expect("CANCEL"), 200)
    beside.primary.respond(received, 487)
    beside.failed(invite, 487)
    found = record(beside)
    assert (found["code"], found["reason"], found["by"], found["attempts"]) == ("487", "cancelled", "caller", "")


def test_over_tcp(beside):
    beside.carrier = beside.peer(CARRIER, kind=StreamPeer)
    beside.answered().hang_up()
    assert record(beside)["by"] == "caller"


def test_not_ours(beside):
    """A stranger, and a number that is nobody's."""
    stranger = beside.peer("127.0.0.99", kind=UdpPeer)
    stranger.send(stranger.invite("1" + beside.number))
    beside.primary.respond(beside.primary.expect("INVITE"), 486)
    stranger.expect(486)
    invite = beside.invite("12125550199")
    beside.primary.respond(beside.tried(invite), 404)
    beside.failed(invite, 404)
    wait_for(lambda: scrape(beside.tap).of("trunkline_tap_calls_total", event="unknown") == 1, 5)
    assert scrape(beside.tap).of("trunkline_tap_calls_total", event="stranger") >= 1
    assert records(beside.customer) == []


def test_a_source_and_a_number_that_come_later(beside):
    newcomer = beside.peer("127.0.0.98")
    beside.bed.claim(newcomer.host, "carrier", "late")
    beside.carrier = newcomer
    beside.number = beside.customer.number(beside.tg)
    wait_for(lambda: "source 127.0.0.98: carrier late" in beside.tap.log(), 3)
    beside.answered().hang_up()
    assert record(beside)["upstream"] == "late"
    beside.bed.release(newcomer.host, "carrier", "late")


def test_a_call_that_is_up_at_the_end_is_an_estimate(beside):
    call = beside.answered()
    beside.tap.signal(signal.SIGUSR1)
    wait_for(lambda: beside.tap.summary().get("answered") == 1, 5, "a summary on demand")
    beside.tap.stop()
    found = record(beside)
    assert (found["estimated"], found["reason"], found["by"]) == ("1", "lost", "system")
    call.hang_up()


def test_many_calls_of_sipp(bed):
    host = next(HOSTS)
    customer = Customer(bed)
    uas = Sipp(bed.workdir, "uas", host=PRIMARY).start()
    number = customer.number(customer.trunk(uas.target))
    kamailio = Kamailio(bed.workdir, host, f"sip:{uas.address};transport=udp").start()
    tap = Tap(bed.workdir, bed.redis, "lo", name="tap-many", tap__filter=f"host {host}").start()
    uac = Sipp(bed.workdir, "uac", to=kamailio.target, number="1" + number, calls=100, rate=100, duration_ms=300)
    uac.finish()
    found = tap.wait_for_records(customer, 100)
    assert {(r["code"], r["by"], r["billed"], r["target"]) for r in found} == {("200", "caller", "6", uas.address)}
    assert len({r["callid"] for r in found}) == 100
    assert all(280 < int(r["ms"]) < 1000 for r in found)
    uas.stop()
    tap.stop()
    kamailio.stop()
