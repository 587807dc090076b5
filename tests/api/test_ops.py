"""/ops by hand: who gets in, for how long, and what the stream does with many, slow and late viewers."""

import contextlib
import threading
import time

import pytest
import redis

from harness import Stack, wait_for
from harness.ops import Ops
from rawhttp import Raw

GUARDED = ["/ops/events", "/ops/page.js", "/ops/dom.js", "/ops/chart.js"]
OPEN = ["/ops/login", "/ops/style.css", "/ops/icon.svg"]


@pytest.fixture(scope="module")
def rest():
    with Stack(sipmod=False, conf={"ops.viewers": 3, "http.request_timeout_s": 2, "http.idle_timeout_s": 3}) as s:
        assert Ops(s.trunkd).get("/ops").status == Ops(s.trunkd).get("/ops/login").status == 404
        s.operator = s.ctl("operator", "add", "night")
        yield s


@pytest.fixture
def ops(rest):
    return Ops(rest.trunkd)


@pytest.fixture
def token(rest):
    return rest.operator["token"]


@pytest.fixture
def cookie(ops, token):
    return ops.login(token).cookie


def test_off_without_an_operator(rest, ops, token):
    """The fixture has asked before there was one; here the last one goes."""
    with Stack(sipmod=False) as s:
        made = s.ctl("operator", "add", "only")["token"]
        assert Ops(s.trunkd).get("/ops", token=made).status == 200
        s.ctl("operator", "revoke", "only")
        for path in ["/ops", *GUARDED, *OPEN]:
            assert Ops(s.trunkd).get(path, token=made).status == 404
        assert Ops(s.trunkd).login(made).status == 404
    assert ops.get("/ops", token=token).status == 200


@pytest.mark.parametrize("how", ["nothing", "a wrong token", "an account's token", "a wrong session",
                                 "a token as cookie", "a session as token"])
def test_strangers(rest, ops, token, cookie, how):
    who = {"nothing": {}, "a wrong token": {"token": "ab" * 32}, "an account's token": {"token": rest.token},
           "a wrong session": {"cookie": "trunkline_ops=" + "ab" * 32},
           "a token as cookie": {"cookie": f"trunkline_ops={token}"},
           "a session as token": {"token": cookie.partition("=")[2]}}[how]
    for path in GUARDED:
        reply = ops.get(path, **who)
        assert reply.status == 401 and "Bearer" in reply.headers["WWW-Authenticate"], path
        assert "document" not in reply.body
    reply = ops.get("/ops", **who)
    assert (reply.status, reply.headers["Location"], reply.body) == (303, "/ops/login", "")
    for path in OPEN:
        assert ops.get(path, **who).status == 200


def test_token_and_session_let_in(ops, token, cookie):
    for path in ["/ops", *GUARDED[1:], *OPEN]:
        assert ops.get(path, token=token).status == ops.get(path, cookie=cookie).status == 200, path
        assert ops.get(path, cookie=f"a=b; {cookie}; c=d").status == 200


def test_operators_token_is_no_account_token(rest, token):
    rest.api.with_(token=token).get_trunk(tg_id="1").refused("Invalid token")


def test_cookie(ops, token):
    reply = ops.login(token)
    assert (reply.status, reply.headers["Location"], reply.body) == (303, "/ops", "")
    value, *attributes = reply.headers["Set-Cookie"].split("; ")
    assert set(attributes) == {"Path=/ops", "Max-Age=43200", "HttpOnly", "SameSite=Strict"}
    assert token not in value and len(value.partition("=")[2]) == 64
    assert ops.login(token).cookie != value


def test_cookie_is_secure_behind_https(rest):
    proxied = rest.add_trunkd(http__trusted_proxies="127.0.0.1")
    reply = Ops(proxied).login(rest.operator["token"], X_Forwarded_Proto="https", X_Forwarded_For="192.0.2.7")
    assert reply.headers["Set-Cookie"].endswith("; Secure")
    proxied.stop()


