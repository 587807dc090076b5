"""The API over TLS: its certificate, what it refuses, and a change of certificates while connections go on."""

import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import urllib.parse

import pytest

from harness import Stack, free_port, wait_for
from harness.programs import program
from harness.tls import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(str(tmp_path_factory.mktemp("ca")))


class Files:
    """The certificate and key that trunkd is told to read."""

    def __init__(self, folder, authority):
        self.authority = authority
        self.certificate, self.key = str(folder / "api.crt"), str(folder / "api.key")
        self.put("first")

    def put(self, name, authority=None):
        certificate, key = (authority or self.authority).issue(name, "IP:127.0.0.1")
        shutil.copy(certificate, self.certificate)
        shutil.copy(key, self.key)


@pytest.fixture(scope="module")
def files(tmp_path_factory, authority):
    return Files(tmp_path_factory.mktemp("tls"), authority)


@pytest.fixture(scope="module")
def stack(files):
    port = free_port()
    with Stack(sipmod=False, conf={"http.tls_listen": f"127.0.0.1:{port}", "http.tls_certificate": files.certificate,
                                   "http.tls_key": files.key, "http.idle_timeout_s": 2}) as s:
        s.tls_port = port
        yield s


@pytest.fixture
def connect(stack, authority):
    """A connection that trusts the authority alone."""
    opened = []

    def new():
        opened.append(http.client.HTTPSConnection("127.0.0.1", stack.tls_port, context=authority.client(), timeout=10))
        opened[-1].connect()
        return opened[-1]
    yield new
    for connection in opened:
        connection.close()


def name_of(connection):
    """Common name of the server's certificate."""
    subject = connection.sock.getpeercert()["subject"]
    return dict(pair for part in subject for pair in part)["commonName"]


def ask(connection, stack, endpoint="get_trunk_termination"):
    connection.request("GET", f"/{endpoint}?accountno={stack.account}&token={stack.token}")
    reply = connection.getresponse()
    body = reply.read().decode()
    assert reply.status == 200, body
    return body


def reload(stack, says):
    """SIGHUP, until the log says so once more."""
    before = stack.trunkd.log().count(says)
    stack.trunkd.signal(signal.SIGHUP)
    wait_for(lambda: stack.trunkd.log().count(says) > before, 5)


def test_both_ways_lead_to_the_api_and_links_know_which(stack, connect):
    stack.api.defineTrunk_termination(title="out", ipaddress="198.51.100.7", ports=1).good()
    assert f'"http://127.0.0.1:{stack.trunkd.port}/ajax' in stack.api.get_trunk_termination().text.replace("\\/", "/")
    connection = connect()
    text = ask(connection, stack).replace("\\/", "/")
    link = text.split('"config"')[1].split('"')[1]
    assert link.startswith(f"https://127.0.0.1:{stack.tls_port}/ajax/settings_pdf/")
    connection.request("GET", link.split(str(stack.tls_port))[1])
    reply = connection.getresponse()
    assert reply.status == 200 and reply.read().startswith(b"%PDF")


def test_requests_that_wait_and_large_bodies(stack, connect):
    """A payment rests on a thread of its own while others are served; an upload comes in many records."""
    account, token = stack.add_account("10", "--sandbox")
    card = {"accountno": account, "token": token, "firstname": "J", "lastname": "D", "cardnumber": "4242424242424242",
            "expmonth": "12", "expyear": "2040", "cvv": "123", "amount": "5.00"}
    connections = [connect() for _ in range(8)]
    for n, connection in enumerate(connections):
        slow = {"cardnumber": "4000000000000119"} if n == 0 else {}  # three seconds
        body = urllib.parse.urlencode({**card, "amount": f"5.0{n}", **slow})
        connection.request("POST", "/make_payment", body, {"Content-Type": "application/x-www-form-urlencoded"})
    ask(connect(), stack)
    for connection in reversed(connections):  # the slow one last: the others would idle too long
        reply = connection.getresponse()
        assert reply.status == 200, reply.read()
        assert b"Payment added" in reply.read()
        ask(connection, stack)
    large = connect()
    large.request("POST", "/generate_lnp_order", b"x" * 5_000_000, {"Content-Type": "multipart/form-data; boundary=y"})
    reply = large.getresponse()
    assert reply.status in (400, 404) and b"request_id" in reply.read()
    ask(large, stack)


