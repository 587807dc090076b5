"""Targets given by name: asked of DNS, kept for their TTL, never in the way of plain addresses."""

import time

import pytest

from harness import wait_for
from harness.bed import Line
from harness.dns import Dns


@pytest.fixture
def dns():
    with Dns() as server:
        yield server


@pytest.fixture
def named(shared_bed, dns):
    """A Line whose primary is gw.example, its name server is `dns`."""
    sipmod = shared_bed.sipmod(sip__resolver=dns.address, sip__resolve_ms=300, sip__no_answer_ms=300)
    line = Line(shared_bed, sipmod)
    dns.names["gw.example"] = [line.primary.host]
    line.update(primary_host="gw.example")
    line.add_secondary()
    yield line
    line.close()
    line.customer.settled()
    shared_bed.sipmods = {k: v for k, v in shared_bed.sipmods.items() if v is not sipmod}
    sipmod.stop()


def goes_to(line, peer):
    started = time.monotonic()
    invite = line.invite()
    received = line.tried(invite, peer)
    took = time.monotonic() - started
    line.reject(received, 486, peer)
    line.failed(invite, 486)
    return received, took


def test_name_becomes_an_address_and_stays_in_the_request(named, dns):
    received, _ = goes_to(named, named.primary)
    assert received.uri == f"sip:5555{named.number}@gw.example:{named.primary.port}"
    for _ in range(5):
        goes_to(named, named.primary)
    assert dns.asked["gw.example"] == 1


def test_name_is_asked_for_again_after_its_ttl(named, dns):
    dns.ttl = 1
    goes_to(named, named.primary)
    moved = named.peer("127.0.0.7", named.primary.port)
    dns.names["gw.example"] = [moved.host]
    goes_to(named, named.primary)
    asked = time.monotonic()
    wait_for(lambda: time.monotonic() - asked > 1.1, 3)
    goes_to(named, moved)


def test_unknown_name_is_given_up_at_once(named, dns):
    dns.names.clear()
    _, took = goes_to(named, named.secondary)
    assert took < 0.25
    goes_to(named, named.secondary)
    assert dns.asked["gw.example"] <= 2  # a refusal is kept, too


def test_black_holed_name_server_costs_a_bounded_wait(named, dns):
    dns.silent = True
    _, took = goes_to(named, named.secondary)
    assert 0.25 < took < 0.8
    assert named.cdr()["attempts"].startswith("gw.example=503 ")


def test_black_holed_name_server_does_not_stall_plain_addresses(named, dns):
    dns.silent = True
    plain = Line(named.bed, named.sipmod)
    waiting = [named.invite() for _ in range(40)]
    for _ in range(10):
        _, took = goes_to(plain, plain.primary)
        assert took < 0.2
    for invite in waiting:
        received = named.tried(invite, named.secondary)
        named.reject(received, 486, named.secondary)
        named.failed(invite, 486)
    plain.close()
    plain.customer.settled()


def test_old_address_serves_while_the_name_server_is_silent(named, dns):
    dns.ttl = 1
    goes_to(named, named.primary)
    dns.silent = True
    asked = time.monotonic()
    wait_for(lambda: time.monotonic() - asked > 1.1, 3)
    goes_to(named, named.primary)


def test_cancel_while_a_name_is_looked_up(named, dns):
    dns.silent = True
    invite = named.invite()
    wait_for(lambda: dns.asked.get("gw.example"), 2)
    named.carrier.cancel(invite)
    named.failed(invite, 487)
    assert named.cdr()["reason"] == "cancelled"
