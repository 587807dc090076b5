"""The same parameters as a form, multipart, JSON and query; and what is wrong with a body as a whole."""

import json

import pytest

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@pytest.fixture
def send(api):
    """POSTs a body as it is to an endpoint; {A} and {T} stand for account and token."""
    def post(body, content_type=FORM, endpoint="get_trunk", query=""):
        if isinstance(body, str):
            body = body.replace("{A}", api.accountno).replace("{T}", api.token).encode("utf-8", "surrogateescape")
        headers = {"Content-Type": content_type} if content_type is not None else {}
        query = query.replace("{A}", api.accountno).replace("{T}", api.token)
        return api.raw("POST", f"/{endpoint}{query}", body, headers)
    return post


@pytest.mark.parametrize("encoding", ["form", "multipart", "json", "query"])
def test_encodings_are_equal(api, trunk, encoding):
    reply = api.call("get_trunk", encoding=encoding, tg_id=trunk).good()
    assert [t["id"] for t in reply["data"]] == [trunk]
    api.call("get_trunk", encoding=encoding, tg_id="x y&z=%\"'").refused("Invalid tg_id")
    api.call("get_trunk", encoding=encoding, token=None).refused("Invalid token")


@pytest.mark.parametrize("encoding", ["form", "multipart", "json"])
def test_unicode_title(api, encoding):
    for title in ("Zürich & Söhne + 100% „gut“", "🙂" * 64, "a=b&c=d;e", "\\\"/"):
        trunk = api.call("defineTrunk", encoding=encoding, title=title, primaryTrunk="127.0.0.3",
                         billingType="Metered").good()["tg_id"]
        assert api.get_trunk(tg_id=trunk).good()["data"][0]["title"] == title


@pytest.mark.parametrize("spelling", ["tg_id", "trunkid", "trunkId", "trunk_id"])
@pytest.mark.parametrize("endpoint,documented", [("get_trunk", "tg_id"), ("update_trunk", "trunkid"),
                                                 ("getnumbers", "trunkId"), ("tg_stats", "tg_id")])
def test_spellings_of_trunk(api, trunk, endpoint, documented, spelling):
    api.call(endpoint, **{spelling: trunk}).good()
    api.call(endpoint, **{spelling: "987654"}).refused(f"Invalid {documented}")
    api.call(endpoint, **{spelling: "junk"}).refused(f"Invalid {documented}")


@pytest.mark.parametrize("spelling", ["orderId", "orderno", "orderNo"])
def test_spellings_of_order(api, spelling):
    api.process_order(**{spelling: "junk"}).refused("Invalid orderId")
    api.getnumbers(**{spelling: "987654"}).refused("Invalid orderno")


@pytest.mark.parametrize("spelling", ["number", "numbers", "did"])
def test_spellings_of_number(api, spelling):
    api.did_stats(**{spelling: "2065550100"}).refused("Invalid number")
    api.check_lnp(**{spelling: "x"}).refused("Invalid numbers")


@pytest.mark.parametrize("spelling", ["NPANXX", "npanxx"])
def test_spellings_of_block(api, spelling):
    assert len(api.searchdid(state="WA", **{spelling: "206220"}).good()["DIDs"]) == 20
    api.searchdid(state="WA", **{spelling: "x"}).refused("Invalid NPANXX")
    api.reserve(category="landline", state="WA", number="2062190001", **{spelling: "x"}).refused("Invalid npanxx")


@pytest.mark.parametrize("category", ["landline", "Landline", "LANDLINE"])
def test_category_in_any_case(api, category):
    api.getnumbers(category=category).good()


def test_two_spellings_at_once(api, trunk):
    api.get_trunk(tg_id=trunk, trunkId=trunk).refused("Invalid tg_id")


