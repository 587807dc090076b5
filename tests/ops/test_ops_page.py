"""The ops page in a real Chromium, over a real stack with calls under way."""

import contextlib
import os
import re
import urllib.parse

import pytest

from harness import Stack, wait_for
from harness.chromium import Chromium
from harness.ops import Ops

SHOTS = os.environ.get("TRUNKLINE_SHOTS")  # a folder for pictures to look at
SESSIONS, CALLS = 10, 4


@pytest.fixture(scope="module")
def s():
    with Stack() as stack:
        stack.token = stack.ctl("operator", "add", "night")["token"]
        stack.callee = stack.uas("uas")
        stack.trunk = stack.define_trunk(stack.callee, title="<b>Main & Söhne</b>")
        stack.ctl("grant", stack.account, stack.trunk, "--sessions", SESSIONS)
        stack.number, = stack.order(stack.trunk)
        stack.ctl("gateway", "add", "overseas", "127.0.0.9:5060", "--prefixes", "44", "--capacity", 7)
        yield stack


@pytest.fixture(scope="module")
def browser():
    with Chromium() as chromium:
        yield chromium


@contextlib.contextmanager
def calls(s, n=CALLS):
    """So many calls that are up for as long as it lasts; then they hang up."""
    caller = s.uac(s.number, calls=n, rate=20, duration_ms=600000).start()
    wait_for(lambda: len([c for c in s.live() if c["answer_ms"] != "0"]) == n, 15)
    yield
    caller.discard()
    for call in s.live():
        s.ctl("call", "kill", s.account, call["call"])
    wait_for(lambda: not s.live(), 15)


@pytest.fixture(scope="module")
def page(s, browser):
    """Signed in, live, with calls under way."""
    page = browser.page(1280, 800)
    page.open(s.trunkd.url + "/ops")
    sign_in(page, s.token)
    with calls(s):
        page.wait(f"document.querySelector('#f-live-calls b').innerText.startsWith('{CALLS}')")
        yield page


def sign_in(page, token):
    page.wait("location.pathname == '/ops/login' && document.readyState == 'complete'")
    page.type("#token", token)
    page.press("Enter")
    page.wait("document.body.dataset.ready == 'yes'")


def row(page, table, text):
    """Texts of the cells of the table's row that has the text."""
    rows = page(f"[...document.querySelectorAll('#{table} tbody tr')].map(r => [...r.cells].map("
                "c => c.innerText.trim()))")
    found = [cells for cells in rows if any(text in cell for cell in cells)]
    assert len(found) == 1, rows
    return found[0]


def shot(page, name):
    if SHOTS:
        page.screenshot(os.path.join(SHOTS, f"{name}.png"))


def test_login_is_asked_for(s, browser):
    page = browser.page()
    page.open(s.trunkd.url + "/ops")
    page.wait("location.pathname == '/ops/login'")
    assert page("document.activeElement.id") == "token" and page("getComputedStyle(failed).display") == "none"
    page.type("#token", "wrong")
    page.press("Enter")
    page.wait("location.hash == '#failed'")
    assert "not an operator" in page.text("#failed") and page("getComputedStyle(failed).display") == "block"
    shot(page, "login")
    assert page("document.cookie") == ""


def test_values_are_those_of_the_stack(s, page):
    assert page.text("#f-live-calls b") == f"{CALLS} of {SESSIONS}"
    assert page.text("#f-books-gap b") == "0" and page("document.title").startswith(f"{CALLS} calls")
    cells = row(page, "trunks", f"{s.account}/{s.trunk}")
    assert cells[0] == f"{s.account}/{s.trunk} <b>Main & Söhne</b>" and cells[2] == f"{CALLS} / {SESSIONS}"
    node = row(page, "nodes", s.sipmod.name)
    assert node[-1] == "alive" and re.fullmatch(r"\d+ s", node[2])
    assert row(page, "gateways", "overseas")[1:] == ["0 / 7", "on"]
    assert s.redis.client.info("server")["redis_version"] in page.text("#redis")
    assert "expire" in page.text("#jobs") and page.text("#jobs-note") == "run by 1 trunkd"
    assert page.text("#stream") == "live" and re.fullmatch(r"\d\d:\d\d:\d\d UTC", page.text("#clock"))


def test_new_calls_are_seen_as_they_come(s, page):
    with_more = s.uac(s.number, calls=3, rate=20, duration_ms=2000).start()
    page.wait(f"document.querySelector('#f-live-calls b').innerText.startsWith('{CALLS + 3} ')")
    page.wait("parseFloat(document.querySelector('#f-new-calls b').innerText) == 0")
    with_more.finish()
    page.wait(f"document.querySelector('#f-live-calls b').innerText.startsWith('{CALLS} ')")
    page.wait("document.querySelector('#f-asr-last-minute b').innerText == '100.0%'")
    label = page("document.querySelector('#charts svg').getAttribute('aria-label')")
    assert label == f"Live calls, now: calls {CALLS}"


