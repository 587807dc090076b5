"""Many at once, slow ones, large ones: trunkd goes on serving the others, and says why it refuses."""

import contextlib
import itertools
import resource
import selectors
import socket
import statistics
import threading
import time

import pytest

from harness import Stack, wait_for
from port_client import PORTLAND, load_coverage, port
from rawhttp import Raw

GET = "GET /get_trunk HTTP/1.1\r\nHost: x\r\n\r\n"
IDLE = 10000
MB = 1 << 20


@pytest.fixture(scope="module", autouse=True)
def descriptors():
    """As many as the hard limit allows, for the test's own sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def rest():
    with Stack(sipmod=False, credit="100000", conf={"http.connections_per_address": 300}) as s:
        load_coverage(s)
        s.define_trunk(("127.0.0.3", 5060))
        yield s


class Sockets(contextlib.ExitStack):
    """Connections from many addresses, closed at the end."""

    def __init__(self, port):
        super().__init__()
        self.port, self.hosts = port, itertools.cycle(f"127.3.{i // 250}.{i % 250 + 1}" for i in range(60))

    def open(self, count):
        return [self.enter_context(socket.create_connection(("127.0.0.1", self.port), timeout=10,
                                                             source_address=(next(self.hosts), 0)))
                for _ in range(count)]


def closed(sockets):
    """How many the server has closed."""
    with selectors.DefaultSelector() as chosen:
        for s in sockets:
            chosen.register(s, selectors.EVENT_READ)
        ready = [key.fileobj for key, _ in chosen.select(0)]
    return sum(s.recv(1, socket.MSG_PEEK) == b"" for s in ready)


def latencies(api, count=20):
    times = []
    for _ in range(count):
        began = time.monotonic()
        api.get_trunk().good()
        times.append(time.monotonic() - began)
    return times


def check_responsive(api, typical=0.5, worst=3):
    times = latencies(api)
    assert statistics.median(times) < typical and max(times) < worst, times


@pytest.mark.slow
def test_ten_thousand_idle_connections_keep_nobody_out(rest):
    """Five times as many as trunkd takes: the older ones make way, the others stay."""
    limit = 2000
    with Sockets(rest.trunkd.port) as sockets:
        opened = sockets.open(limit - 100)
        check_responsive(rest.api)
        assert closed(opened) == 0
        opened += sockets.open(IDLE - len(opened))
        check_responsive(rest.api)
        wait_for(lambda: len(opened) - closed(opened) <= limit, 10)
        assert closed(opened[:limit]) == limit, "the oldest are cut"
        newest = opened[-1]
        newest.sendall(GET.encode())
        assert b'"error":"Invalid accountno"' in newest.recv(65536)


@pytest.mark.slow
def test_ten_thousand_connections_may_stay():
    with Stack(sipmod=False, conf={"http.connections": IDLE + 1000, "http.idle_timeout_s": 600,
                                   "http.request_timeout_s": 600}) as s, Sockets(s.trunkd.port) as sockets:
        opened = sockets.open(IDLE)
        check_responsive(s.api)
        assert closed(opened) == 0
        for one in opened[::500]:
            one.sendall(GET.encode())
            assert b'"error":"Invalid accountno"' in one.recv(65536)


def test_busy_connections_are_not_cut_for_new_ones():
    with Stack(sipmod=False, conf={"http.connections": 50}) as s, Sockets(s.trunkd.port) as sockets:
        head = "POST /get_trunk HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        busy = sockets.open(20)
        for one in busy:
            one.sendall(f"{head}Content-Length: 10\r\nExpect: 100-continue\r\n\r\n".encode())
            assert one.recv(100).startswith(b"HTTP/1.1 100 ")  # the request is under way
            one.sendall(b"a=b")
        idle = sockets.open(500)
        check_responsive(s.api)
        wait_for(lambda: closed(idle) >= 470, 10)
        assert closed(busy) == 0
        for one in busy:
            one.sendall(b"&c=dddd")
            assert b'"error":"Invalid accountno"' in one.recv(65536)


def test_too_many_of_one_address_are_told_so():
    with Stack(sipmod=False, conf={"http.connections_per_address": 8}) as s, contextlib.ExitStack() as closing:
        opened = [closing.enter_context(Raw(s.trunkd.port)) for _ in range(8)]
        with Raw(s.trunkd.port) as ninth:
            status, headers, body = ninth.send(GET).reply()
            assert (status, body["code"]) == (503, "unavailable") and "this address" in body["detail"]
            assert headers["retry-after"] and headers["connection"].lower() == "close" and ninth.closed() == b""
        assert opened[0].send(GET).reply()[0] == 404
        with socket.create_connection(("127.0.0.1", s.trunkd.port), source_address=("127.3.9.9", 0)) as elsewhere:
            elsewhere.sendall(GET.encode())
            assert b"Invalid accountno" in elsewhere.recv(65536)
        opened[0].socket.close()

        def taken_again():
            with Raw(s.trunkd.port) as raw:
                return raw.send(GET).reply()[0] == 404
        wait_for(taken_again, 5)


def test_slow_clients_hold_up_nobody(rest):
    """Half a request each, a byte now and then; and readers who never read."""
    with Sockets(rest.trunkd.port) as sockets:
        slow = sockets.open(600)
        for i, one in enumerate(slow):
            one.sendall(GET.encode()[:5 + i % 30] if i % 2 else GET.encode() * 20)
        for _ in range(3):
            for one in slow[1::2]:
                one.sendall(b"x")
            check_responsive(rest.api)


def test_a_slow_reader_gets_all():
    """The time of a request is that of its arrival: a reply may take longer, while it is read."""
    with Stack(sipmod=False, conf={"http.request_timeout_s": 1, "http.idle_timeout_s": 5}) as s:
        load_coverage(s)
        s.define_trunk(("127.0.0.3", 5060))
        big = ("a.pdf", "", b"%PDF-1.4" + b"x" * (8 * MB))
        order = port(s.api, PORTLAND[7], loa_doc=big).good()["orderNo"]
        link = s.api.get_lnp_orders(orderId=order).good()["Orders"][0]["loa"]
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            reader.connect(("127.0.0.1", s.trunkd.port))
            reader.sendall(f"GET {link[len(s.api.url):]} HTTP/1.0\r\n\r\n".encode())
            got, began = 0, time.monotonic()
            while data := reader.recv(MB // 4):
                got += len(data)
                time.sleep(max(0, began + got / (4 * MB) - time.monotonic()))  # the slow reader itself
        assert got > 8 * MB and time.monotonic() - began > 1.5


def upload(api, number, size, replies):
    document = ("a.pdf", "application/pdf", b"%PDF-1.4" + b"x" * size)
    try:
        replies.append(port(api, number, loa_doc=document, carrier_doc=document))
    except OSError as error:
        replies.append(error)


def run_uploads(api, numbers, size):
    replies = []
    threads = [threading.Thread(target=upload, args=(api, n, size, replies)) for n in numbers]
    for t in threads:
        t.start()
    check_responsive(api, typical=2, worst=15)
    for t in threads:
        t.join(120)
    assert len(replies) == len(threads)
    return replies


@pytest.mark.slow
def test_a_hundred_uploads_at_once(rest):
    """Each of two documents of half a megabyte: all are taken."""
    before = len(rest.api.get_lnp_orders().good()["Orders"])
    replies = run_uploads(rest.api.with_(timeout=120), PORTLAND[100:200], MB // 2)
    for reply in replies:
        reply.good()
    assert len(rest.api.get_lnp_orders().good()["Orders"]) == before + 100


def test_more_than_there_is_memory_for_is_refused(tight):
    """What there is no room for is told so, and may be sent again."""
    replies = run_uploads(tight.api.with_(timeout=120), PORTLAND[200:230], MB)
    good, refused = [r for r in replies if r.ok], [r for r in replies if not r.ok]
    assert good and refused
    for reply in refused:
        assert (reply.status, reply["code"]) == (503, "unavailable") and "at once" in reply["detail"]
        assert reply.headers["Retry-After"]
    assert len(tight.api.get_lnp_orders().good()["Orders"]) == len(good)
    check_responsive(tight.api)
    port(tight.api, PORTLAND[300], loa_doc=("a.pdf", "", b"%PDF-1.4" + b"x" * (2 * MB))).good()


@pytest.fixture
def tight():
    with Stack(sipmod=False, credit="100000", conf={"http.bodies_max": 8 * MB}) as s:
        load_coverage(s)
        s.define_trunk(("127.0.0.3", 5060))
        yield s


def test_bodies_over_the_limit_by_many_at_once(rest):
    """Those who are little over it are told so; of those far over it nothing is read."""
    replies = []

    def send(size):
        try:
            replies.append(rest.api.raw("POST", "/get_trunk", b"x" * size,
                                        {"Content-Type": "application/x-www-form-urlencoded"}))
        except OSError:
            replies.append(None)  # the connection was cut within the body
    threads = [threading.Thread(target=send, args=((2 if i % 2 else 40) * MB,)) for i in range(20)]
    for t in threads:
        t.start()
    check_responsive(rest.api, typical=1, worst=10)
    for t in threads:
        t.join(60)
    told = [r for r in replies if r is not None]
    assert len(told) >= 10 and {(r.status, r["code"]) for r in told} == {(413, "body_too_large")}
