"""make_payment through the HTTP gateway, when it, the network or trunkd fails."""

import glob
import os
import signal
import ssl
import subprocess
import threading
import time

import pytest

from gate import Gate
from gateway_server import GatewayServer
from harness import Stack, free_port, wait_for

CARD = {"firstname": "Ann", "lastname": "Lee", "cardnumber": "4111111111111111", "expmonth": "12",
        "expyear": "2031", "cvv": "012", "zipcode": "01234", "amount": "25.00"}
SETTINGS = {"payment.gateway": "http", "payment.token": "s3cret-token", "payment.timeout_ms": 400,
            "payment.tries": 2, "payment.repeat_minutes": 10, "redis.timeout_ms": 300}


@pytest.fixture
def gateway():
    server = GatewayServer(slow_s=1)
    yield server
    server.close()


@pytest.fixture
def rest(gateway):
    with Stack(sipmod=False, credit=None, conf={**SETTINGS, "payment.url": gateway.url}) as s:
        yield s


def pay(rest, headers=None, **changes):
    return rest.api.call("make_payment", headers=headers, **{**CARD, **changes})


def status(rest):
    return [p["status"] for p in rest.api.get_payments().good()["data"]]


def balance(rest):
    return rest.redis.client.hget(f"{{a:{rest.account}}}", "balance")


def due_now(rest):
    """The job's turn comes at once: leases are over."""
    key = f"{{a:{rest.account}}}:paying"
    for name in rest.redis.client.zrange(key, 0, -1):
        rest.redis.client.zadd(key, {name: 0})


def settled(rest, deadline=15):
    def nothing_left():
        due_now(rest)
        return not rest.redis.client.zcard(f"{{a:{rest.account}}}:paying")
    wait_for(nothing_left, deadline, "all payments are settled")


def test_what_is_sent(rest, gateway):
    pay(rest, address="1 Main St").good()
    (path, headers, body), = gateway.requests
    assert path == "/v1/charges" and headers["Authorization"] == "Bearer s3cret-token"
    assert headers["Idempotency-Key"] == body["key"] and len(body["key"]) == 32
    assert body["amount"] == "25.00" and body["currency"] == "USD"
    assert body["card"] == {"number": "4111111111111111", "cvv": "012", "exp_month": 12, "exp_year": 2031,
                            "first_name": "Ann", "last_name": "Lee", "address": "1 Main St", "address2": "",
                            "city": "", "state": "", "zip": "01234"}
    assert balance(rest) == "250000" and "s3cret" not in rest.trunkd.log() and "4111" not in rest.trunkd.log()


def test_a_sandbox_account_plays_with_play_money(rest, gateway):
    """Its cards, refunds and orders never reach the gateway, which serves live accounts here."""
    accountno, token = rest.add_account(None, "--sandbox", "--did-setup", "5")
    client = rest.api_of(accountno, token)
    client.make_payment(**{**CARD, "cardnumber": "4242424242424242"}).good()
    client.make_payment(**{**CARD, "cardnumber": "4000000000000002"}).refused("Payment declined")
    client.make_payment(**CARD).refused("Payment declined")  # a real card, perhaps
    reference = client.get_payments().good()["data"][0]["referenceno"]
    rest.order(client.defineTrunk(title="t", primaryTrunk="127.0.0.3", billingType="Metered").good()["tg_id"],
               api=client)
    rest.ctl("payment", "refund", accountno, reference, "10")
    wait_for(lambda: not rest.redis.client.zcard(f"{{a:{accountno}}}:paying"), 15)
    assert rest.redis.client.hget(f"{{a:{accountno}}}", "balance") == "100000", "25.00 - 5.00 - 10.00"
    assert gateway.requests == []


