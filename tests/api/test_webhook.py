"""Webhooks: signed, in order, at least once, and never to where an account must not reach."""

import html
import pathlib
import random
import re

import pytest

from harness import Stack, wait_for
from harness.metrics import scrape
from harness.tls import Authority
from hook_server import HookServer, signed_by

PAUSE_MS = 100
CONF = {"webhook.allow_http": True, "webhook.allow_private": True, "webhook.pause_ms": PAUSE_MS, "webhook.tries": 3,
        "webhook.timeout_ms": 1000}


@pytest.fixture(scope="module")
def stack():
    with Stack(sipmod=False, conf=CONF) as s:
        s.ctl("account", "set", s.account, "--did-monthly", "1.25")
        s.trunk = s.define_trunk(("127.0.0.3", 5060))
        yield s


@pytest.fixture
def receiver(request):
    server = HookServer()
    request.addfinalizer(server.close)
    return server


@pytest.fixture
def account(stack):
    """An account of its own: (accountno, its key)."""
    return stack.add_account()[0]


def hook(stack, account, receiver, *options):
    made = stack.ctl("webhook", "add", account, getattr(receiver, "url", receiver), *options)
    return made["webhook"], made["secret"]


def listed(stack, account):
    row, = stack.ctl("webhook", "list", account)
    return row


def credit(stack, account, *amounts):
    for amount in amounts:
        stack.ctl("account", "credit", account, amount, "--activity", "Test Call Credit")


def amounts(receiver):
    return [e["data"]["amount"] for e in receiver.events()]


def arrived(stack, account, count):
    """Waits until so many events are off the queue."""
    wait_for(lambda: listed(stack, account)["delivered"] == count, 15)


def kill_and_start(stack):
    """Also ends the lease of the killed one's lock, which another would wait for."""
    stack.trunkd.kill9()
    stack.redis.client.delete("job:webhooks")
    stack.trunkd.start()


def documented_check(stack):
    """The function that /docs gives to receivers."""
    code = re.search(r'<pre class="verification">(.*?)</pre>', stack.api.raw("GET", "/docs").text, re.DOTALL)[1]
    names = {}
    exec(html.unescape(code), names)  # noqa: S102
    return names["is_genuine"]


def test_the_reference_lists_the_events(stack):
    page = stack.api.raw("GET", "/docs").text.split('id="webhooks"')[1]
    keys = pathlib.Path(__file__).resolve().parents[2] / "redis-schema" / "KEYS.md"
    known = re.findall(r"`(\w+\.\w+)`", keys.read_text().split("\n## Events")[1].split("\n## Functions")[0])
    shown = re.findall(r"<code>(\w+\.\w+)</code>", page)
    assert len(known) > 10 and sorted(set(known)) == sorted(shown)


def test_an_order_reaches_the_receiver_signed_and_in_order(stack, receiver):
    webhook, secret = hook(stack, stack.account, receiver)
    number, = stack.order(stack.trunk)
    wait_for(lambda: len(receiver.got) == 3, 10)
    assert receiver.types() == ["order.created", "balance.debited", "order.processed"]
    for (_, headers, body), event in zip(receiver.got, receiver.events()):
        assert signed_by(headers, body, secret) and not signed_by(headers, body + b" ", secret)
        assert not signed_by(headers, body, "0" * 64)
        assert (headers["X-Trunkline-Event"], headers["X-Trunkline-Event-Id"]) == (event["type"], event["id"])
        assert headers["Content-Type"] == "application/json" and event["accountno"] == stack.account
    assert receiver.events()[2]["data"]["numbers"] == [number]
    genuine = documented_check(stack)
    assert genuine(secret, body, headers["X-Trunkline-Signature"])
    assert not genuine(secret, body + b" ", headers["X-Trunkline-Signature"])
    assert not genuine(secret, body, headers["X-Trunkline-Signature"].replace("t=1", "t=2"))
    assert len({e["id"] for e in receiver.events()}) == 3
    assert secret not in stack.trunkd.log()
    assert stack.ctl("webhook", "remove", stack.account, webhook) == {"webhooks_left": 0}
    assert not stack.redis.client.sismember("hooks", stack.account)


def failed(stack, account, tries):
    """The account's webhook as it is kept, once so many tries have failed."""
    kept = stack.redis.client.hgetall(next(k for k in stack.redis.client.keys(f"{{a:{account}}}:hook:*")
                                           if k.count(":") == 3))
    return kept if kept["tries"] == str(tries) else None


