"""make_payment with the embedded sandbox: cards, repeats, fees, and nothing of a card left anywhere."""

import glob
import os
import threading
import time

import pytest
import redis

from harness import Stack, wait_for

CARD = {"firstname": "Ann", "lastname": "O'Neil", "cardnumber": "4242424242424242", "expmonth": "12",
        "expyear": "2031", "cvv": "987", "address": "1 Main St", "address2": "Apt 2", "state": "WA",
        "city": "Seattle", "zipcode": "01234", "amount": "25.00"}
SETTINGS = {"payment.fee_bp": 290, "payment.fee_fixed": "0.30", "payment.timeout_ms": 1000}


@pytest.fixture(scope="module")
def rest():
    with Stack(sipmod=False, conf=SETTINGS) as s:
        yield s


@pytest.fixture
def account(rest):
    return rest.add_account(None, "--sandbox")


@pytest.fixture
def api(rest, account):
    return rest.api_of(*account)


def pay(api, headers=None, **changes):
    return api.call("make_payment", headers=headers, **{**CARD, **changes})


def balance(api):
    lines = api.financial_summary().good()["data"]
    return lines[-1]["balance"] if lines else "0.00"


def payments(api):
    return api.get_payments().good()["data"]


@pytest.mark.parametrize("encoding", ["form", "json", "multipart"])
@pytest.mark.parametrize("prefix", ["/", "/api/did/"])
def test_a_payment_in_each_encoding(api, encoding, prefix):
    reply = pay(api.with_(encoding=encoding, prefix=prefix)).good()
    assert reply["success"] == "Payment added successfully." and reply["referenceno"].startswith("P")
    one, = payments(api)
    assert one == {"accountno": api.accountno, "date": one["date"], "referenceno": reply["referenceno"],
                   "funded_amount": "25.00", "charges": "1.03", "amount": "23.97", "method": "credit card",
                   "status": "1"}
    assert [(x["activity"], x["debit"], x["credit"], x["balance"])
            for x in api.financial_summary().good()["data"]] == [
        ("Credit Card", "0.00", "25.00", "25.00"), ("Credit Card Fee", "1.03", "0.00", "23.97")]


def test_get_is_refused(api):
    assert pay(api, encoding="query").status == 405 and payments(api) == []


@pytest.mark.parametrize("number,detail", [
    ("4000000000000002", "do not honor"), ("4000000000009995", "insufficient funds"),
    ("4000000000000069", "expired card"), ("4111111111111111", "the sandbox takes test cards only")])
def test_declined_cards(api, number, detail):
    reply = pay(api, cardnumber=number).refused("Payment declined")
    assert reply["code"] == "payment_declined" and reply["detail"] == detail
    assert [p["status"] for p in payments(api)] == ["2"] and balance(api) == "0.00"


def test_a_slow_card_holds_up_nobody(rest, api):
    slow = threading.Thread(target=lambda: pay(api, cardnumber="4000000000000119"))
    threads = [slow] + [threading.Thread(target=lambda i=i: pay(api, cardnumber="4000000000000119",
                                                                amount=f"{30 + i}.00")) for i in range(8)]
    for t in threads:
        t.start()
    wait_for(lambda: len(payments(api)) == 9, 3, "nine payments under way")
    begun = time.monotonic()
    for _ in range(10):
        api.availabilitystate().good()
    assert time.monotonic() - begun < 1.5
    for t in threads:
        t.join()
    assert [p["status"] for p in payments(api)] == ["1"] * 9


def test_a_charge_whose_answer_is_lost_is_found(api):
    pay(api, cardnumber="4000000000000341").good()
    assert balance(api) == "23.97"


def test_the_same_submission_is_charged_once(api):
    first = pay(api).good()["referenceno"]
    assert [pay(api).good()["referenceno"] for _ in range(3)] == [first] * 3
    assert len(payments(api)) == 1
    assert pay(api, amount="26.00").good()["referenceno"] != first
    assert pay(api, cardnumber="5555555555554444").good()["referenceno"] != first


def test_submissions_at_once_are_charged_once(api):
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(pay(api, cardnumber="4000000000000119")))
               for _ in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len({r.good()["referenceno"] for r in replies}) == 1 and balance(api) == "23.97"


def test_a_declined_card_may_be_tried_again(api):
    pay(api, cardnumber="4000000000000002").refused()
    pay(api, cardnumber="4000000000000002").refused()
    assert len(payments(api)) == 2