def test_a_core_holds_no_card(rest, gateway, tmp_path):
    """A core that root takes by a debugger while the card is being charged; and one of a crash."""
    number, charged = "4539578763621486", []
    trunkd = rest.add_trunkd(payment__timeout_ms=30000)
    client = rest.api.with_(url=trunkd.url)
    gateway.plan, gateway.slow_s = ["slow"], 6
    paying = threading.Thread(target=lambda: charged.append(
        client.make_payment(**{**CARD, "cardnumber": number, "cvv": "9871"})))
    paying.start()
    wait_for(lambda: gateway.requests, 5, "the charge is under way")
    pid = trunkd.child.pid
    made = subprocess.run(["gcore", "-o", str(tmp_path / "core"), str(pid)], capture_output=True, text=True, timeout=60,
                          check=False, cwd=tmp_path)
    assert not charged, "the core is of the moment"
    paying.join(20)
    core = (tmp_path / f"core.{pid}").read_bytes()
    assert core.startswith(b"\x7fELF"), made
    assert number.encode() not in core and b"9871" not in core
    os.kill(pid, signal.SIGABRT)
    wait_for(lambda: trunkd.child.poll() is not None, 20)
    trunkd.discard()
    assert not glob.glob(f"{rest.workdir}/**/core*", recursive=True) and not glob.glob(f"{os.getcwd()}/core*")


def test_decline(rest, gateway):
    gateway.plan = ["decline"]
    assert pay(rest).refused("Payment declined")["detail"] == "stolen card?<b>"
    assert status(rest) == ["2"] and balance(rest) == "0"


@pytest.mark.parametrize("plan", [["500"], ["cut"], ["drop"], ["slow"], ["slow-500"], ["junk"], ["pending"],
                                  ["drop", "drop"], ["slow", "drop"], ["slow", "slow"]])
def test_charged_once_whatever_comes_between(rest, gateway, plan):
    """Repeated with the same key, or found by it."""
    gateway.plan = list(plan)
    reply = pay(rest)
    if not reply.ok:
        assert reply.refused()["code"] == "payment_pending", reply
        settled(rest)
    charged = sum(int(float(a) * 10000) for a in gateway.charges.values())
    assert charged == int(balance(rest)) and len(gateway.charges) <= 1
    keys = {h["Idempotency-Key"] for p, h, b in gateway.requests if b}
    assert len(keys) == 1
    assert status(rest) == (["1"] if gateway.charges else ["2"])


def test_a_gateway_that_refuses_us(rest, gateway):
    gateway.plan = ["401"]
    assert pay(rest).refused("Payment declined")["detail"] == "the gateway answered 401"
    assert status(rest) == ["2"] and len(gateway.requests) == 1


def test_a_gateway_that_is_not_there():
    with Stack(sipmod=False, conf={**SETTINGS, "payment.url": f"http://127.0.0.1:{free_port()}"}) as s:
        assert pay(s).refused("Payment declined")["detail"] == "the gateway can't be reached"
        assert status(s)[-1] == "2"
        assert s.redis.client.zcard(f"{{a:{s.account}}}:paying") == 0


def test_an_unknown_outcome_stays_pending_until_the_gateway_tells(rest, gateway):
    gateway.plan, gateway.lookup_fails = ["drop", "drop"], 4
    reply = pay(rest)
    assert reply.refused("Payment pending")["code"] == "payment_pending"
    assert status(rest) == ["0"] and balance(rest) == "0"
    settled(rest)
    assert status(rest) == ["1"] and balance(rest) == "250000"
    assert pay(rest).good()["referenceno"] == "P100001" and len(gateway.charges) == 1


def test_the_job_leaves_a_charge_alone_that_is_under_way(rest, gateway):
    """A lookup before the charge has arrived says nothing about it."""
    gateway.plan, gateway.lookup_fails = ["500", "500"], 10
    assert not pay(rest).ok
    time.sleep(3)  # turns of the job; its time has not come
    assert status(rest) == ["0"]
    gateway.lookup_fails = 0
    settled(rest)
    assert status(rest) == ["2"] and balance(rest) == "0"