@pytest.mark.parametrize("query,body,error", [
    ("", "accountno={A}&token={T}&tg_id=1&tg_id=1", "Invalid tg_id"),
    ("?tg_id=1", "accountno={A}&token={T}&tg_id=1", "Invalid tg_id"),
    ("?token={T}", "accountno={A}&token={T}", "Invalid token"),
    ("", "accountno={A}&accountno={A}&token={T}", "Invalid accountno"),
    ("", "accountno={A}&token={T}&tg_id=%zz", "Invalid tg_id"),
    ("", "accountno={A}&token={T}&tg_id=1%", "Invalid tg_id"),
    ("", "accountno={A}&token={T}&tg_id=1%0", "Invalid tg_id"),
    ("", "accountno={A}&token={T}&tg_id=%ff", "Invalid tg_id"),
    ("", "accountno={A}&token={T}&tg_id=%c0%af", "Invalid tg_id"),
    ("", "accountno={A}&token={T}&tg_id=%ed%a0%80", "Invalid tg_id"),
    ("", "accountno={A}&token={T}&tg_id=1%00", "Invalid tg_id"),
    ("", "accountno={A}&token={T}&tg_id=1%0d%0a", "Invalid tg_id"),
    ("", "", "Invalid accountno"),
])
def test_form_flaws_are_named(send, query, body, error):
    send(body, query=query).refused(error)


def test_form_with_odd_shapes(send):
    send("&&accountno={A}&&token={T}&tg_id&=x&tg_id2==&").good()
    send("accountno={A}&token={T}&tg_id=").good()
    send("tg_id=", query="?accountno={A}&token={T}").good()


@pytest.mark.parametrize("members,error", [
    ('"tg_id":"1","tg_id":"1"', "Invalid tg_id"),
    ('"tg_id":[1]', "Invalid tg_id"),
    ('"tg_id":{"a":[{}]}', "Invalid tg_id"),
    ('"tg_id":1.5', "Invalid tg_id"),
    ('"tg_id":1e0', "Invalid tg_id"),
    ('"tg_id":-1', "Invalid tg_id"),
    ('"tg_id":99999999999999999999999', "Invalid tg_id"),
    ('"tg_id":true', "Invalid tg_id"),
    ('"tg_id":"1\\u0000"', "Invalid tg_id"),
    ('"tg_id":"\\n1"', "Invalid tg_id"),
    ('"tg_id":"\udcff"', "Invalid tg_id"),
    ('"t\\u0067_id":"x"', "Invalid tg_id"),
])
def test_json_flaws_are_named(send, members, error):
    send('{"accountno":"{A}","token":"{T}",' + members + "}", JSON).refused(error)


def test_json_scalars_become_their_text(send, trunk):
    for value in (trunk, f'"{trunk}"'):
        reply = send('{"accountno":{A},"token":"{T}","tg_id":' + value + "}", JSON).good()
        assert reply["data"][0]["id"] == trunk
    send('{"accountno":"{A}","token":"{T}","tg_id":null}', JSON).good()
    send('{"accountno":"{A}","token":"{T}","x":[{"y":[1,-2.5e+3,true,false,null,"\\ud83d\\ude42"]}]}', JSON).good()
    send(' {\n"accountno" : "{A}" ,\t"token":"{T}"\r\n} ', JSON + "; charset=UTF-8").good()


@pytest.mark.parametrize("body", [
    "{", "}", "[]", "null", '"x"', "1", "{}x", '{"a"}', '{"a":}', '{"a":1,}', "{,}", "{'a':1}", '{"a":01}', '{"a":+1}',
    '{"a":.5}', '{"a":1.}', '{"a":1e}', '{"a":NaN}', '{"a":tru}', '{"a":"\\x"}', '{"a":"\\u12"}', '{"a":"\\ud800"}',
    '{"a":"\\udc00"}', '{"a":"\\ud800\\u0041"}', '{"a":"', '{"a":"\n"}', '{"a":[1,]}', '{"a":[}', '{"a":{"b"}}',
    '{"a":' + "[" * 100 + "]" * 100 + "}", '{"a":' + "[" * 100000, "\ufeff{}", '{"a":1 "b":2}', '{"a":1}{"b":2}',
    "\\", '{"a":"\\', '{"a":-}', "   ",
])
def test_malformed_json(send, body):
    reply = send(body, JSON)
    assert reply.refused("Bad request")["code"] == "bad_request" and reply["detail"]