def test_refusals_are_told_by_cause(s, page):
    s.ctl("grant", s.account, s.trunk, "--sessions", CALLS)
    s.uac(s.number, scenario="uac_refused", calls=5, rate=50, keys={"code": 486}).start().finish()
    page.wait("document.querySelector('#causes').innerText.includes('sessions')")
    page.wait("document.querySelector('#trunks .bar').dataset.alarm == 'bad'")
    assert row(page, "causes", "sessions") == ["486", "sessions", "5"]
    s.ctl("grant", s.account, s.trunk, "--sessions", SESSIONS)
    page.wait("document.querySelector('#trunks .bar').dataset.alarm === undefined")


def test_it_asks_nobody_else_and_keeps_its_policy(s, page):
    assert {urllib.parse.urlsplit(r["url"]).netloc for r in page.requests} == {s.trunkd.address}
    assert page.complaints == []
    assert not page("performance.getEntriesByType('resource').some(r => !r.name.startsWith(location.origin))")
    page("""window.broken = [];
        document.addEventListener('securitypolicyviolation', (e) => broken.push(e.effectiveDirective));
        document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = true'}),
            Object.assign(document.createElement('img'), {src: 'https://elsewhere.example/x.png'}));
        fetch('https://elsewhere.example/').catch(() => 0); void 0""")
    page.wait("broken.length == 3")
    assert page("window.ran") is None and set(page("broken")) == {"script-src-elem", "img-src", "connect-src"}
    page.complaints.clear()


def test_texts_never_become_markup(page):
    assert page("document.querySelectorAll('#trunks b').length") == 0


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width, height", [(1280, 800), (390, 844)])
def test_fits(page, width, height, dark):
    page.look(width, height, dark)
    try:
        page.wait(f"document.documentElement.dataset.theme == '{'dark' if dark else 'light'}'")
        page.wait(f"document.querySelector('.chart svg').getAttribute('viewBox').split(' ')[2] <= {width}")
        assert page("document.documentElement.scrollWidth") <= width
        assert page("[...document.querySelectorAll('.figure b')].every(b => b.scrollWidth <= b.clientWidth + 1)")
        shot(page, f"page-{width}-{'dark' if dark else 'light'}")
    finally:
        page.look(1280, 800)


def test_a_call_is_found_and_its_ladder_drawn(s, page):
    with_end = s.uac(s.number, calls=1, duration_ms=200).start()
    with_end.finish()
    call = wait_for(lambda: next((c for c in s.cdrs() if c["code"] == "200"), None))
    page.press("/")
    assert page("document.activeElement.id") == "query"
    page.type("#query", s.number)
    page.press("Enter")
    page.wait("document.querySelectorAll('#calls tbody tr').length >= 5")
    assert page("document.querySelectorAll('#calls .mark').length") == CALLS
    shot(page, "found")
    page("query.value = ''; document.querySelector('#close').click()")
    page.type("#query", call["callid"])
    page.press("Enter")
    page.wait("document.querySelectorAll('#calls tbody tr').length == 1 && document.activeElement.className == 'link'")
    page.press("Enter")  # the first one found has the focus
    page.wait("document.querySelectorAll('.ladder .step').length > 5")
    steps = page("[...document.querySelectorAll('.ladder .step')].map(e => e.getAttribute('aria-label'))")
    names = [step.split(": ")[1].split(" (")[0] for step in steps]
    assert names == ["INVITE", "100 Trying", "INVITE", "180 Ringing", "180 Ringing", "200 OK", "200 OK", "ACK", "ACK",
                     "BYE", "BYE", "200 OK", "200 OK"]
    assert f"{call['source']} to {s.sipmod.name}: INVITE" in steps[0] and f"to {s.callee.address}: INVITE" in steps[2]
    page("document.querySelectorAll('.ladder .step')[2].focus()")
    page.press("Enter")
    assert page.text("#message").startswith(f"INVITE sip:{s.number}@{s.callee.address} SIP/2.0")
    assert call["call"] in page.text("#facts") and "200 answered, by caller" in page.text("#facts")
    shot(page, "ladder")
    page.press("Escape")
    page.wait("!found.open")