def test_idempotency_keys(api):
    first = pay(api, {"Idempotency-Key": "order 1"}).good()["referenceno"]
    assert pay(api, {"Idempotency-Key": "order 1"}).good()["referenceno"] == first
    assert pay(api, {"Idempotency-Key": "order 2"}).good()["referenceno"] != first
    assert not pay(api, {"Idempotency-Key": "order 1"}, amount="30.00").ok
    assert not pay(api, {"Idempotency-Key": "order 1"}, cardnumber="5555555555554444").ok
    assert len(payments(api)) == 2


def test_an_idempotency_key_keeps_a_decline(api):
    for _ in range(2):
        pay(api, {"Idempotency-Key": "x"}, cardnumber="4000000000000002").refused("Payment declined")
    assert len(payments(api)) == 1


@pytest.mark.parametrize("changes,param", [
    ({"cardnumber": "4242424242424241"}, "cardnumber"), ({"cardnumber": "42424242424"}, "cardnumber"),
    ({"cardnumber": "4242-4242-4242-4242"}, "cardnumber"), ({"cardnumber": "４２４２"}, "cardnumber"),
    ({"cardnumber": "0" * 20}, "cardnumber"), ({"expyear": "2020"}, "expyear"), ({"expyear": "203"}, "expyear"),
    ({"expyear": "20311"}, "expyear"), ({"expmonth": "13"}, "expmonth"), ({"expmonth": "00"}, "expmonth"),
    ({"cvv": "12"}, "cvv"), ({"cvv": "12345"}, "cvv"), ({"cvv": "-12"}, "cvv"), ({"amount": "0"}, "amount"),
    ({"amount": "-5"}, "amount"), ({"amount": "5.001"}, "amount"), ({"amount": "0.50"}, "amount"),
    ({"amount": "10000.01"}, "amount"), ({"amount": "1e3"}, "amount"), ({"amount": "NaN"}, "amount"),
    ({"amount": "99999999999999999999"}, "amount"), ({"firstname": ""}, "firstname"),
    ({"lastname": "x\x00y"}, "lastname"), ({"lastname": "x" * 101}, "lastname"), ({"state": "XX"}, "state"),
    ({"firstname": None}, "firstname"), ({"cardnumber": None}, "cardnumber"), ({"cvv": None}, "cvv"),
    ({"expmonth": None}, "expmonth"), ({"expyear": None}, "expyear")])
@pytest.mark.parametrize("encoding", ["form", "json"])
def test_bad_input(api, changes, param, encoding):
    pay(api, encoding=encoding, **changes).refused(f"Invalid {param}")
    assert payments(api) == []


def test_this_month_is_not_over(api):
    now = time.gmtime()
    pay(api, expmonth=str(now.tm_mon), expyear=str(now.tm_year)[2:]).good()
    if now.tm_mon > 1:
        pay(api, expmonth=str(now.tm_mon - 1), expyear=str(now.tm_year)).refused("Invalid expmonth")


def test_the_top_up(rest, api, account):
    pay(api, amount=None).refused("Invalid amount")
    rest.ctl("account", "set", account[0], "--topup", "40")
    pay(api, amount=None).good()
    assert payments(api)[0]["funded_amount"] == "40.00"
    rest.ctl("account", "set", account[0], "--topup", "0")
    pay(api, amount="").refused("Invalid amount")


def test_live_accounts_need_a_gateway(rest):
    reply = pay(rest.api)
    assert reply.refused("Payment unavailable")["code"] == "payment_unavailable"


def test_filters(rest, api, account):
    ref = pay(api).good()["referenceno"]
    pay(api, cardnumber="4000000000000002")
    rest.ctl("account", "credit", account[0], "5", "--ref", "wire/1 #7".replace(" ", ""))
    rest.ctl("payment", "add", account[0], "200", "--ref", "pp-1", "--method", "Paypal", "--fee", "12")
    assert [p["referenceno"] for p in api.get_payments(referenceno=ref).good()["data"]] == [ref]
    assert api.get_payments(referenceno="P1").good()["data"] == []
    bank, = api.get_payments(method="bank").good()["data"]
    assert (bank["method"], bank["referenceno"], bank["funded_amount"]) == ("bank", "wire/1#7", "5.00")
    paypal, = api.get_payments(method="PAYPAL").good()["data"]
    assert (paypal["funded_amount"], paypal["charges"], paypal["amount"]) == ("200.00", "12.00", "188.00")
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert len(api.get_payments(**{"from": today, "to": today}).good()["data"]) == 4
    assert api.get_payments(to="2020-01-01").good()["data"] == []
    assert api.get_payments(**{"from": "2099-01-01"}).good()["data"] == []
    page = api.get_payments(limit=1, offset=1).good()
    assert page["total"] == "4" and len(page["data"]) == 1
    api.get_payments(method="Cash").refused("Invalid method")
    for year in ("0001-01-01", "9999-12-31"):
        api.get_payments(**{"from": year, "to": year}).good()