def test_wrong_login(rest, ops):
    for body in ({"token": "ab" * 32}, {"token": ""}, {"token": rest.token}, {}, {"token": "x" * 100000}):
        reply = ops.request("POST", "/ops/login", body)
        assert (reply.status, reply.headers["Location"]) == (303, "/ops/login#failed")
        assert reply.headers["Set-Cookie"] is None
    assert ops.get("/ops/login").body.count('id="failed"') == 1


def test_forms_of_other_sites(ops, token, cookie):
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        assert ops.login(token, Origin=origin).headers["Set-Cookie"] is None
        assert ops.request("POST", "/ops/logout", cookie=cookie, Origin=origin).status == 404
    assert ops.login(token, Origin=f"http://127.0.0.1:{ops.port}").cookie
    assert ops.get("/ops", cookie=cookie).status == 200


def test_sign_out(ops, cookie):
    reply = ops.request("POST", "/ops/logout", cookie=cookie)
    assert (reply.status, reply.headers["Location"]) == (303, "/ops/login")
    assert "Max-Age=0" in reply.headers["Set-Cookie"]
    assert ops.get("/ops/events", cookie=cookie).status == 401


def test_redis_holds_no_secret(rest, token, cookie):
    kept = str(rest.redis.client.hgetall("{ops}:operators")) + str(rest.redis.client.hgetall("{ops}:sessions"))
    assert token not in kept and cookie.partition("=")[2] not in kept
    logs = rest.trunkd.log()
    assert token not in logs and cookie.partition("=")[2] not in logs


def test_failures_are_limited(rest):
    strict = rest.add_trunkd(http__failure_rate=6, http__failure_burst=3)
    ops = Ops(strict, host="127.0.0.7")
    seen = [ops.login("ab" * 32).status for _ in range(6)]
    assert seen == [303] * 3 + [429] * 3
    assert ops.login(rest.operator["token"]).status == ops.get("/ops/login").status == 429
    other = Ops(strict, host="127.0.0.8")
    assert [other.get("/ops/events", token="ab" * 32).status for _ in range(5)] == [401] * 3 + [429] * 2
    assert Ops(strict).login(rest.operator["token"]).cookie
    strict.stop()


def test_networks(rest):
    """ops.allow hides the page from others; an operator's own networks bind the token, and its sessions."""
    near = rest.add_trunkd(ops__allow="127.0.0.4, 127.0.0.16/28")
    bound = rest.ctl("operator", "add", "bound", "--allow", "127.0.0.4")["token"]
    for path in ["/ops", *GUARDED, *OPEN]:
        assert Ops(near, "127.0.0.5").get(path, token=rest.operator["token"]).status == 404
    assert Ops(near, "127.0.0.17").get("/ops", token=rest.operator["token"]).status == 200
    assert Ops(near, "127.0.0.17").get("/ops/events", token=bound).status == 401
    assert Ops(near, "127.0.0.17").login(bound).headers["Set-Cookie"] is None
    session = Ops(near, "127.0.0.4").login(bound).cookie
    assert Ops(near, "127.0.0.4").get("/ops", cookie=session).status == 200
    assert Ops(near, "127.0.0.17").get("/ops", cookie=session).status == 303
    near.stop()


@pytest.mark.parametrize("path, methods", [
    ("/ops", "GET, HEAD"), ("/ops/events", "GET, HEAD"), ("/ops/page.js", "GET, HEAD"),
    ("/ops/login", "GET, HEAD, POST"), ("/ops/logout", "POST")])
def test_methods(ops, token, path, methods):
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        reply = ops.request("HEAD" if method == "GET" else method, path, token=token) if method != "POST" \
            else ops.request("POST", path, {}, token=token)
        if method in methods:
            assert reply.status in (200, 303), (method, path)
        else:
            assert (reply.status, reply.headers["Allow"]) == (405, methods), (method, path)


@pytest.mark.parametrize("path", ["/ops/", "/ops/page.html", "/ops/login.html", "/ops/x", "/ops/../ops", "/Ops",
                                  "/ops/events/", "/api/did/ops", "/ops//page.js"])
def test_nothing_near_it(ops, token, path):
    assert ops.get(path, token=token).status == 404