@pytest.mark.parametrize("version,taken", [("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)])
def test_versions(stack, authority, version, taken):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{stack.tls_port}", "-CAfile",
                           authority.certificate, "-verify_return_error", "-cipher", "ALL:@SECLEVEL=0", version],
                          input=b"", capture_output=True, timeout=20, check=False)
    assert (done.returncode == 0) == taken, done.stderr


def test_plain_text_on_the_tls_port_gets_no_answer(stack):
    with socket.create_connection(("127.0.0.1", stack.tls_port), timeout=10) as s:
        s.sendall(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n")
        got = s.recv(4096)
    assert b"HTTP" not in got


def test_a_silent_handshake_is_closed(stack, connect):
    with socket.create_connection(("127.0.0.1", stack.tls_port), timeout=10) as s:
        ask(connect(), stack)
        while s.recv(4096):  # an alert, then the end
            pass


def test_a_new_certificate_without_losing_connections(stack, files, connect):
    old = connect()
    first = name_of(old)
    files.put("second")
    reload(stack, "is valid until")
    fresh = connect()
    assert (first, name_of(fresh)) == ("first", "second")
    ask(old, stack)
    ask(fresh, stack)
    files.put("first")
    reload(stack, "is valid until")
    assert name_of(connect()) == "first"
    ask(fresh, stack)


def test_a_bad_certificate_leaves_the_old_one_in_use(stack, files, connect):
    before = name_of(connect())
    with open(files.certificate, "w", encoding="ascii") as f:
        f.write("junk")
    reload(stack, "TLS certificate kept: http.tls_certificate")
    assert name_of(connect()) == before
    files.put("third")
    reload(stack, "is valid until")
    assert name_of(connect()) == "third"


def test_handshakes_during_changes(stack, files, authority):
    """No handshake fails, whichever certificate it gets."""
    failures, stop = [], threading.Event()

    def client():
        while not stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", stack.tls_port), timeout=10) as s, \
                        authority.client().wrap_socket(s):
                    pass
            except OSError as error:
                failures.append(error)
    clients = [threading.Thread(target=client) for _ in range(4)]
    for c in clients:
        c.start()
    for n in range(10):
        files.put(f"change{n}")
        reload(stack, "is valid until")
    stop.set()
    for c in clients:
        c.join()
    assert not failures


def test_an_expired_one_is_told(tmp_path, authority):
    certificate, key = authority.issue("old", "IP:127.0.0.1")
    subprocess.run(["openssl", "x509", "-in", certificate, "-signkey", key, "-days", "-1", "-out",
                    tmp_path / "old.crt"], check=True, capture_output=True)
    with Stack(sipmod=False, conf={"http.tls_listen": f"127.0.0.1:{free_port()}", "http.tls_key": key,
                                   "http.tls_certificate": tmp_path / "old.crt"}) as s:
        assert "is not valid any more since" in s.trunkd.log()


def trunkd(*settings):
    argv = [program("trunkd"), *(word for s in settings for word in ("-o", s))]
    return subprocess.run([*argv, "-t"], capture_output=True, text=True, timeout=20, check=False)


def test_the_check_of_settings_reads_the_files(tmp_path, authority):
    certificate, key = authority.issue("checked", "IP:127.0.0.1")
    other = authority.issue("another", "IP:127.0.0.1")[1]
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    listen = "http.tls_listen=127.0.0.1:8443"
    assert trunkd(listen, f"http.tls_certificate={certificate}", f"http.tls_key={key}").returncode == 0
    for settings, named in (([], "http.tls_certificate"),
                            ([f"http.tls_certificate={junk}", f"http.tls_key={key}"], f"http.tls_certificate: {junk}"),
                            ([f"http.tls_certificate={certificate}", f"http.tls_key={junk}"], f"http.tls_key: {junk}"),
                            ([f"http.tls_certificate={certificate}", "http.tls_key=/none"], "http.tls_key: /none"),
                            ([f"http.tls_certificate={certificate}", f"http.tls_key={other}"],
                             f"http.tls_key: {other}")):
        done = trunkd(listen, *settings)
        assert done.returncode != 0 and named in done.stderr, done
    assert "both empty" in trunkd("http.listen=").stderr


def test_an_untrusted_name_is_the_clients_to_refuse(stack, files, tmp_path):
    """The certificate is what it says: a client that trusts another authority does not connect."""
    stranger = Authority(os.path.join(tmp_path, "stranger"))
    with pytest.raises(ssl.SSLCertVerificationError):
        with socket.create_connection(("127.0.0.1", stack.tls_port), timeout=10) as s:
            stranger.client().wrap_socket(s)


def test_several_addresses(tmp_path):
    ports = [free_port(), free_port()]
    with Stack(sipmod=False) as s:
        t = s.add_trunkd()
        t.stop()
        t.configure(http__listen=f"127.0.0.1:{ports[0]}, [::1]:{ports[1]}")
        t.start()
        for host, port in zip(("127.0.0.1", "::1"), ports):
            connection = http.client.HTTPConnection(host, port, timeout=10)
            ask(connection, s, "get_trunk")
            connection.close()