def test_search(s):
    ops = Ops(s.trunkd)

    def found(text):
        reply = ops.get("/ops/calls?" + urllib.parse.urlencode({"q": text}), token=s.token)
        assert reply.status == 200 and reply.json["complete"], reply.body
        return {c["call"] for c in reply.json["calls"]}

    all_calls = {c["call"] for c in s.live()} | {c["call"] for c in s.cdrs()}
    last = s.cdrs()[0]
    assert len(all_calls) < 50
    for text in (s.number, f"1{s.number}", f"+1{s.number}", s.number[-7:], s.account, f"{s.account}/{s.trunk}",
                 "2065550100"):
        assert found(text) == all_calls, text
    assert found(last["call"]) == found(last["callid"]) == {last["call"]}
    for text in ("nothing", "9999999999", f"{s.account}/999", "1000099", "%", "*", "'or'"):
        assert found(text) == set(), text
    for query in ("", "q=", "q=a%20b", "q=a&q=b", f"q={'x' * 300}"):
        assert ops.get(f"/ops/calls?{query}", token=s.token).json["error"] == "Invalid q", query
    assert ops.get(f"/ops/calls?q={s.number}").status == ops.get(f"/ops/call?account={s.account}&id=x").status == 401


def test_one_call(s):
    ops, last = Ops(s.trunkd), s.cdrs()[0]

    def one(**params):
        return ops.get("/ops/call?" + urllib.parse.urlencode(params), token=s.token)

    reply = one(account=s.account, id=last["call"])
    assert {k: reply.json["call"][k] for k in last} == last and reply.json["call"]["live"] is False
    assert one(account=s.account, id="nothing").json["error"] == "Invalid id"
    assert one(account="1000099", id=last["call"]).json["error"] == "Invalid id"
    assert one(account="x", id=last["call"]).json["error"] == "Invalid account"
    assert s.redis.client.keys("trace:*") == []  # what asked the rings is gone again


def test_without_messages_the_record_tells_the_course(s, page):
    """A call that no sipmod has seen: refused in Redis, as another proxy would have asked for it."""
    asked = ["seen-by-none", "in", "2069999999", "", "elsewhere", "boot", "sip:12065550177@192.0.2.9", "sip:x@y",
             "192.0.2.9:5060", "other", "lost@192.0.2.9", "", "", "", "", "486", "3600"]
    assert s.redis.fcall("call_admit", f"{{a:{s.account}}}", *asked)[0] == "refused"
    page("query.value = ''")
    page.type("#query", "lost@192.0.2.9")
    page.press("Enter")
    page.wait("document.activeElement.className == 'link'")
    page.press("Enter")
    page.wait("document.querySelectorAll('.ladder .step').length == 2")
    names = page("[...document.querySelectorAll('.step')].map(e => e.getAttribute('aria-label').split(': ')[1])")
    assert names == ["INVITE", "end"] and "404 inactive" in page.text("#facts")
    assert page.text("#found-note") == "no messages are kept of it: its record alone"
    page("document.querySelector('#close').click()")


def test_names_for_those_who_do_not_see(page):
    assert page("[...document.querySelectorAll('button, input, [role=img]')].every(e => e.innerText || e.ariaLabel "
                "|| e.getAttribute('aria-label'))")
    assert page("[...document.querySelectorAll('section')].every(e => e.ariaLabel "
                "|| e.getAttribute('aria-labelledby'))")


def test_trunks_are_sorted_by_keyboard(page):
    page("document.querySelector('#trunks [data-sort=name]').focus()")
    page.press("Enter")
    page.wait("document.querySelector('#trunks [data-sort=name]').parentNode.ariaSort == 'ascending'")
    page.press("Enter")
    page.wait("document.querySelector('#trunks [data-sort=name]').parentNode.ariaSort == 'descending'")
    assert page("document.activeElement.dataset.sort") == "name"


def test_redis_gone_and_back(s, page):
    s.redis.suspend()
    try:
        page.wait("!trouble.hidden && trouble.innerText.startsWith('Redis does not answer')")
        shot(page, "redis-gone")
    finally:
        s.redis.resume()
    page.wait("trouble.hidden")
    page.wait(f"document.querySelector('#f-live-calls b').innerText == '{CALLS} of {SESSIONS}'")


def test_stream_lost_and_back(s, page):
    s.trunkd.stop()
    page.wait("stream.dataset.state == 'lost'")
    s.trunkd.start()
    page.wait("stream.dataset.state == 'live'", 20)
    assert page("location.pathname") == "/ops"  # the session outlives trunkd


def test_revoked_operator_is_led_out(s, browser):
    made = s.ctl("operator", "add", "brief")["token"]
    page = browser.page()
    page.open(s.trunkd.url + "/ops")
    sign_in(page, made)
    s.ctl("operator", "revoke", "brief")
    page.wait("location.pathname == '/ops/login'", 20)


def test_sign_out(s, browser):
    page = browser.page()
    page.open(s.trunkd.url + "/ops")
    sign_in(page, s.token)
    page("document.querySelector('header form[method=post] button').click()")
    page.wait("location.pathname == '/ops/login'")
    page.open(s.trunkd.url + "/ops")
    page.wait("location.pathname == '/ops/login'")