def test_too_many_parameters(send):
    send("&".join(f"p{i}=1" for i in range(65))).refused("Bad request")
    send(json.dumps({f"p{i}": "1" for i in range(65)}), JSON).refused("Bad request")
    send("x" * 65 + "=1").refused("Bad request")
    send("a%zz=1").refused("Bad request")


def test_many_small_strings_cost_little(send):
    body = '{"x":[' + ",".join(['""'] * 300000) + "]}"
    assert send(body, JSON).status == 404


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/xml", "application/jsonx",
                                          "application/json; charset=utf-16", "x", "multipart/mixed; boundary=x",
                                          f"{FORM};charset=latin1"])
def test_unknown_content_type(send, content_type):
    reply = send("accountno={A}", content_type)
    assert reply.status == 415 and reply["status"] == "415"


def _part(name, value, extra=""):
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n{value}\r\n'


MULTI = "multipart/form-data; boundary=b"


def test_multipart_shapes(send, trunk):
    good = _part("accountno", "{A}") + _part("token", "{T}") + _part("tg_id", trunk)
    for body, content_type in (
            (good + "--b--\r\n", MULTI), (good + "--b--", MULTI), ("preamble\r\n" + good + "--b--epilogue", MULTI),
            (good + "--b--\r\n", 'Multipart/Form-Data; charset=utf-8; BOUNDARY="b"')):
        assert send(body, content_type).good()["data"][0]["id"] == trunk
    headers = good.replace("name=\"tg_id\"", "name=\"tg_id\"\r\nContent-Type: text/plain; charset=utf-8")
    send(headers + "--b--", MULTI).good()


@pytest.mark.parametrize("extra,error", [
    (_part("tg_id", "1") + _part("tg_id", "1"), "Invalid tg_id"),
    (_part("tg_id", "1", '; filename="x"'), "Invalid tg_id"),
    (_part("tg_id", "1", '; filename=""'), "Invalid tg_id"),
    (_part("tg_id", "a\0"), "Invalid tg_id"),
    (_part("tg_id", "x\r\ny"), "Invalid tg_id"),
    (_part("token", "x"), "Invalid token"),
])
def test_multipart_flaws_are_named(send, extra, error):
    send(_part("accountno", "{A}") + _part("token", "{T}") + extra + "--b--", MULTI).refused(error)


@pytest.mark.parametrize("body,content_type", [
    ("x", MULTI), ("--b", MULTI), ("--b\r\n", MULTI), ("--bx--", MULTI), (_part("a", "1"), MULTI),
    (_part("a", "1") + "--b", MULTI), (_part("a", "1") + "--b-", MULTI), (_part("a", "1") + "--c--", MULTI),
    ("--b\r\n\r\nx\r\n--b--", MULTI), ("--b\r\nContent-Type: x\r\n\r\nx\r\n--b--", MULTI),
    ("--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", MULTI),
    ("--b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--b--", MULTI),
    ("--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--b--", MULTI),
    ("--b\r\n" + "X: y\r\n" * 1000 + "\r\nx\r\n--b--", MULTI),
    (_part("a", "1") + "--b--", "multipart/form-data"), (_part("a", "1") + "--b--", "multipart/form-data; boundary="),
    (_part("a", "1") + "--b--", "multipart/form-data; boundary=" + "b" * 71),
])
def test_malformed_multipart(send, body, content_type):
    reply = send(body, content_type)
    assert reply.refused("Bad request")["code"] == "bad_request"
