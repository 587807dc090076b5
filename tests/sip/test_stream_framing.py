"""Where a message ends in a TCP stream: RFC 3261 section 18.3, RFC 5626 section 4.4.1."""

import pytest

from harness import StreamPeer, new_branch
from harness.bed import CARRIER

CONF = {"sip__message_max": 4096}


@pytest.fixture
def stream(line):
    """A peer at the carrier's address with one connection."""
    peer = line.peer(CARRIER, kind=StreamPeer)
    peer.only = peer.connect()
    peer.us = f"sip:{line.sipmod.address}"
    return peer


def options(peer, **kwargs):
    return peer.request("OPTIONS", peer.us, **kwargs)


def test_several_messages_in_one_piece(stream):
    messages = [options(stream, body="v=0\r\n\r\nOPTIONS sip:x SIP/2.0\r\n\r\n") for _ in range(5)]
    stream.only.sendall(b"\r\n".join(bytes(m) for m in messages))
    for message in messages:
        stream.expect(200, call_id=message.call_id)


def test_one_message_in_many_pieces(stream):
    message = options(stream, body="x" * 50)
    data = bytes(message) + bytes(options(stream))[:40]
    for i in range(len(data)):
        stream.only.sendall(data[i:i + 1])
    stream.expect(200, call_id=message.call_id)


def test_length_in_every_spelling(stream):
    for name, value in (("l", "2"), ("L", " 2"), ("CONTENT-LENGTH", "\r\n 2"), ("Content-Length ", "\t2 ")):
        message = options(stream)
        raw = bytes(message).replace(b"Content-Length: 0\r\n\r\n", f"{name}:{value}\r\n\r\nhi".encode())
        stream.only.sendall(raw)
        stream.expect(200, call_id=message.call_id)


def test_keep_alive_is_answered(stream):
    stream.send(options(stream), stream.only)
    stream.expect(200)
    stream.only.sendall(b"\r\n\r\n\r\n\r\n")
    while len(stream.only.buffer) < 4:
        stream.only.read()
    assert stream.only.buffer == b"\r\n\r\n"
    stream.only.buffer = b""
    stream.only.sendall(b"\r\n" + bytes(options(stream)))
    stream.expect(200)


BAD = {
    "negative": ("Content-Length: -5", 400, "Malformed Content-Length"),
    "signed": ("Content-Length: +5", 400, "Malformed Content-Length"),
    "hexadecimal": ("Content-Length: 0x5", 400, "Malformed Content-Length"),
    "empty": ("Content-Length:", 400, "Malformed Content-Length"),
    "list": ("Content-Length: 5, 5", 400, "Malformed Content-Length"),
    "over 32 bits": ("Content-Length: 4294967296", 400, "Malformed Content-Length"),
    "over 64 bits": ("Content-Length: 36893488147419103232", 400, "Malformed Content-Length"),
    "twice": ("Content-Length: 5\r\nContent-Length: 5", 400, "Two Content-Lengths"),
    "twice, compact": ("Content-Length: 5\r\nl: 0", 400, "Two Content-Lengths"),
    "missing": ("X: y", 400, "Missing Content-Length"),
    "huge": ("Content-Length: 4294967295", 513, "Message Too Large"),
    "over the limit": ("Content-Length: 4096", 513, "Message Too Large"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_length_is_refused_and_the_stream_closed(stream, name):
    """What follows could be anyone's message: it is not looked at."""
    line, status, reason = BAD[name]
    message, hidden = options(stream), options(stream)
    raw = bytes(message).replace(b"Content-Length: 0", line.encode()) + b"hello" + bytes(hidden)
    stream.only.sendall(raw)
    response = stream.expect(status, call_id=message.call_id)
    assert response.start == f"SIP/2.0 {status} {reason}"
    assert stream.only.wait_closed() == b""


def test_malformed_message_with_good_framing_leaves_the_stream_open(stream):
    message = options(stream).set("CSeq", "x OPTIONS")
    stream.send(message, stream.only)
    stream.expect(400)
    stream.send(options(stream), stream.only)
    stream.expect(200)


@pytest.mark.parametrize("junk", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\n\n", b"\rX",
                                  b"\0" * 100, b"OPTIONS sip:x SIP/2.0\nl: 0\n\n", b"a" * 5000, b"(" * 10])
def test_junk_closes_the_stream(stream, junk):
    stream.only.sendall(junk)
    assert stream.only.wait_closed() == b""


def test_headers_without_end_are_given_up(stream):
    message = options(stream)
    head = bytes(message).replace(b"Content-Length: 0\r\n\r\n", b"")
    stream.only.sendall(head + b"X: " + b"y" * 5000)
    stream.expect(513, call_id=message.call_id)
    stream.only.wait_closed()


def test_responses_in_a_stream(line):
    """A response of nobody's request does not cost the connection."""
    peer = line.peer(CARRIER, kind=StreamPeer)
    connection = peer.connect()
    request = peer.request("INVITE", "sip:x@192.0.2.1", branch=new_branch())
    peer.respond(request, 200, to=connection)
    peer.send(peer.request("OPTIONS", f"sip:{line.sipmod.address}"), connection)
    peer.expect(200)
