"""The 32 endpoints: names, methods, roots, and the OpenAPI document against the REST document."""

import os

import pytest

from document import PARAMS, REPLY, WRITES, check_reply, names, required, scope

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_committed_document_is_what_trunkd_prints(printed):
    with open(os.path.join(_ROOT, "daemon", "openapi.yaml"), encoding="utf-8") as f:
        assert f.read() == printed, "run: trunkd --openapi > daemon/openapi.yaml"


def test_all_32_are_there(openapi):
    assert len(PARAMS) == 32
    assert {p.lstrip("/") for p in openapi["paths"]} == set(PARAMS) == set(REPLY)
    assert openapi["openapi"] == "3.1.0"
    assert [s["url"] for s in openapi["servers"]] == ["/", "/api/did"]


@pytest.mark.parametrize("endpoint", sorted(PARAMS))
def test_openapi_has_what_the_document_has(openapi, endpoint):
    path = openapi["paths"][f"/{endpoint}"]
    schemas = openapi["components"]["schemas"]
    assert set(path) == ({"post"} if endpoint in WRITES else {"get", "post"})
    request = schemas[f"{endpoint}_request"]
    documented = [p for p in request["properties"] if p in names(endpoint)]
    assert documented == names(endpoint)
    assert sorted(request["required"]) == sorted(["token", "accountno", *required(endpoint)])
    for operation in path.values():
        assert set(operation["responses"]) == {"200", "404", "429", "default"}
        assert operation["x-scope"] == scope(endpoint)
    if "get" in path:
        assert [p["name"] for p in path["get"]["parameters"]] == list(request["properties"])


@pytest.mark.parametrize("endpoint", sorted(PARAMS))
def test_openapi_has_the_documented_keys(openapi, endpoint):
    properties = openapi["components"]["schemas"][f"{endpoint}_reply"]["properties"]
    keys = REPLY[endpoint]
    if isinstance(keys, dict):
        (key, inner), = keys.items()
        inner = set(inner.split())
        assert inner <= set(properties[key]["items"]["properties"])
    else:
        wanted = keys.split() if isinstance(keys, str) else keys
        assert set(wanted) <= set(properties)


def test_codes_are_listed(openapi):
    codes = openapi["components"]["schemas"]["Failure"]["properties"]["code"]["enum"]
    assert "invalid_parameter" in codes and len(codes) == len(set(codes))


@pytest.mark.parametrize("root", ["/", "/api/did/"])
@pytest.mark.parametrize("endpoint", sorted(PARAMS))
def test_both_roots_and_methods(api, root, endpoint):
    client = api.with_(prefix=root)
    posted = client.call(endpoint)
    assert posted.status in (200, 404) and posted.get("code") != "not_found", posted
    got = client.call(endpoint, encoding="query")
    if endpoint in WRITES:
        assert got.status == 405 and got["status"] == "405" and got.headers["Allow"] == "POST"
    else:
        assert (got.status, got.get("error")) == (posted.status, posted.get("error"))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "BREW"])
def test_other_methods(api, method):
    reply = api.raw(method, "/get_trunk")
    assert reply.status == 405 and reply.headers["Allow"] == "GET, POST"


@pytest.mark.parametrize("path", ["/", "", "/nothing", "/get_trunk/", "/GET_TRUNK", "//get_trunk", "/api/get_trunk",
                                  "/api/did/", "/api/did", "/api/did/api/did/get_trunk", "/../get_trunk",
                                  "/get_trunk%20", "/" + "x" * 3000])
def test_unknown_path(api, path):
    reply = api.raw("POST", path or "/").refused("Unknown request")
    assert reply["code"] == "not_found" and reply["request_id"] == reply.headers["X-Request-Id"]


def test_failure_shape(api):
    reply = api.get_trunk(tg_id="x").refused("Invalid tg_id")
    assert list(reply.data) == ["status", "error", "code", "detail", "request_id"]
    assert all(isinstance(v, str) and v for v in reply.data.values())
    assert reply.headers["Content-Type"] == "application/json"


def test_nothing_found_is_an_empty_list(other):
    for endpoint, key in (("get_trunk", "data"), ("getnumbers", "data"), ("get_new_orders", "Orders"),
                          ("get_trunk_termination", "data")):
        assert check_reply(endpoint, other.call(endpoint))[key] == []
    assert other.get_new_orders(orderId="1").good()["Orders"] == []