def test_a_failure_is_tried_again_later_and_later(stack, receiver, account):
    hook(stack, account, receiver)
    receiver.plan = ["500", "cut", "ok"]
    credit(stack, account, 1, 2)
    for tries, least, most in ((1, PAUSE_MS / 2, PAUSE_MS), (2, PAUSE_MS, 2 * PAUSE_MS)):
        kept = wait_for(lambda: failed(stack, account, tries), 10)  # noqa: B023
        assert least <= int(kept["due"]) - int(kept["failed_at"]) <= most
    arrived(stack, account, 2)
    assert amounts(receiver) == ["1.00", "1.00", "1.00", "2.00"]
    assert len({e["id"] for e in receiver.events()}) == 2
    assert receiver.most_at_once == 1


def told(stack):
    """trunkline_webhook_deliveries_total by result."""
    figures = scrape(stack.trunkd)
    return {r: figures.of("trunkline_webhook_deliveries_total", result=r) for r in ("arrived", "failed", "dead")}


def test_dead_events_are_listed_and_sent_again(stack, receiver, account):
    webhook, secret = hook(stack, account, receiver)
    before = told(stack)
    receiver.plan = ["503"] * 3
    credit(stack, account, 1, 2)
    arrived(stack, account, 1)
    dead, = stack.ctl("webhook", "dead", account, webhook)
    assert (dead["tries"], dead["reason"], dead["type"]) == (3, "HTTP status 503", "balance.credited")
    assert listed(stack, account)["dead"] == 1
    assert stack.ctl("webhook", "replay", account, webhook, dead["event"]) == {"replayed": 1}
    arrived(stack, account, 2)
    assert amounts(receiver) == ["1.00"] * 3 + ["2.00", "1.00"]
    assert receiver.events()[0] == receiver.events()[-1] and signed_by(*receiver.got[-1][1:], secret)
    assert {k: v - before[k] for k, v in told(stack).items()} == {"arrived": 2, "failed": 2, "dead": 1}
    assert stack.ctl("webhook", "dead", account, webhook) == []


def test_a_slow_receiver_holds_up_nobody_else(stack, receiver, account):
    slow = HookServer()
    try:
        slow.plan = ["hang"] * 3
        hook(stack, account, slow)
        credit(stack, account, 1)
        wait_for(lambda: slow.got, 10)
        other, _ = stack.add_account(credit=None)
        hook(stack, other, receiver)
        credit(stack, other, *range(1, 6))
        wait_for(lambda: len(receiver.got) == 5, 10)
        assert receiver.events()[0]["data"]["amount"] == "1.00"
        wait_for(lambda: listed(stack, account)["failure"] == "Timeout was reached", 10)
    finally:
        slow.close()


def test_each_event_is_there_again_after_a_kill(stack, receiver, account):
    hook(stack, account, receiver)
    receiver.plan = ["hang"]
    credit(stack, account, 1, 2)
    wait_for(lambda: receiver.got, 10)
    kill_and_start(stack)
    receiver.released.set()
    wait_for(lambda: len(receiver.got) == 3, 20)
    assert amounts(receiver) == ["1.00", "1.00", "2.00"]
    assert receiver.events()[0] == receiver.events()[1]
    arrived(stack, account, 2)


def test_no_change_goes_untold_whenever_trunkd_is_killed(stack, receiver, account):
    """Kills at random moments: what the ledger has, the receiver has, in that order, once a repeat is dropped."""
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    hook(stack, account, receiver)
    for step in range(4):
        credit(stack, account, 10 * step + 1, 10 * step + 2)
        seen = len(receiver.got)
        wait_for(lambda: len(receiver.got) > seen or chance.random() < 0.02, 15)
        kill_and_start(stack)
    wait_for(lambda: listed(stack, account)["waiting"] == 0, 20)
    told = {e["id"]: e["data"]["amount"] for e in receiver.events()}
    assert list(told.values()) == [f"{10 * step + i}.00" for step in range(4) for i in (1, 2)]


def test_a_replaced_secret_signs_on_for_a_while(stack, receiver, account):
    webhook, old = hook(stack, account, receiver)
    new = stack.ctl("webhook", "rotate", account, webhook)["secret"]
    stack.ctl("webhook", "test", account, webhook)
    arrived(stack, account, 1)
    _, headers, body = receiver.got[0]
    assert new != old and signed_by(headers, body, new) and signed_by(headers, body, old)
    newest = stack.ctl("webhook", "rotate", account, webhook, "--overlap", 0)["secret"]
    stack.ctl("webhook", "test", account, webhook)
    arrived(stack, account, 2)
    _, headers, body = receiver.got[1]
    assert signed_by(headers, body, newest) and not signed_by(headers, body, new)
    assert receiver.types() == ["webhook.test"] * 2


def test_of_several_trunkd_one_delivers(stack, receiver, account):
    second = stack.add_trunkd()
    hook(stack, account, receiver)
    credit(stack, account, *range(1, 31))
    arrived(stack, account, 30)
    assert amounts(receiver) == [f"{n}.00" for n in range(1, 31)] and receiver.most_at_once == 1
    second.stop()