def test_headers(ops, token):
    for path in ["/ops", *GUARDED, *OPEN]:
        headers = ops.request("HEAD", path, token=token).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self';") and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_files_are_kept_as_long_as_they_are_the_same(ops, token):
    for path, media in [("/ops", "text/html"), ("/ops/style.css", "text/css"), ("/ops/page.js", "text/javascript"),
                        ("/ops/icon.svg", "image/svg+xml")]:
        first = ops.get(path, token=token)
        assert (first.headers["Content-Type"].split(";")[0], first.headers["Cache-Control"]) == (media, "no-cache")
        for tags in (first.headers["ETag"], f'"x", W/{first.headers["ETag"]}', "*"):
            again = ops.get(path, token=token, If_None_Match=tags)
            assert (again.status, again.body) == (304, "")
        assert ops.get(path, token=token, If_None_Match='"x"').body == first.body
        assert ops.get(path, If_None_Match="*").status != 304 or path in OPEN


# ---- the stream ------------------------------------------------------------------------------


def stream_when_free(ops, **who):
    """A place that a viewer has left is free when the next state can't be sent there."""
    def opened():
        stream = ops.stream(**who)
        if stream.status == 503:
            return stream.__exit__()
        return stream
    return wait_for(opened, 5)


@contextlib.contextmanager
def streams(ops, token, n):
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(stream_when_free(ops, token=token)) for _ in range(n)]
        assert all(s.event()[0] == "history" for s in made)
        yield made


def test_stream_tells_what_there_is(rest, ops, token, trunk):
    with streams(ops, token, 1) as (stream,):
        assert stream.headers["content-type"] == "text/event-stream" and stream.headers["cache-control"] == "no-store"
        states = [stream.state() for _ in range(3)]
        assert all(s["up"] and s["trouble"] == "" for s in states)
        assert 500 < states[2]["at"] - states[1]["at"] < 3000
        last = states[-1]
        assert last["totals"] | {"accounts": 1, "live": 0, "gap": 0} == last["totals"]
        assert (rest.account, trunk) in {(t["account"], t["tg"]) for t in last["trunks"]}
        assert {j["job"] for j in last["jobs"] if j["here"]} >= {"expire", "sagas", "webhooks", "metrics"}
        assert last["redis"]["redis_version"].startswith("7.") and last["redis"]["used_memory"] > 1000000


def test_one_reading_for_all(rest, ops, token):
    """INFO is asked in every other reading, and a state comes with each, for three viewers as for one."""
    client = rest.redis.client
    with streams(ops, token, 3) as (stream, *_):
        stream.state()
        before = client.info("commandstats")["cmdstat_info"]["calls"]
        for _ in range(4):
            stream.state()
        assert client.info("commandstats")["cmdstat_info"]["calls"] - before - 1 <= 3


def test_viewers_are_bounded(rest, ops, token):
    with streams(ops, token, 3) as held:
        refused = ops.get("/ops/events", token=token)
        assert refused.status == 503 and refused.json["detail"] == "as many ops pages are open as ops.viewers allows"
        assert refused.headers["Retry-After"] and refused.headers["Content-Type"] == "application/json"
        assert held[0].state()["up"]
    with streams(ops, token, 1) as (stream,):
        assert stream.state()


def test_head_opens_no_stream(ops, token):
    assert [ops.request("HEAD", "/ops/events", token=token).status for _ in range(8)] == [200] * 8
    with streams(ops, token, 3):
        pass


def test_a_stream_outlives_the_limits_of_requests(ops, token):
    """http.request_timeout_s is 2 here and http.idle_timeout_s 3."""
    with stream_when_free(ops, token=token) as stream:
        began = stream.state()["at"]
        while stream.state()["at"] - began < 5000:
            pass


def test_stream_ends_with_the_operator(rest, ops):
    made = rest.ctl("operator", "add", "soon gone".replace(" ", "-"))["token"]
    session = ops.login(made).cookie
    with stream_when_free(ops, token=made) as by_token, stream_when_free(ops, cookie=session) as by_cookie:
        assert by_token.state() and by_cookie.state()
        assert rest.ctl("operator", "revoke", "soon-gone")["label"] == "soon-gone"
        assert ops.get("/ops/page.js", token=made).status == ops.get("/ops/page.js", cookie=session).status == 401
        assert by_token.ended() and by_cookie.ended()


