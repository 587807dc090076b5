"""Traces and rings: trunkctl trace."""

import json

import pytest

from harness import Ctl, StreamPeer, shark, wait_for, write_conf
from harness.users import login

CONF = {"sip__t1_ms": 200}
CALL = ["INVITE", "100", "INVITE", "180", "180", "200", "200", "ACK", "ACK", "BYE", "BYE", "200", "200"]


@pytest.fixture
def ctl(shared_bed, tmp_path):
    return Ctl(str(write_conf(tmp_path / "ctl.ini", {"redis.address": shared_bed.redis.address, **login("trunkd")})))


def got(ctl, call, path):
    """What tshark finds in a call's pcap."""
    ctl("trace", "get", call, "-o", path)
    return shark.messages(path)


@pytest.mark.parametrize("kind", ["udp"])
def test_ring_has_a_call(line, ctl, tmp_path, kind):
    call = line.answered()
    call_id = line.customer.live()[0]["call"]
    call.hang_up()
    line.cdr()
    for name in (call.invite.call_id, call_id):
        assert sorted(got(ctl, name, tmp_path / "a.pcap")) == sorted(CALL)
