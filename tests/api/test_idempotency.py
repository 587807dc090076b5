"""Idempotency-Key on every write: done once, answered alike; make_payment's is in test_payment.py."""

import concurrent.futures
import itertools

import pytest

from document import WRITES
from good import PDF

DAY_MS = 86400000
_keys = (f"key {i}" for i in itertools.count())


@pytest.fixture
def key():
    return {"Idempotency-Key": next(_keys)}


def define(api, headers, **changes):
    return api.defineTrunk(headers=headers, **{"title": "once", "primaryTrunk": "127.0.0.3", "billingType": "Metered",
                                               **changes})


def trunks(api):
    return len(api.get_trunk().good()["data"])


def records(rest, account=None):
    return rest.redis.client.keys(f"{{a:{account or rest.account}}}:request:*")


def test_done_once(rest, api, key):
    before = trunks(api)
    first = define(api, key).good()
    for encoding in ("form", "json", "multipart"):
        again = define(api.with_(encoding=encoding), key).good()
        assert again.text == first.text
    assert trunks(api) == before + 1
    assert define(api.with_(prefix="/api/did/"), key).text == first.text


def test_another_body_is_refused(api, key):
    define(api, key).good()
    before = trunks(api)
    for changes in ({"title": "other"}, {"primaryPort": "5070"}, {"billingType": "metered"}):
        refused = define(api, key, **changes).refused("Idempotency conflict")
        assert refused["code"] == "idempotency_conflict" and refused["request_id"]
    assert trunks(api) == before


def test_another_endpoint_is_refused(api, key, trunk):
    api.update_trunk(headers=key, trunkid=trunk, title="one").good()
    api.updatenumber(headers=key, trunkId=trunk, number="2062190001").refused("Idempotency conflict")


def test_another_key_or_none_is_another_request(api, key):
    one = define(api, key).good()["tg_id"]
    assert define(api, {"Idempotency-Key": key["Idempotency-Key"] + "x"}).good()["tg_id"] != one
    assert define(api, {}).good()["tg_id"] != one


def test_keys_are_an_accounts_own(api, other, key):
    mine = define(api, key).good()["tg_id"]
    theirs = define(other, key, title="theirs").good()["tg_id"]
    assert mine != theirs


def test_a_new_token_changes_nothing(rest, api, key):
    first = define(api, key).good()
    assert define(api.with_(token=rest.add_token(rest.account, "second")), key).text == first.text


def test_a_bad_token_learns_nothing(api, key):
    define(api, key).good()
    define(api.with_(token="x" * 40), key).refused("Invalid token")


def test_a_refusal_is_kept(rest, api, key):
    """What was refused after a look at the account's state stays so under its key."""
    account, token = rest.add_account(None)
    poor = rest.api_of(account, token)
    rest.ctl("account", "set", account, "--did-setup", "5")
    own = rest.define_trunk(("127.0.0.3", 5060), api=poor)
    number = api.searchdid(state="WA").good()["DIDs"][-1]["TN"]
    cart = poor.reserve(category="landline", state="WA", number=number).good()["reserveId"]
    order = poor.gen_order(trunk_id=own, reserveId=cart).good()["orderId"]
    poor.process_order(headers=key, orderId=order).refused("Insufficient balance")
    rest.ctl("account", "credit", account, "100")
    again = poor.process_order(headers=key, orderId=order).refused("Insufficient balance")
    assert again["request_id"] == again.headers["X-Request-Id"]
    poor.process_order(orderId=order).good()


def test_a_malformed_request_uses_no_key(rest, api, key):
    before = len(records(rest))
    define(api, key, primaryTrunk="nowhere").refused("Invalid primaryTrunk")
    assert len(records(rest)) == before
    define(api, key).good()


def test_reads_take_no_notice(rest, api, key):
    before = len(records(rest))
    api.get_trunk(headers=key).good()
    api.searchdid(headers=key, state="WA").good()
    assert len(records(rest)) == before


def test_length(api):
    define(api, {"Idempotency-Key": "k" * 255}).good()
    define(api, {"Idempotency-Key": "k" * 256}).refused("Bad request")


def test_many_at_once(api, key):
    before = trunks(api)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: define(api, key), range(16)))
    done = {reply.text for reply in replies if reply.ok}
    assert len(done) == 1 and trunks(api) == before + 1
    for reply in replies:
        assert reply.ok or reply.refused("Idempotency conflict")


def test_life_and_content(rest, api, key):
    """24 hours, and neither key nor parameters in the clear."""
    known = set(records(rest))
    define(api, key, title="Secret title").good()
    record, = set(records(rest)) - known
    assert DAY_MS - 60000 < rest.redis.client.pttl(record) <= DAY_MS
    kept = rest.redis.client.hgetall(record)
    assert set(kept) == {"digest", "reply"} and len(kept["digest"]) == 64
    for secret in (key["Idempotency-Key"], "Secret title", rest.token):
        assert secret not in record + str(kept)


def test_a_file_counts(api, key):
    params = {"numbers": "2065559999", "category": "landline", "subscriberType": "business",
              "loaAuthorizingPerson": "A B", "loa_doc": PDF, "carrier_doc": PDF}
    client = api.with_(encoding="multipart")
    first = client.generate_lnp_order(headers=key, **params)
    assert client.generate_lnp_order(headers=key, **params).get("error") == first.get("error")
    changed = {**params, "loa_doc": (PDF[0], PDF[1], PDF[2] + b"x")}
    client.generate_lnp_order(headers=key, **changed).refused("Idempotency conflict")


def test_documented(api):
    page, document = api.raw("GET", "/docs").text, api.raw("GET", "/openapi.yaml").text
    assert "Idempotency-Key" in page and document.count("name: Idempotency-Key") == len(WRITES)
