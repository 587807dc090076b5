"""What a token may do, from where, how often; rotation; what every trunkd knows of it at once."""

import time

import pytest

from document import BILLING, PARAMS, WRITES, scope
from harness import Stack, wait_for
from rawhttp import Raw


def token(rest, accountno, *options):
    """A fresh token; the account has at most two, the first of which stays."""
    listed = [t["label"] for t in rest.ctl("token", "list", accountno)]
    for label in listed[1:]:
        rest.ctl("token", "revoke", accountno, label)
    return rest.ctl("token", "add", accountno, "--label", "second", *options)["token"]


# --- scopes ------------------------------------------------------------------------

@pytest.mark.parametrize("granted", ["read", "write", "billing", "read,billing", "all"])
def test_scopes(rest, api, granted):
    client = api.with_(token=token(rest, api.accountno, "--scope", granted))
    for endpoint in sorted(PARAMS):
        reply = client.call(endpoint)
        if granted == "all" or scope(endpoint) in granted.split(","):
            assert reply.get("code") != "scope_required", endpoint
        else:
            reply.refused("Invalid token")
            assert reply["code"] == "scope_required"
            assert reply["detail"] == f"the token needs the scope {scope(endpoint)}"


def test_every_endpoint_has_one_scope():
    assert {scope(e) for e in PARAMS} == {"read", "write", "billing"}
    assert {e for e in PARAMS if scope(e) == "write"} == WRITES - BILLING


# --- where from ----------------------------------------------------------------------

@pytest.mark.parametrize("allow,works", [("127.0.0.1", True), ("127.0.0.0/8", True), ("192.0.2.0/24,127.0.0.1", True),
                                         ("0.0.0.0/0", True), ("127.0.0.2", False), ("2001:db8::/32", False),
                                         ("192.0.2.1,::1", False)])
def test_allow_list(rest, api, allow, works):
    client = api.with_(token=token(rest, api.accountno, "--allow", allow))
    for call in (client.get_trunk, lambda: client.remove_reserved(reserveId="1")):
        reply = call()
        if works:
            assert reply.get("code") != "address_not_allowed"
        else:
            assert reply.refused("Invalid token")["code"] == "address_not_allowed"
            assert reply["detail"] == "the token may not be used from 127.0.0.1"


@pytest.fixture(scope="module")
def proxied():
    """Behind a proxy at 127.0.0.1; an account's own token may be used from 198.51.100.0/24 alone."""
    with Stack(sipmod=False, conf={"http.trusted_proxies": "127.0.0.1, 127.0.0.4"}) as s:
        yield s