def test_sessions_and_tokens_end(rest, ops, cookie):
    """What Redis holds of their ends counts, not the cookie's age."""
    client = rest.redis.client
    with stream_when_free(ops, cookie=cookie) as stream:
        assert stream.state()
        for session, text in client.hgetall("{ops}:sessions").items():
            client.hset("{ops}:sessions", session, f"{text.split(' ')[0]} {int(time.time() * 1000) - 1}")
        assert ops.get("/ops/page.js", cookie=cookie).status == 401
        assert stream.ended()
    made = rest.ctl("operator", "add", "brief", "--days", "1")["token"]
    (name, text), = [(k, v) for k, v in client.hgetall("{ops}:operators").items() if v.startswith("brief ")]
    assert ops.get("/ops/page.js", token=made).status == 200
    label, created, ends, allow = text.split(" ")
    assert int(ends) - int(created) == 86400000
    client.hset("{ops}:operators", name, f"{label} {created} {int(time.time() * 1000) - 1} {allow}")
    assert ops.get("/ops/page.js", token=made).status == 401 and ops.login(made).headers["Set-Cookie"] is None


def test_sigterm_ends_streams_at_once(rest, token):
    going = rest.add_trunkd()
    with streams(Ops(going), token, 2) as held:
        began = time.monotonic()
        going.stop()
        assert time.monotonic() - began < 3
        assert all(s.ended() for s in held)


def test_redis_gone_is_told_and_its_return(rest, ops, token):
    with stream_when_free(ops, token=token) as stream:
        assert stream.state()["up"]
        rest.redis.suspend()
        try:
            gone = wait_for(lambda: (s := stream.state()) and not s["up"] and s, 10)
            assert gone["trouble"] and gone["totals"]["accounts"] == 1
        finally:
            rest.redis.resume()
        assert wait_for(lambda: stream.state()["up"], 10)


def test_pipelined_after_a_stream(ops, token):
    """Chunks of HTTP/1.1 as RFC 9112 7.1 has them."""
    with Raw(ops.port) as raw:
        raw.send(f"GET /ops/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n")
        wait_for(lambda: raw._more() and raw.data.count(b"event: state") >= 2)
        head, _, body = raw.data.partition(b"\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in head
        size = int(body.split(b"\r\n")[0], 16)
        assert body.split(b"\r\n", 1)[1][:size].startswith(b"retry: 1000\n\n")


def test_calls_do_not_wait_for_a_search(rest, ops, token):
    """Redis has time for others while fifty accounts are looked through for what isn't there."""
    client, accounts = rest.redis.client, [str(n) for n in range(2000000, 2000050)]
    names = ("call callid account tg direction number from to source upstream target node attempts invite_ms ring_ms "
             "answer_ms end_ms ms billed amount rate code reason by pdd_ms estimated")
    record = {name: "12065550100" for name in names.split()}
    keys = [f"{{a:{account}}}:cdr" for account in accounts]
    with client.pipeline() as many:
        for _ in range(400):
            many.xadd(keys[0], record)
        for key in keys[1:]:
            many.copy(keys[0], key)
        many.sadd("accounts", *accounts).execute()
    search = threading.Thread(target=ops.get, args=("/ops/calls?q=87654321",), kwargs={"token": token})
    waits = []
    search.start()
    while search.is_alive():
        began = time.monotonic()
        client.ping()
        waits.append(time.monotonic() - began)
    client.srem("accounts", *accounts)
    client.delete(*keys)
    assert sum(wait for wait in waits if wait > 0.05) < sum(waits) / 2, max(waits)


def test_users_of_the_store_may_not_read_operators(rest):
    from harness.users import password
    for name in ("sipmod", "ops"):
        client = redis.Redis(port=rest.redis.port, username=name, password=password(name))
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.hgetall("{ops}:operators")
