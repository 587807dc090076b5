"""/docs and /openapi.yaml: public, complete, and alone."""

import html.parser
import json
import re
import shlex

import pytest

from document import PARAMS, REPLY, WRITES, names, required
from good import PDF

LARGEST = 400_000
# Names in the examples that stand for things of the account: these may be unknown to it.
OF_THE_ACCOUNT = {"reserveId", "orderId", "tg_id", "trunkid", "trunkId", "trunk_id", "number", "numbers"}


class Page(html.parser.HTMLParser):
    """Tags that are open, ids, links, and texts of sections by their id and class."""

    VOID = {"meta", "br", "link", "img"}

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.sections, self.tags = [], [], [], {}, set()
        self.section = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append((tag, attrs.get("class")))
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "section":
            self.section = self.sections.setdefault(attrs["id"], {})
        self.links += [attrs[name] for name in ("href", "src") if name in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag, f"{tag} at {self.getpos()}"

    def handle_data(self, data):
        if self.section is not None:
            for tag, kind in self.open:
                for name in (tag, kind):
                    self.section[name] = self.section.get(name, "") + data


@pytest.fixture(scope="module")
def reply(api):
    return api.raw("GET", "/docs")


@pytest.fixture(scope="module")
def page(reply):
    return Page(reply.text)


def test_public(reply):
    assert reply.status == 200 and len(reply.text) < LARGEST
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]


def test_document_is_what_trunkd_prints(api, printed):
    served = api.raw("GET", "/openapi.yaml")
    assert (served.status, served.headers["Content-Type"]) == (200, "application/yaml")
    assert served.text == printed


@pytest.mark.parametrize("path", ["/docs", "/openapi.yaml"])
def test_methods(api, path):
    head = api.raw("HEAD", path)
    assert (head.status, head.text) == (200, "")
    for method in ("POST", "PUT", "DELETE"):
        refused = api.raw(method, path)
        assert (refused.status, refused.headers["Allow"], refused["code"]) == (405, "GET, HEAD", "method_not_allowed")


@pytest.mark.parametrize("path", ["/docs/", "/Docs", "/docs/x", "/openapi.yaml/", "/openapi", "/api/did/docs"])
def test_nothing_near_them(api, path):
    assert api.raw("GET", path).status == 404


def test_page_is_whole_and_alone(page):
    assert not page.open
    assert not page.tags & {"script", "img", "iframe", "link", "object", "form"}
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        assert link == "/openapi.yaml" or link[0] == "#" and link[1:] in page.ids, link


def test_style_fetches_nothing(reply):
    style = reply.text.partition("<style>")[2].partition("</style>")[0]
    assert "prefers-color-scheme:dark" in style and "max-width" in style
    assert "url(" not in style and "@import" not in style


def test_all_endpoints_are_there(page):
    assert set(page.sections) == set(PARAMS) and len(PARAMS) == 32


@pytest.mark.parametrize("endpoint", sorted(PARAMS))
def test_methods_parameters_and_keys(page, openapi, endpoint):
    section = page.sections[endpoint]
    assert ("method get" in section) != (endpoint in WRITES) and section["method post"] == "POST"
    schema = openapi["components"]["schemas"]
    rows = section.get("tbody", "")
    for parameter in list(schema[f"{endpoint}_request"]["properties"])[2:]:
        assert re.search(rf"^{parameter}(required|optional)", rows, re.MULTILINE), parameter
    for parameter in required(endpoint):
        assert re.search(rf"^{parameter}required", rows, re.MULTILINE), parameter
    keys = REPLY[endpoint]
    inner = next(iter(keys.values())).split() if isinstance(keys, dict) else []
    outer = list(keys) if not isinstance(keys, str) else keys.split()
    shown = re.findall(r'"([^"]+)":', section["reply"])
    assert json.loads(section["reply"])["status"] == "200" and "…" not in section["reply"]
    assert set(shown) >= set(outer) | set(inner) | {"status"}
    assert shown.count("status") >= 1 and section["reply"].count("{") == section["reply"].count("}")


@pytest.mark.parametrize("endpoint", sorted(PARAMS))
def test_example_is_a_request_that_is_understood(api, page, endpoint):
    """Sent as it stands: only what it names may be unknown to the account."""
    words = shlex.split(page.sections[endpoint]["curl"].replace("\\\n", " "))
    assert words[:2] == ["curl", f"$API/{endpoint}"] and set(words[2::2]) <= {"-d", "-F"}
    params = dict(w.split("=", 1) for w in words[3::2])
    assert {params.pop("token"), params.pop("accountno")} == {"$TOKEN", "$ACCOUNT"}
    assert set(required(endpoint)) <= set(params) <= set(names(endpoint))
    files = {name: PDF for name, value in params.items() if value.startswith("@")}
    answer = api.call(endpoint, encoding="multipart" if files else "form", **{**params, **files})
    if answer.get("code") == "invalid_parameter":
        assert answer["error"].removeprefix("Invalid ") in OF_THE_ACCOUNT, answer
        assert not re.match("expected|must be|is required|is out of", answer["detail"]), answer
    else:
        assert answer.status in (200, 404), answer


def test_codes_are_listed(reply, openapi):
    for code in openapi["components"]["schemas"]["Failure"]["properties"]["code"]["enum"]:
        assert f"<code>{code}</code>" in reply.text
