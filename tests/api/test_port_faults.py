"""SIGKILL between any two steps of a port-in: the order is there once and paid once, or not at all; the numbers
switch once."""

import itertools
import subprocess
import threading

import pytest

from gate import Gate
from harness import Stack, wait_for, write_conf
from harness.programs import program
from port_client import PORTLAND, load_coverage, order_of, port

COST = 17500  # of one number: 1.75


@pytest.fixture(scope="module")
def stack():
    with Stack(sipmod=False, aof=True) as s:
        load_coverage(s)
        s.ctl("account", "set", s.account, "--did-monthly", "1.25", "--did-setup", "0.5")
        s.ctl("account", "credit", s.account, "1000")
        s.trunk = s.define_trunk(("127.0.0.3", 5060))
        s.counter = itertools.count(1)
        s.key = f"{{a:{s.account}}}"
        yield s


@pytest.fixture
def numbers(stack):
    return [PORTLAND[next(stack.counter)] for _ in range(2)]


@pytest.fixture
def gate(stack):
    gate = Gate(stack.redis.port)
    yield gate
    gate.close()


def balance(stack):
    return int(stack.redis.client.hget(stack.key, "balance"))


def booked(stack, order):
    return [line for line in stack.redis.table("ledger_list", stack.key) if line["ref"] == f"port:{order}"]


def sagas(stack):
    return stack.redis.client.hkeys(f"{stack.key}:sagas")


def ignore(client, numbers):
    try:
        port(client, ",".join(numbers))
    except OSError:
        pass


def kill_while_ordering(stack, gate, function, applied, numbers):
    """Asks a trunkd of its own for the order and kills that one at the function."""
    victim = stack.add_trunkd(redis__address=f"127.0.0.1:{gate.port}", redis__timeout_ms=30000)
    gate.stop_at(function, applied)
    request = threading.Thread(target=ignore, args=(stack.api.with_(url=victim.url), numbers), daemon=True)
    request.start()
    assert gate.reached.wait(10), f"{function} was never called"
    victim.kill9()
    request.join(10)


@pytest.mark.slow
@pytest.mark.parametrize("function, applied", [
    ("port_claim", True), ("port_create", False), ("port_create", True), ("port_settle", False), ("port_settle", True)])
def test_order_survives_a_kill(stack, gate, numbers, function, applied):
    before, known = balance(stack), len(stack.api.get_lnp_orders().good()["Orders"])
    kill_while_ordering(stack, gate, function, applied, numbers)
    orders = stack.api.get_lnp_orders().good()["Orders"][known:]
    if function == "port_claim" or (function, applied) == ("port_create", False):
        assert orders == [] and balance(stack) == before and sagas(stack) == []
        claims = stack.redis.client.keys("port:*" + numbers[0][-4:])
        assert claims and all(stack.redis.client.pttl(c) > 0 for c in claims), "claims that end by themselves"
        return
    order, = orders
    assert order["numbers"] == numbers and balance(stack) == before - 2 * COST
    assert len(booked(stack, order["orderno"])) == 1
    wait_for(lambda: sagas(stack) == [], 30)
    for number in numbers:
        assert stack.redis.fcall("port_holder", f"port:{number}") == ["ok", stack.account, order["orderno"]]
        assert stack.redis.client.pttl(f"port:{number}") == -1
    assert stack.redis.client.hget(f"{stack.key}:port:{order['orderno']}", "step") == "open"


def ctl_through(stack, gate):
    return write_conf(f"{stack.workdir}/gate.ini", {**stack.settings, "redis.address": f"127.0.0.1:{gate.port}"})


def kill_ctl(stack, gate, function, applied, *words):
    """Runs trunkctl through the gate and kills it at the function."""
    gate.stop_at(function, applied)
    with subprocess.Popen([program("trunkctl"), "-c", ctl_through(stack, gate), *words], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as ctl:
        assert gate.reached.wait(10), f"{function} was never called"
        ctl.kill()


def committed(stack, numbers):
    order = port(stack.api, ",".join(numbers)).good()["orderNo"]
    stack.ctl("port", "submit", stack.account, order)
    stack.ctl("port", "foc", stack.account, order, "2090-03-15")
    return order


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("function", ["port_switch", "did_assign", "port_complete", "port_drop", "saga_done"])
def test_switch_survives_a_kill(stack, gate, numbers, function, applied):
    order = committed(stack, numbers)
    kill_ctl(stack, gate, function, applied, "port", "complete", stack.account, order)
    if (function, applied) == ("port_switch", False):
        assert order_of(stack.api, order)["processingStatus"] == "FOC"
        assert stack.api.getnumbers(orderno=order).good()["data"] == []
        stack.ctl("port", "complete", stack.account, order)
    wait_for(lambda: order_of(stack.api, order)["processingStatus"] == "COMPLETE" and sagas(stack) == [], 30)
    assert [n["didnumber"] for n in stack.api.getnumbers(orderno=order).good()["data"]] == numbers
    for number in numbers:
        assert stack.redis.fcall("did_route", f"did:{number}")[:4] == ["ok", stack.account, stack.trunk, "1"]
        assert stack.redis.fcall("port_holder", f"port:{number}") == ["notfound"]
    assert len(booked(stack, order)) == 1


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("function", ["port_move", "port_drop", "saga_done"])
def test_cancelling_survives_a_kill(stack, gate, numbers, function, applied):
    before = balance(stack)
    order = port(stack.api, ",".join(numbers)).good()["orderNo"]
    kill_ctl(stack, gate, function, applied, "port", "cancel", stack.account, order)
    if (function, applied) == ("port_move", False):
        assert order_of(stack.api, order)["processingStatus"] == "DRAFT" and balance(stack) == before - 2 * COST
        stack.ctl("port", "cancel", stack.account, order)
    wait_for(lambda: sagas(stack) == [], 30)
    assert order_of(stack.api, order)["processingStatus"] == "CANCELLED" and balance(stack) == before
    assert stack.api.check_lnp(numbers=",".join(numbers)).good()["accepted"] == numbers
