"""Account numbers and tokens."""

import secrets

import pytest

from document import PARAMS


@pytest.mark.parametrize("token", [None, "", " ", "x", "x" * 257, "x" * 40000, "a\0b", "*", "' OR 1=1", "é"])
def test_bad_token(api, token):
    reply = api.with_(token=None).get_trunk(**({} if token is None else {"token": token}))
    assert reply.refused("Invalid token")["code"] == "invalid_token"


@pytest.mark.parametrize("account", [None, "", "x" * 33, "{", "a}b", "a:b", "9999999", "*", "1 ", "a\0", "é",
                                     "x" * 40000])
def test_bad_account(api, account):
    reply = api.with_(accountno=None).get_trunk(**({} if account is None else {"accountno": account}))
    assert reply.refused("Invalid accountno")["code"] == "invalid_account"


def test_nearly_right_tokens(api):
    for token in (api.token[:-1], api.token + "0", api.token.upper() + "x", api.token[::-1]):
        api.with_(token=token).get_trunk().refused("Invalid token")


def test_hash_is_no_token(api, rest):
    stored, = rest.redis.client.hkeys(f"{{a:{api.accountno}}}:tokens")
    assert stored != api.token and len(stored) == 64
    api.with_(token=stored).get_trunk().refused("Invalid token")


def test_account_is_checked_before_token_before_the_rest(api):
    api.with_(accountno="{", token="wrong").get_trunk(tg_id="x").refused("Invalid accountno")
    api.with_(token="wrong").get_trunk(tg_id="x").refused("Invalid token")
    api.with_(accountno="1", token="wrong").get_trunk().refused("Invalid accountno")


@pytest.mark.parametrize("endpoint", sorted(PARAMS))
def test_every_endpoint_asks(api, endpoint):
    api.with_(token="wrong").call(endpoint).refused("Invalid token")
    api.with_(accountno="12345").call(endpoint).refused("Invalid accountno")


def test_several_tokens_and_revocation(rest, api):
    second = rest.add_token(api.accountno, "second")
    api.with_(token=second).get_trunk().good()
    api.get_trunk().good()
    rest.ctl("token", "revoke", api.accountno, "second")
    api.with_(token=second).get_trunk().refused("Invalid token")
    api.get_trunk().good()


def test_read_token_may_not_write(rest, api):
    token = rest.ctl("token", "add", api.accountno, "--label", "reader", "--scope", "read")["token"]
    reader = api.with_(token=token)
    reader.get_trunk().good()
    reader.defineTrunk(title="t", primaryTrunk="127.0.0.3", billingType="Metered").refused("Invalid token")
    reader.make_payment().refused("Invalid token")


def test_closed_account(rest):
    closed = rest.api_of(*rest.add_account())
    closed.get_trunk().good()
    rest.ctl("account", "set", closed.accountno, "--status", "0")
    closed.get_trunk().refused("Invalid accountno")


def test_no_token_in_the_log(rest, api):
    wrong = "wrong" + secrets.token_hex(8)
    for encoding in ("form", "json", "multipart", "query"):
        api.call("get_trunk", encoding=encoding).good()
        api.with_(token=wrong).call("get_trunk", encoding=encoding).refused("Invalid token")
    api.raw("GET", f"/token/{api.token}?token={api.token}").refused()
    api.raw("POST", "/get_trunk", f"token={api.token}&x=%".encode(), {"Content-Type": "text/plain"})
    api.raw("GET", f"/get_trunk?token={api.token}", headers={"X-Request-Id": "find-me"})
    with open(rest.trunkd.log_path, encoding="utf-8") as f:
        log = f.read()
    assert "find-me" in log and api.token not in log and wrong not in log
