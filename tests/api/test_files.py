"""Files by signed links, seen by who holds the secret: even rightly signed nothing leads out of the folder, late is
late, and nothing is served as what a browser would run."""

import hashlib
import hmac
import itertools
import os
import time

import pytest

from harness import wait_for
from port_client import PORTLAND, load_coverage, order_of, port

SCRIPT = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"


@pytest.fixture(scope="module")
def api(rest, trunk):
    load_coverage(rest)
    rest.ctl("account", "credit", rest.account, "1000")
    return rest.api


@pytest.fixture(scope="module")
def signed(rest):
    """A path with a right signature, for so many seconds from now."""
    secret = rest.redis.client.hget("schema", "secret").encode()

    def make(path, seconds=60):
        target = f"{path}?expires={int(time.time()) + seconds}"
        tag = hmac.new(secret, b"file link\n" + target.encode(), hashlib.sha256).hexdigest()[:32]
        return f"{target}&signature={tag}"
    return make


@pytest.fixture
def stored(rest):
    """Puts a file below the folder of files."""
    def put(name, content=b"content"):
        path = os.path.join(rest.files, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content)
        return path
    return put


def test_a_link_ends(api, signed, stored):
    stored("portin/a.pdf")
    assert api.raw("GET", signed("/uploads/portin/a.pdf")).text == "content"
    for seconds in (0, -1, -86400):
        assert api.raw("GET", signed("/uploads/portin/a.pdf", seconds)).status == 404
    link = signed("/uploads/portin/a.pdf", 2)  # used in time, and again late
    assert api.raw("GET", link).status == 200
    wait_for(lambda: api.raw("GET", link).status == 404, 10, "the link ends", interval=0.1)


@pytest.mark.parametrize("name", [
    "../ctl.ini", "portin/../../ctl.ini", "portin/..", "..", ".", "", "/", "//etc/passwd", "/etc/passwd", "portin/",
    "portin", "portin//a.pdf", "portin/./a.pdf", "portin/.hidden", ".hidden/a.pdf", "portin/%2e%2e/%2e%2e/ctl.ini",
    "portin/a.pdf%00.html", "portin\\a.pdf", "portin/a.pdf/", "x" * 300, "portin/link.pdf",
    "portin/pipe.pdf"])
def test_no_name_leads_out(rest, api, signed, stored, name):
    stored("portin/a.pdf")
    stored("portin/.hidden")
    stored(".hidden/a.pdf")
    for make, path in ((lambda p: os.symlink("/etc/passwd", p), "portin/link.pdf"), (os.mkfifo, "portin/pipe.pdf")):
        if not os.path.lexists(os.path.join(rest.files, path)):
            make(os.path.join(rest.files, path))
    for root in ("/uploads/", "/downloads/"):
        reply = api.raw("GET", signed(root + name))
        assert reply.status in (400, 404) and "content" not in reply.text and "root:" not in reply.text, reply


@pytest.mark.parametrize("magic, ending", [
    (b"%PDF-1.4\n", "pdf"), (b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff\xe0", "jpeg"), (b"PK\x03\x04", "zip"),
    (b"II*\0", "tif")])
def test_a_document_is_no_page(api, magic, ending, counter=itertools.count(4000)):
    """HTML behind the first bytes of a picture, under a name of a page."""
    number = PORTLAND[next(counter)]
    made = port(api, number, loa_doc=("page.html", "text/html", magic + SCRIPT)).good()
    link = order_of(api, made["orderNo"])["loa"]
    assert "html" not in link and "page" not in link
    reply = api.raw("GET", link[len(api.url):])
    assert reply.status == 200 and SCRIPT.decode() in reply.text
    kind, told = reply.headers["Content-Type"], reply.headers["Content-Disposition"]
    assert kind.split("/")[0] in ("application", "image") and kind.split("/")[1].startswith(ending[:3])
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert told.endswith(f'.{link.split("?")[0].rsplit(".", 1)[1]}"') and ("html" not in told)
    assert ending in ("pdf", "png", "jpeg") or told.startswith("attachment")


@pytest.mark.parametrize("name", ["x.html", "x.svg", "x.js", "x.xhtml", "x.pdf.html", "x", "x.HTM"])
def test_other_kinds_are_bytes_to_save(api, signed, stored, name):
    stored(f"portin/{name}", SCRIPT)
    reply = api.raw("GET", signed(f"/uploads/portin/{name}"))
    assert reply.status == 200 and reply.headers["Content-Type"] == "application/octet-stream"
    assert reply.headers["Content-Disposition"].startswith("attachment")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_links_of_one_do_not_open_anothers(rest, api, other):
    """The signature is of the whole path: no part of it can be changed for another's."""
    mine = order_of(api, port(api, PORTLAND[4900]).good()["orderNo"])
    for one, another in ((mine["loa"], mine["carrier_doc"]), (mine["carrier_doc"], mine["loa"])):
        swapped = one.split("?")[0] + "?" + another.split("?")[1]
        assert api.raw("GET", swapped[len(api.url):]).status == 404
    assert other.get_lnp_orders(orderId=mine["orderno"]).good()["Orders"] == []
