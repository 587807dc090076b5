"""What libmicrohttpd lets through and must not pass; limits of size, time and number."""

import time

import pytest

from harness import Stack, wait_for
from rawhttp import Raw

HEAD = "POST /get_trunk HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture
def raw(rest):
    with Raw(rest.trunkd.port) as r:
        yield r


def _refused(raw, data, status):
    got, headers, body = raw.send(data).reply()
    assert got == status, body
    assert body["status"] == str(status) and body["error"] and body["request_id"] == headers["x-request-id"]
    assert headers.get("connection", "").lower() == "close"
    assert raw.closed() == b"", "a second reply: the rest was taken for a request"


@pytest.mark.parametrize("framing", [
    "Content-Length: 1\r\nContent-Length: 44\r\n",
    "Content-Length: 44\r\nContent-Length: 44\r\n",
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
])
def test_ambiguous_framing(raw, framing):
    _refused(raw, HEAD + framing + "\r\n" + "0\r\n\r\nGET /get_trunk HTTP/1.1\r\nHost: x\r\n\r\n", 400)


@pytest.mark.parametrize("header", ["Content-Length : 5", "Content-Length\t: 5", "Transfer-Encoding : chunked",
                                    "X Y: z", "X(Y): z", "X-\x80: z"])
def test_header_name_that_is_no_token(raw, header):
    _refused(raw, HEAD + header + "\r\nContent-Length: 0\r\n\r\n", 400)


@pytest.mark.parametrize("framing", [
    "Content-Length: +5\r\n", "Content-Length: -1\r\n", "Content-Length: 0x5\r\n", "Content-Length: 5,5\r\n",
    "Content-Length: 99999999999999999999\r\n", "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
    "Content-Length:\r\n", "Content-Length: 5 5\r\n",
])
def test_framing_that_is_no_number_or_unknown(raw, framing):
    status, _, _ = raw.send(HEAD + framing + "\r\nhello").reply()
    assert status in (400, 413)
    assert b"HTTP/1.1 2" not in raw.closed()