def test_a_stop_does_not_wait_for_a_receiver(stack, receiver, account):
    hook(stack, account, receiver)
    stack.trunkd.configure(webhook__timeout_ms=60000)
    stack.trunkd.stop()
    stack.trunkd.start()
    receiver.plan = ["hang"]
    credit(stack, account, 1)
    wait_for(lambda: receiver.got, 10)
    stack.trunkd.stop(deadline=8)
    receiver.released.set()
    stack.trunkd.configure(webhook__timeout_ms=1000)
    stack.trunkd.start()
    arrived(stack, account, 1)


def test_a_pause_keeps_events_and_a_removal_drops_them(stack, receiver, account):
    webhook, _ = hook(stack, account, receiver, "--events", "payment,balance")
    assert stack.ctl("webhook", "set", account, webhook, "--status", 0)["status"] == 0
    credit(stack, account, 1)
    stack.ctl("webhook", "set", account, webhook, "--status", 1)
    arrived(stack, account, 1)
    receiver.plan = ["hang"]
    credit(stack, account, 2)
    wait_for(lambda: len(receiver.got) == 2, 10)
    stack.ctl("webhook", "remove", account, webhook)
    receiver.released.set()
    assert stack.ctl("webhook", "list", account) == []
    assert not stack.redis.client.keys(f"{{a:{account}}}:hook:*")


def test_a_low_balance_is_told(stack, receiver, account):
    stack.ctl("account", "set", account, "--low-balance", "40")
    hook(stack, account, receiver)
    stack.ctl("account", "credit", account, "-70", "--activity", "Call Charges")
    arrived(stack, account, 2)
    assert receiver.events()[0]["type"] == "balance.low"
    assert receiver.events()[0]["data"] == {"balance": "30.00", "low_balance": "40.00"}


def test_an_answer_without_end_and_a_redirect(stack, receiver, account):
    elsewhere = HookServer()
    here = HookServer(redirect_to=elsewhere.url)
    try:
        webhook, _ = hook(stack, account, here)
        here.plan = ["endless", "redirect"]
        stack.ctl("webhook", "set", account, webhook, "--status", 0)
        credit(stack, account, 1, 2)
        stack.ctl("webhook", "set", account, webhook, "--status", 1)
        arrived(stack, account, 2)
        assert amounts(here) == ["1.00", "2.00", "2.00"] and not elsewhere.connections
        first, second, _ = here.times()
        assert second - first < CONF["webhook.timeout_ms"] / 1000  # the answer was cut, not waited for
    finally:
        here.close()
        elsewhere.close()


# --- TLS, and where a webhook may lead ---------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(str(tmp_path_factory.mktemp("ca")))


@pytest.fixture(scope="module")
def careful(authority):
    """As an operator runs it: TLS alone; private addresses allowed in one of two."""
    with Stack(sipmod=False, conf={"webhook.pause_ms": PAUSE_MS, "webhook.tries": 1, "webhook.allow_private": True,
                                   "webhook.ca": authority.certificate}) as s:
        yield s


def test_receivers_must_prove_who_they_are(careful, authority, tmp_path, request):
    good = HookServer(authority.server(*authority.issue("good", "IP:127.0.0.1")))
    other_name = HookServer(authority.server(*authority.issue("other", "DNS:other.example.net")))
    stranger = Authority(str(tmp_path / "stranger"))
    unknown = HookServer(stranger.server(*stranger.issue("good", "IP:127.0.0.1")))
    for server in (good, other_name, unknown):
        request.addfinalizer(server.close)
        account, _ = careful.add_account()
        hook(careful, account, server)
        credit(careful, account, 1)
        wait_for(lambda: listed(careful, account)["waiting"] == 0, 10)  # noqa: B023
        assert listed(careful, account)["delivered"] == (1 if server is good else 0), listed(careful, account)
    assert len(good.got) == 1 and not other_name.got and not unknown.got


def test_names_that_lead_inside_are_not_connected_to(careful, authority, request):
    """localhost is a name for what an account must not reach: judged when the connection is made."""
    server = HookServer(authority.server(*authority.issue("inside", "DNS:localhost")))
    request.addfinalizer(server.close)
    account, _ = careful.add_account()
    webhook, _ = hook(careful, account, f"https://localhost:{server.port}/")
    careful.ctl("webhook", "test", account, webhook)
    wait_for(lambda: server.got, 10)  # allowed by the setting
    seen = server.connections
    careful.trunkd.configure(webhook__allow_private=False)
    careful.trunkd.stop()
    careful.trunkd.start()
    careful.ctl("webhook", "test", account, webhook)
    dead, = wait_for(lambda: careful.ctl("webhook", "dead", account, webhook), 10)
    assert dead["reason"] == "the name leads to an address that is not public"
    assert server.connections == seen