def test_behind_a_proxy(proxied):
    api = proxied.api.with_(token=token(proxied, proxied.account, "--allow", "198.51.100.0/24"))

    def detail(*headers):
        with Raw(proxied.trunkd.port) as raw:
            body = f"accountno={api.accountno}&token={api.token}"
            status, _, reply = raw.send(
                "POST /get_trunk HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                f"Content-Length: {len(body)}\r\n" + "".join(f"{h}\r\n" for h in headers) + "\r\n" + body).reply()
            return "" if status == 200 else reply["detail"].rpartition(" ")[2]

    assert detail("X-Forwarded-For: 198.51.100.7") == ""
    assert detail("X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 203.0.113.5") == "203.0.113.5"
    assert detail("X-Forwarded-For: 203.0.113.5", "X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 127.0.0.4") == ""
    assert detail("X-Forwarded-For: 198.51.100.7, 203.0.113.5") == "203.0.113.5"
    assert detail("Forwarded: for=198.51.100.7") == "127.0.0.1", "the other header is not the configured one"
    assert detail() == "127.0.0.1"


def test_links_have_the_scheme_that_the_client_sees(proxied, rest, api):
    for stack, proto, scheme in ((proxied, "https", "https"), (proxied, "http", "http"), (rest, "https", "http")):
        client = stack.api
        if not client.get_trunk_termination().good()["data"]:
            client.defineTrunk_termination(title="t", ipaddress="127.0.0.77", ports="1").good()
        body = f"accountno={client.accountno}&token={client.token}".encode()
        reply = client.raw("POST", "/get_trunk_termination", body,
                           {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-Proto": proto})
        assert reply.good()["data"][0]["config"].startswith(f"{scheme}://127.0.0.1:")


# --- how often -------------------------------------------------------------------------

def limits(reply):
    return [int(reply.headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset")]


def test_rate_of_a_token(rest, api):
    client = api.with_(token=token(rest, api.accountno, "--rate", 60, "--burst", 3))
    assert [limits(client.get_trunk().good()) for _ in range(3)] == [[3, 2, 1], [3, 1, 2], [3, 0, 3]]
    refused = client.get_trunk()
    assert refused.status == 429 and refused["status"] == "429" and refused["error"] == "Too many requests"
    assert refused["code"] == "too_many_requests" and refused["request_id"] == refused.headers["X-Request-Id"]
    assert refused.headers["Retry-After"] == "1" and limits(refused) == [3, 0, 3]
    api.get_trunk().good()  # the other token has its own
    began = time.monotonic()
    wait_for(lambda: client.get_trunk().ok, 3)
    assert time.monotonic() - began < 1.5
    assert client.defineTrunk().status == 429, "writes count as well"


def test_burst_is_a_tenth_of_a_minute_unless_given(rest, api):
    client = api.with_(token=token(rest, api.accountno, "--rate", 600))
    assert limits(client.get_trunk())[0] == 60


def test_every_reply_tells_a_limit(rest, api):
    for reply in (api.get_trunk(), api.get_trunk(tg_id="x"), api.defineTrunk(), api.with_(token="wrong").get_trunk(),
                  api.raw("GET", "/nothing"), api.raw("GET", "/downloads/x"), api.raw("PUT", "/get_trunk"),
                  api.raw("POST", "/get_trunk", b"{", {"Content-Type": "application/json"}),
                  api.raw("POST", "/get_trunk", b"x", {"Content-Type": "text/plain"}), api.raw("GET", "/openapi.yaml")):
        assert len(limits(reply)) == 3, reply


@pytest.fixture(scope="module")
def strict():
    """Two failures at once, sixty a minute; ten requests at once."""
    with Stack(sipmod=False, conf={"http.failure_rate": 60, "http.failure_burst": 2, "http.token_rate": 600,
                                   "http.token_burst": 40}) as s:
        yield s


def test_failures_of_an_address(strict):
    bad = strict.api.with_(token="wrong")
    assert [limits(bad.get_trunk().refused("Invalid token")) for _ in range(2)] == [[2, 1, 1], [2, 0, 2]]
    for reply in (bad.get_trunk(), strict.api.get_trunk(), strict.api.raw("GET", "/uploads/x")):
        assert reply.status == 429 and reply["code"] == "too_many_requests" and reply.headers["Retry-After"] == "1"
        assert "127.0.0.1" in reply["detail"]
    wait_for(lambda: strict.api.get_trunk().ok, 5)
    good = strict.api.get_trunk().good()
    assert limits(good)[0] == 40, "the default of tokens"


@pytest.mark.parametrize("fail", [
    lambda s: s.api.with_(accountno="1").get_trunk(), lambda s: s.api.with_(token="").get_trunk(),
    lambda s: s.api.raw("GET", "/uploads/guessed.pdf?expires=9&signature=0"),
    lambda s: s.api.with_(accountno="{").get_trunk()], ids=["account", "token", "link", "malformed"])
def test_what_counts_as_a_failure(strict, fail):
    def rested():
        reply = strict.api.raw("GET", "/nothing")
        return reply.status == 404 and limits(reply) == [2, 2, 0]
    wait_for(rested, 5)
    assert limits(fail(strict))[1] == 1
    strict.api.get_trunk(tg_id="x").refused("Invalid tg_id")
    assert limits(strict.api.raw("GET", "/nothing"))[1] >= 1, "a refused parameter is no failure"


# --- at once and everywhere --------------------------------------------------------------

def test_rotation(rest):
    accountno, first = rest.add_account()
    client = rest.api_of(accountno, first)
    label = rest.ctl("token", "list", accountno)[0]["label"]
    second = rest.ctl("token", "rotate", accountno, label, "--keep-hours", 1)["token"]
    listed = rest.ctl("token", "list", accountno)
    assert [t["label"] for t in listed] == [f"{label}-old", label]
    assert listed[0]["ends"] and not listed[1]["ends"]
    for one in (first, second):
        client.with_(token=one).get_trunk().good()
    third = rest.ctl("token", "rotate", accountno, label, "--keep-hours", 0)["token"]
    client.with_(token=second).get_trunk().refused("Invalid token")
    for one in (first, third):
        client.with_(token=one).get_trunk().good()


@pytest.fixture(scope="module")
def second(rest):
    """One more trunkd; what it knows of a token may live long, so that only being told helps."""
    return rest.add_trunkd(http__auth_cache_ms=60000)


def test_revoked_everywhere_at_once(rest, second):
    accountno, first = rest.add_account()
    clients = [rest.api_of(accountno, first), rest.api_of(accountno, first).with_(url=second.url)]
    for turn in range(5):
        label = f"turn{turn}"
        fresh = rest.add_token(accountno, label)
        for client in clients:
            for _ in range(3):
                client.with_(token=fresh).get_trunk().good()
        rest.ctl("token", "revoke", accountno, label)
        for client in clients:
            client.with_(token=fresh).get_trunk().refused("Invalid token")
            client.get_trunk().good()
    rest.ctl("account", "set", accountno, "--status", "0")
    for client in clients:
        client.get_trunk().refused("Invalid accountno")


def asked(rest):
    """How often account_auth was called."""
    calls = rest.redis.client.info("commandstats").get("cmdstat_fcall_ro", {"calls": 0})["calls"]
    return calls


def test_reads_ask_once(rest, second):
    client = rest.api_of(*rest.add_account()).with_(url=second.url)
    wait_for(lambda: client.get_trunk().ok, 2)

    def cost(n):
        before = asked(rest)
        for _ in range(n):
            client.get_trunk().good()
        return asked(rest) - before
    # get_trunk itself asks once; jobs of both trunkd ask now and then
    wait_for(lambda: cost(100) < 150, 5)


def test_what_was_told_while_nobody_listened_is_not_missed(rest, second):
    accountno, first = rest.add_account()
    client = rest.api_of(accountno, first).with_(url=second.url)
    redis = rest.redis.client

    def listening():
        return len(redis.client_list(_type="pubsub"))
    wait_for(lambda: listening() == 2, 5)
    client.get_trunk().good()
    redis.client_kill_filter(_type="pubsub")
    rest.ctl("token", "revoke", accountno, "test")
    client.get_trunk().refused("Invalid token")
    rest.redis.client.hset(f"{{a:{accountno}}}:tokens", "0" * 64, "1 x all")
    wait_for(lambda: listening() == 2, 5)
    client.get_trunk().refused("Invalid token")
