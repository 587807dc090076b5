"""The audit log: every write of a token is in it, before its answer, without secrets."""

import csv
import glob
import os

import pytest

from document import WRITES
from good import GOOD, PDF
from harness import Stack, wait_for


def log(rest, account=None):
    """Lines of an account as trunkctl lists them, oldest first; trunkctl's own left out."""
    return [line for line in reversed(rest.ctl("audit", "list", account or rest.account)) if line["via"] == "rest"]


def test_a_write_and_its_outcome(rest, api):
    before = len(log(rest))
    made = api.raw("POST", "/defineTrunk", f"accountno={api.accountno}&token={api.token}&title=A%20b%26c&billingType="
                   "Metered&primaryTrunk=127.0.0.3&unknown=x".encode(),
                   {"Content-Type": "application/x-www-form-urlencoded", "X-Request-Id": "find-me"}).good()
    api.update_trunk(trunkid=made["tg_id"], title="x" * 65).refused("Invalid title")
    api.get_trunk().good()
    done, refused = log(rest)[before:]
    label, hash_part = done["by"].split(" ")
    assert rest.ctl("token", "list", api.accountno)[0]["label"] == label
    assert rest.redis.client.hkeys(f"{{a:{api.accountno}}}:tokens")[0].startswith(hash_part) and len(hash_part) == 12
    assert (done["via"], done["from"], done["request"], done["what"]) == ("rest", "127.0.0.1", "find-me", "defineTrunk")
    assert done["params"] == "title=A%20b%26c&primaryTrunk=127.0.0.3&billingType=Metered"
    assert (done["outcome"], done["error"]) == ("ok", "")
    assert (refused["what"], refused["outcome"], refused["error"]) == (
        "update_trunk", "invalid_parameter", "Invalid title")
    assert refused["params"] == f"trunkid={made['tg_id']}&title={'x' * 65}"


@pytest.mark.parametrize("endpoint", sorted(WRITES))
def test_every_write_is_noted(rest, api, endpoint):
    before = len(log(rest))
    api.call(endpoint)
    assert [line["what"] for line in log(rest)[before:]] == [endpoint]


def test_reads_and_strangers_are_not_noted(rest, api):
    before = log(rest)
    api.get_payments().good()
    api.with_(token="wrong").defineTrunk().refused("Invalid token")
    api.raw("GET", "/defineTrunk")
    assert log(rest) == before


def test_a_token_that_may_not_is_noted(rest, api):
    reader = api.with_(token=rest.ctl("token", "add", api.accountno, "--label", "reader", "--scope", "read")["token"])
    before = len(log(rest))
    reader.defineTrunk(title="x").refused("Invalid token")
    line, = log(rest)[before:]
    assert line["by"].startswith("reader ") and line["outcome"] == "scope_required"


def test_secrets_are_hidden(rest, api):
    before = len(log(rest))
    api.call("make_payment", **{**GOOD["make_payment"], "cardnumber": "4242424242424242", "cvv": "987", "amount": "5"})
    api.call("make_payment", **{**GOOD["make_payment"], "amount": "4242 4242 4242 4242"})
    api.call("update_trunk", trunkid="1", title="card 4242-4242-4242-4242")
    api.call("generate_lnp_order", encoding="multipart", numbers="5032220001", wirelessPin="4711",
             loa_doc=PDF)
    payment, misplaced, title, port = log(rest)[before:]
    assert payment["params"].endswith("&cvv=***&amount=5") and "cardnumber=***" in payment["params"]
    assert misplaced["params"].endswith("&amount=***") and title["params"] == "trunkid=1&title=***"
    assert port["params"] == "numbers=5032220001&loa_doc=***&wirelessPin=***"
    for line in (payment, misplaced, title, port):
        assert "4242" not in str(line) and "987" not in line["params"] and "4711" not in line["params"]


def test_long_values_are_cut(rest, api):
    before = len(log(rest))
    api.call("reserve", category="landline", state="WA", number=",".join(f"206219{i:04}" for i in range(1000)))
    api.call("generate_lnp_order", **{name: "<" * 1000 for name in (
        "loaAuthorizingPerson", "subscriberFirstName", "addressCity", "losingCarrierName", "numbers", "addressZip")})
    assert [line["what"] for line in log(rest)[before:]] == ["reserve", "generate_lnp_order"]
    assert all(len(line["params"]) <= 2048 and "..." in line["params"] for line in log(rest)[before:])


def test_what_can_not_be_noted_is_not_acknowledged(rest, api):
    """Somebody's key of another type stands in the log's place."""
    accountno, token = rest.add_account()
    client, key = rest.api_of(accountno, token), f"audit:{{a:{accountno}}}"
    rest.redis.client.delete(key)
    rest.redis.client.set(key, "x")
    reply = client.defineTrunk(title="t", primaryTrunk="127.0.0.3", billingType="Metered")
    assert reply.status == 503 and reply["code"] == "unavailable" and reply.headers["Retry-After"]
    client.get_trunk().good()
    rest.redis.client.delete(key)
    client.defineTrunk(title="t", primaryTrunk="127.0.0.3", billingType="Metered").good()
    assert [line["outcome"] for line in log(rest, accountno)] == ["ok"]


def test_logs_are_archived():
    with Stack(sipmod=False, conf={"files.audit_hours": 0}) as s:
        s.api.defineTrunk(title="=1+1", primaryTrunk="127.0.0.3", billingType="Metered").good()

        def lines(account):
            rows = []
            for path in glob.glob(os.path.join(s.files, "audit", account, "????-??.csv")):
                with open(path, encoding="utf-8", newline="") as f:
                    rows += csv.DictReader(f)
            return rows
        wait_for(lambda: [row["what"] for row in lines(s.account) if row["via"] == "rest"] == ["defineTrunk"], 30)
        row, = [row for row in lines(s.account) if row["via"] == "rest"]
        assert row["account"] == s.account and row["outcome"] == "ok" and row["params"].startswith("title=%3D1%2B1&")
        wait_for(lambda: {row["what"] for row in lines("all")} >= {"account add", "inventory import"}, 30)
        wait_for(lambda: not s.redis.client.xlen(f"audit:{{a:{s.account}}}"), 30)