def test_refund_is_sent_until_the_gateway_takes_it(rest, gateway):
    ref = pay(rest).good()["referenceno"]
    gateway.refund_plan = ["500", "500", "500"]
    rest.ctl("payment", "refund", rest.account, ref, "10")
    settled(rest)
    assert list(gateway.refunds.values()) == ["10.00"] and balance(rest) == "150000"
    gateway.refund_plan = ["decline"]
    rest.ctl("payment", "refund", rest.account, ref)
    settled(rest)
    assert balance(rest) == "150000" and len(gateway.refunds) == 1
    assert rest.ctl("payment", "list", rest.account)[0]["refunded"] == "10.00"
    with pytest.raises(AssertionError, match="AMOUNT"):
        rest.ctl("payment", "refund", rest.account, ref, "15.01")


def test_many_at_once(rest, gateway):
    gateway.plan = ["500", "drop", "slow", "approve", "cut", "decline"] * 4
    replies = []
    threads = [threading.Thread(target=lambda i=i: replies.append(pay(rest, amount=f"{10 + i}.00")))
               for i in range(24)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    settled(rest, 30)
    charged = sum(int(float(a) * 10000) for a in gateway.charges.values())
    assert len(replies) == 24 and charged == int(balance(rest))
    assert set(status(rest)) <= {"1", "2"}


STEPS = [("payment_begin", False), ("payment_begin", True), ("payment_finish", False), ("payment_finish", True)]


@pytest.mark.parametrize("function,applied", STEPS)
def test_sigkill_between_two_steps(rest, gateway, function, applied):
    """Whatever was charged is booked, once; nothing else is; the same submission again does no harm."""
    gate = Gate(rest.redis.port)
    victim = rest.add_trunkd(redis__address=f"127.0.0.1:{gate.port}")
    gate.stop_at(function, applied)
    client = rest.api.with_(url=victim.url, timeout=5)
    thread = threading.Thread(target=lambda: quietly(client))
    thread.start()
    assert gate.reached.wait(5)
    victim.discard()
    rest.started.remove(victim)
    thread.join()
    gate.close()
    settled(rest)
    charged = sum(int(float(a) * 10000) for a in gateway.charges.values())
    assert charged == int(balance(rest)) and len(gateway.charges) <= 1
    assert gateway.charges if function == "payment_finish" else not gateway.charges
    pay(rest).good()
    assert len(gateway.charges) == 1 and balance(rest) == "250000"


@pytest.mark.parametrize("step", ["slow", "slow-500", "late"])
def test_sigkill_while_the_gateway_thinks(rest, gateway, step):
    gateway.plan = [step]
    victim = rest.add_trunkd(payment__timeout_ms=5000)
    thread = threading.Thread(target=lambda: quietly(rest.api.with_(url=victim.url, timeout=5)))
    thread.start()
    assert gateway.asked.wait(5)
    victim.discard()
    rest.started.remove(victim)
    thread.join()
    if step != "slow-500":
        assert gateway.charged.wait(5)
    settled(rest)
    charged = sum(int(float(a) * 10000) for a in gateway.charges.values())
    assert charged == int(balance(rest)) and len(gateway.charges) <= 1


def quietly(client):
    try:
        client.call("make_payment", **CARD)
    except OSError:
        pass


def test_tls_is_verified(gateway, tmp_path):
    """An https gateway with a certificate that nobody vouches for is never asked."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True,
                   capture_output=True, env={**os.environ, "LC_ALL": "C"})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    gateway.server.socket = context.wrap_socket(gateway.server.socket, server_side=True)
    port = gateway.server.server_port
    for url, ca, good in ((f"https://localhost:{port}/v1", "", False), (f"https://127.0.0.1:{port}/v1", cert, False),
                          (f"https://localhost:{port}/v1", cert, True)):
        with Stack(sipmod=False, credit=None, conf={**SETTINGS, "payment.url": url, "payment.ca": ca}) as s:
            reply = pay(s)
            assert reply.ok == good, (url, ca, reply)
            assert len(gateway.requests) == good