def test_another_account_sees_nothing(rest, api):
    ref = pay(api).good()["referenceno"]
    assert rest.api_of(*rest.add_account(None)).get_payments(referenceno=ref).good()["data"] == []


def test_refund_and_cancel(rest, api, account):
    ref = pay(api).good()["referenceno"]
    assert rest.ctl("payment", "refund", account[0], ref, "10")["refunded"] == "10.00"
    wait_for(lambda: rest.redis.client.zcard(f"{{a:{account[0]}}}:paying") == 0, 10, "the refund is sent")
    rest.ctl("payment", "cancel", account[0], ref, "--note", "charge-back")
    shown = [(x["activity"], x["debit"], x["balance"]) for x in api.financial_summary().good()["data"][2:]]
    assert shown == [("Payment Refund", "10.00", "13.97"), ("Payment Cancelled", "15.00", "-1.03")]
    assert payments(api)[0]["status"] == "2"


def everything_in(server):
    """All keys and values of a server as one text."""
    client = redis.Redis(port=server.port)
    read = {b"hash": client.hgetall, b"string": client.get, b"set": client.smembers, b"stream": client.xrange,
            b"zset": lambda k: client.zrange(k, 0, -1, withscores=True), b"list": lambda k: client.lrange(k, 0, -1)}
    return "\n".join(f"{key} {read[client.type(key)](key)}" for key in client.keys("*"))


def test_nothing_of_a_card_is_left(rest, api):
    """After all the tests above, on one trunkd at log level debug."""
    for number in ("4242424242424242", "4000000000000002", "4000000000000341", "4242424242424241"):
        for encoding in ("form", "json", "multipart"):
            pay(api, cardnumber=number, encoding=encoding, cvv="9873")
            pay(api, {"Idempotency-Key": f"{number}{encoding}"[4:]}, cardnumber=number, encoding=encoding, cvv="9873")
    logs = "".join(open(p, encoding="utf-8", errors="replace").read()
                   for p in glob.glob(os.path.join(rest.workdir, "*.log")))
    files = "".join(open(p, encoding="latin-1").read() for p in glob.glob(f"{rest.workdir}/**", recursive=True)
                    if os.path.isfile(p) and not p.endswith(".log"))
    for where, text in (("Redis", everything_in(rest.redis)), ("logs", logs), ("files", files)):
        for secret in ("4242424242424242", "4000000000000002", "4000000000000341", "9873\"", "cvv=9", "O'Neil"):
            assert secret not in text, f"{secret} in {where}"


def test_no_core(rest):
    with open(f"/proc/{rest.trunkd.child.pid}/limits", encoding="ascii") as f:
        line = next(x for x in f if x.startswith("Max core file size"))
    assert line.split()[4:6] == ["0", "0"]


def test_memory_forgets_the_card(rest, api):
    """Of what trunkd itself holds: heap and stacks of the living process, after the reply."""
    number = "4000000000009995"
    for encoding in ("form", "json", "multipart"):
        pay(api, cardnumber=number, encoding=encoding).refused()
    found = []
    pid = rest.trunkd.child.pid
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            span, modes, *rest_of = line.split()
            if not modes.startswith("rw") or (len(rest_of) > 3 and rest_of[3].startswith("/")):
                continue
            begin, end = (int(x, 16) for x in span.split("-"))
            if end - begin > 1 << 31:
                continue
            try:
                mem.seek(begin)
                data = mem.read(end - begin)
            except (OSError, ValueError):
                continue
            if number.encode() in data:
                at = data.index(number.encode())
                found.append((line.strip(), data[max(0, at - 60):at + 40]))
    assert not found, found