def test_host(rest):
    body = "Content-Length: 0\r\n\r\n"
    for request, status in (("GET /get_trunk HTTP/1.1\r\n\r\n", 400),
                            ("GET /get_trunk HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
                            ("GET /get_trunk HTTP/1.0\r\n\r\n", 404),
                            ("POST http://x/get_trunk HTTP/1.1\r\nHost: x\r\n" + body, 404)):
        with Raw(rest.trunkd.port) as raw:
            got, _, reply = raw.send(request).reply()
            assert got == status
            # 404: it reaches the endpoint
            assert reply["error"] == ("Invalid accountno" if status == 404 else "Malformed request")


@pytest.mark.parametrize("path", ["/get_trunk%00", "/%00", "/get_trunk?tg_id=%00", "/get_trunk\0x", "/get_trunk?a=\0b",
                                  "/get_trunk\x01", "/get_trunk\x7f"])
def test_nul_and_controls_in_the_path(raw, path):
    _refused(raw, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n", 400)


def test_get_with_a_body(raw):
    _refused(raw, "GET /get_trunk HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 400)


def test_keep_alive_and_pipelining(raw):
    one = "GET /get_trunk HTTP/1.1\r\nHost: x\r\n\r\n"
    raw.send(one * 3)
    ids = {raw.reply()[1]["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert raw.send(one).reply()[0] == 404


def test_chunked_body(raw, api):
    body = f"accountno={api.accountno}&token={api.token}".encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7]) for i in range(0, len(body), 7))
    status, _, reply = raw.send((HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode() + chunks + b"0\r\n\r\n").reply()
    assert status == 200 and reply["status"] == "200"


def test_request_id(api):
    assert api.raw("GET", "/x", headers={"X-Request-Id": "Abc-1.2_3"})["request_id"] == "Abc-1.2_3"
    for bad in ("", "a b", "x" * 65, "a\"b", "é", "<script>"):
        made = api.raw("GET", "/x", headers={"X-Request-Id": bad})
        assert made["request_id"] != bad and len(made["request_id"]) == 16
        assert made["request_id"] == made.headers["X-Request-Id"]


def test_success_carries_a_request_id(api):
    assert len(api.get_trunk().good().headers["X-Request-Id"]) == 16


def test_no_content_type(raw):
    status, _, body = raw.send("POST /get_trunk HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b").reply()
    assert status == 415 and body["code"] == "unsupported_media_type"
    assert body["detail"] == "the body has no Content-Type"


def test_long_uri_and_headers_do_not_hurt(rest, api):
    for head in ("GET /get_trunk?x=" + "y" * 100000 + " HTTP/1.1\r\nHost: x\r\n\r\n",
                 "GET /get_trunk HTTP/1.1\r\nHost: x\r\n" + "X-A: b\r\n" * 20000 + "\r\n",
                 "GET /get_trunk HTTP/1.1\r\nHost: x\r\nX-A: " + "b" * 100000 + "\r\n\r\n"):
        with Raw(rest.trunkd.port) as raw:
            try:
                raw.send(head)
            except OSError:
                pass
            assert b"HTTP/1.1 2" not in raw.closed()[:12]
    api.get_trunk().good()


@pytest.mark.parametrize("head,status", [
    ("GET /get_trunk?x=" + "y" * 100000 + " HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    ("GET /get_trunk HTTP/1.1\r\nHost: x\r\nX-A: " + "b" * 100000 + "\r\n\r\n", 431),
    ("GET /get_trunk HTTP/1.1\r\nHost: x\r\nnocolon\r\n\r\n", 400),
    ("GET /get_trunk HTTP/9.9\r\nHost: x\r\n\r\n", 505), ("GET /get_trunk\r\n\r\n", 400)],
    ids=["uri", "headers", "colon", "version", "line"])
def test_what_is_no_request_gets_the_librarys_page(raw, head, status):
    """As the reference page says: libmicrohttpd answers these itself, and closes."""
    try:
        raw.send(head)
    except OSError:
        pass  # it closes without reading the rest
    try:
        said = raw.closed()
    except OSError:
        said = raw.data
    assert not said or said.startswith(f"HTTP/1.1 {status} ".encode()) and b"Connection: close" in said


# --- limits ----------------------------------------------------------------------

@pytest.fixture(scope="module")
def tight():
    """A trunkd with small limits."""
    with Stack(sipmod=False, conf={"http.body_max": 65536, "http.request_timeout_s": 2, "http.idle_timeout_s": 2,
                                   "http.connections_per_address": 8, "http.threads": 1}) as s:
        yield s


@pytest.mark.parametrize("junk", [b"\0" * 100, b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"\r\n" * 50 + b"x",
                                  b"GET /get_trunk\r\n\r\n", b"GET /get_trunk HTTP/9.9\r\n\r\n",
                                  b" / HTTP/1.1\r\n\r\n"],
                         ids=["nul", "tls", "method", "blank", "version", "future", "space"])
def test_junk_does_not_hurt(tight, junk):
    with Raw(tight.trunkd.port) as raw:
        raw.send(junk)
        raw.socket.shutdown(1)
        assert b" 200 " not in raw.closed()[:20]
    tight.api.get_trunk().good()


def test_body_too_large(tight):
    for size in (65537, 1 << 20):
        reply = tight.api.raw("POST", "/get_trunk", b"x" * size, {"Content-Type": "application/x-www-form-urlencoded"})
        assert reply.status == 413 and reply["status"] == "413" and reply["code"] == "body_too_large"
    tight.api.get_trunk(x="y" * 30000).good()


def test_body_over_the_limit_with_expect(tight):
    with Raw(tight.trunkd.port) as raw:
        status, _, body = raw.send(HEAD + "Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n").reply()
        assert status == 413 and body["status"] == "413"


def test_endless_chunked_body_is_cut(tight):
    with Raw(tight.trunkd.port) as raw:
        raw.send(HEAD + "Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        with pytest.raises(OSError):
            for _ in range(2000):
                raw.send(chunk)


@pytest.mark.parametrize("slow", ["GET /get_trunk HTTP/1.1\r\nHost: x\r\nX-A: " + "a" * 1000,
                                  HEAD + "Content-Length: 10000\r\n\r\n" + "a" * 1000, "GET /" + "a" * 1000],
                         ids=["headers", "body", "path"])
def test_a_byte_now_and_then_does_not_hold_a_connection(tight, slow):
    began = time.monotonic()
    with Raw(tight.trunkd.port) as raw:
        with pytest.raises(OSError):
            for byte in slow.encode():
                raw.send(bytes([byte]))
                if raw.data or time.monotonic() - began > 20:
                    break
                time.sleep(0.02)  # the attack itself
    assert 1 < time.monotonic() - began < 15


def test_second_request_on_a_connection_has_a_deadline_too(tight):
    began = time.monotonic()
    with Raw(tight.trunkd.port) as raw:
        assert raw.send("GET /get_trunk HTTP/1.1\r\nHost: x\r\n\r\n").reply()[0] == 404
        with pytest.raises(OSError):
            while time.monotonic() - began < 20:
                raw.send("G")
                time.sleep(0.05)
    assert time.monotonic() - began < 15


def test_connections_of_one_address_are_limited(tight):
    open_ones = [Raw(tight.trunkd.port) for _ in range(8)]
    try:
        def refused():
            with Raw(tight.trunkd.port) as one_more:
                return one_more.closed() == b""
        wait_for(refused, 3)
    finally:
        for raw in open_ones:
            raw.socket.close()
    wait_for(lambda: _works(tight.api), 5)


def _works(api):
    try:
        return api.get_trunk().ok
    except OSError:
        return False
