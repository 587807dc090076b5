"""Ledger, invoices, months and signed links."""

import datetime
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from document import REPLY
from harness import Stack

UTC = datetime.timezone.utc
COMPANY = {"company.name": "Northwind Carrier", "company.address": "1 Main St|Seattle, WA 98101",
           "company.email": "billing@northwind.example", "sip.listen": "198.51.100.10:5060"}
ACTIVITIES = ("Test Call Credit", "Bank Transfer", "Bank Fee", "Paypal Transfer", "Paypal Fee", "USF Tax Deduction",
              "Payment Cancelled", "Payment Refund", "Call Charges", "Order (New DIDs)", "Order (LNP)", "Credit Card",
              "Credit Card Fee")


@pytest.fixture(scope="module")
def rest():
    with Stack(sipmod=False, conf=COMPANY) as s:
        yield s


@pytest.fixture
def account(rest):
    return rest.add_account(None)


@pytest.fixture
def api(rest, account):
    return rest.api_of(*account)


def key(account, *parts):
    return ":".join([f"{{a:{account[0]}}}", *parts])


def ms(*when):
    return int(datetime.datetime(*when, tzinfo=UTC).timestamp() * 1000)


def last_month():
    """First ms of the month that is over, its name, and the first ms after it."""
    first = datetime.datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    before = (first - datetime.timedelta(days=1)).replace(day=1)
    return int(before.timestamp() * 1000), before.strftime("%Y-%m"), int(first.timestamp() * 1000)


def fetch(url, method="GET", **headers):
    request = urllib.request.Request(url, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


# --- financial_summary ----------------------------------------------------------


@pytest.fixture(scope="module")
def booked(rest):
    """An account with a line of each activity."""
    account = rest.add_account(None)
    for i, activity in enumerate(ACTIVITIES):
        rest.redis.fcall("account_book", key(account), (-1) ** i * 10000 * (i + 1), activity, f"r{i}", "", "")
    return rest.api_of(*account)


@pytest.mark.parametrize("encoding", ["form", "json", "multipart", "query"])
def test_every_activity_with_a_running_balance(booked, encoding):
    data = booked.with_(encoding=encoding).financial_summary().good()["data"]
    assert [x["activity"] for x in data] == list(ACTIVITIES)
    balance = 0
    for line in data:
        assert list(line) == REPLY["financial_summary"]["data"].split()
        balance += float(line["credit"]) - float(line["debit"])
        assert float(line["balance"]) == balance and "0.00" in (line["debit"], line["credit"])


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_filter_by_activity_in_any_case(booked, activity):
    for text in (activity, activity.upper(), activity.lower()):
        assert [x["activity"] for x in booked.financial_summary(activitytype=text).good()["data"]] == [activity]


def test_all_activity(booked):
    for text in ("All Activity", "all activity", "", None):
        assert len(booked.financial_summary(activitytype=text).good()["data"]) == len(ACTIVITIES)
    booked.financial_summary(activitytype="Fees").refused("Invalid activitytype")


def test_pages_of_the_ledger(rest, booked, api, account):
    page = booked.financial_summary(limit=2, offset=3).good()
    assert page["total"] == "13" and [x["activity"] for x in page["data"]] == list(ACTIVITIES[3:5])
    assert booked.financial_summary(offset=100).good()["data"] == []
    for i in range(2500):
        rest.redis.fcall("account_book", key(account), 1, "Call Charges", f"r{i}", "", "")
    assert len(api.financial_summary().good()["data"]) == 2500
    page = api.financial_summary(limit=10, offset=2495, activitytype="call charges").good()
    assert page["total"] == "2500" and len(page["data"]) == 5


def test_nothing_yet(api):
    for endpoint in ("financial_summary", "get_payments", "get_invoices"):
        assert api.call(endpoint).good()["data"] == []
    for endpoint in ("monthly_summary", "monthly_summary_termination"):
        assert api.call(endpoint, year=2026).good()["data"] == []


# --- months -----------------------------------------------------------------------


def test_months_of_numbers_and_trunks(rest):
    trunk = rest.define_trunk(("127.0.0.3", 5060))
    one, two = rest.order(trunk, count=2)
    out = rest.api.defineTrunk_termination(title="t", ipaddress="127.0.8.8", ports=5).good()["tg_id"]
    sums = {"processed": 8, "completed": 5, "ms": 151000, "billed": 180, "amount": 1, "peak": 3}
    for name in (f"did:{one}:2025-02", f"did:{two}:2025-11", f"did:{one}:2024-12", f"tg:{out}:2025-03",
                 "tg:99:2025-03"):
        rest.redis.client.hset(key([rest.account], "st", name), mapping=sums)
    shown = {"processed": "8", "completed": "5", "acd": "30.2", "asr": "63%", "mou": "3", "peak": "3"}
    rows = rest.api.monthly_summary(year=2025).good()["data"]
    assert rows == [{"accountno": rest.account, "number": one, "month": "2025-02-1", **shown},
                    {"accountno": rest.account, "number": two, "month": "2025-11-1", **shown}]
    assert list(rows[0]) == REPLY["monthly_summary"]["data"].split()
    assert rest.api.monthly_summary(year="2025", month="02").good()["data"] == rows[:1]
    assert rest.api.monthly_summary(year=2025, month=3).good()["data"] == []
    assert rest.api.monthly_summary(year=2025, limit=1, offset=1).good()["data"] == rows[1:]
    assert rest.api.monthly_summary_termination(year=2025).good()["data"] == [
        {"accountno": rest.account, "number": out, "month": "2025-03-1", **shown}]
    rest.api.monthly_summary(year="15").refused("Invalid year")
    rest.api.monthly_summary(year=2025, month=13).refused("Invalid month")
    rest.api.monthly_summary_termination().refused("Invalid year")


# --- invoices -----------------------------------------------------------------------


def cdr(call, direction, at, amount):
    """Fields in the order of KEYS.md."""
    return {"call": call, "direction": direction, "tg": "1", "number": "2062190001", "from": "12065550100",
            "to": "2062190001", "upstream": "up", "source": "", "target": "", "callid": "=1+1", "invite_ms": at - 61000,
            "ring_ms": 0, "answer_ms": at - 60000, "end_ms": at, "ms": 60000, "billed": 60, "rate": amount,
            "amount": amount, "code": 200, "reason": 'answered, "so"', "by": "caller", "attempts": "", "pdd_ms": 0,
            "node": "n", "estimated": 0}


def add_month(rest, account, calls):
    """A month of an account, written where the functions would have put it. Returns what calls cost."""
    start, month, end = last_month()
    client = rest.redis.client
    client.hset(key(account), mapping={"created": start - 86400000 * 40})
    lines = [(start - 1000, "Bank Transfer", 5000000, "wire:1", ""), (start, "Order (New DIDs)", -20000, f"fee:{month}",
                                                                        f"Monthly fee {month}, 2 numbers"),
             (start, "USF Tax Deduction", -1650, f"tax:{month}", ""),
             (start + 5000, "Credit Card", 250000, "payment:P1", ""),
             (start + 5000, "Credit Card Fee", -7300, "payment:P1:fee", ""),
             (end, "Bank Transfer", 70000, "wire:2", "")]
    total = 0
    step = (end - start - 1) // max(calls, 1)
    for i in range(calls):
        at, amount = start + i * step, 85 * (i % 7 + 1)
        total += amount
        lines += [(at, "Call Charges", -amount, f"call:c{i}", ""), (at, "USF Tax Deduction", -1, f"tax:c{i}", "")]
        client.xadd(key(account, "cdr"), cdr(f"c{i}", "in" if i % 2 else "out", at, amount), id=f"{at}-{i}")
    balance = 0
    client.delete(key(account, "ledger"))
    for n, (at, activity, amount, ref, note) in enumerate(sorted(lines)):
        balance += amount
        client.xadd(key(account, "ledger"), {"activity": activity, "amount": amount, "balance": balance, "ref": ref,
                                             "note": note}, id=f"{at}-{n}")
    client.hset(key(account), "balance", balance)
    return total


def make_invoice(rest, account):
    return rest.ctl("invoice", "make", account[0], last_month()[1])


def text_of(data, tmp_path):
    (tmp_path / "invoice.pdf").write_bytes(data)
    return subprocess.run(["pdftotext", "-layout", tmp_path / "invoice.pdf", "-"], capture_output=True, text=True,
                          check=True).stdout


@pytest.fixture
def still():
    """A Stack whose job does not archive: the calls above are no real ones."""
    with Stack(sipmod=False, conf={**COMPANY, "files.cdr_hours": 87600}) as s:
        yield s


@pytest.mark.parametrize("calls", [0, 3, 2000])
def test_an_invoice_says_what_the_ledger_says(still, tmp_path, calls):
    account = still.add_account(None)
    still.ctl("account", "set", account[0], "--name", "Cascade Voice & Données")
    api = still.api_of(*account)
    cost = add_month(still, account, calls)
    made = make_invoice(still, account)
    spent = 20000 + 1650 + 7300 + cost + calls
    row, = api.get_invoices().good()["data"]
    assert row["date"] == datetime.datetime.fromtimestamp(last_month()[2] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    status, headers, data = fetch(row["file"])
    assert status == 200 and headers["Content-Type"] == "application/pdf" and data.startswith(b"%PDF")
    text = text_of(data, tmp_path)
    flat = re.sub(r"\s+", " ", text)
    assert "Cascade Voice & Données" in flat and "Northwind Carrier" in flat and f"Account {account[0]}" in flat
    assert "Amount due" in flat and "$0.00" in flat
    assert f"${(5000000 + 250000 - spent) / 10000:.4f}" in flat
    assert "Calls by trunk group" not in flat and "Payment P1" in flat
    if calls:
        assert f"Call Charges {calls} {cost / 10000:.4f}" in flat
        assert flat.count("12065550100") == calls and f"Total {cost / 10000:,.4f}" in flat
        assert "Calls without a record" not in flat
    pages = int(re.search(r"Page 1 of (\d+)", text)[1])
    assert made["pages"] == pages == text.count("Page ") - text.count("Page total") and pages >= calls // 50
    make_invoice(still, account)
    assert fetch(api.get_invoices().good()["data"][0]["file"])[2] == data


def test_calls_of_archived_days_are_on_it(still, tmp_path):
    """From the files of call records, as much as from Redis."""
    account = still.add_account(None)
    cost = add_month(still, account, 40)
    make_invoice(still, account)
    whole = text_of(fetch(still.api_of(*account).get_invoices().good()["data"][0]["file"])[2], tmp_path)
    archived = f"{still.files}/cdr/{account[0]}"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and len(set(re.findall(r"^c\d+,", all_text(archived), re.MULTILINE))) < 40:
        time.sleep(0.2)
    assert len(set(re.findall(r"^c\d+,", all_text(archived), re.MULTILINE))) == 40
    still.redis.client.delete(key(account, "cdr"))
    make_invoice(still, account)
    again = text_of(fetch(still.api_of(*account).get_invoices().good()["data"][0]["file"])[2], tmp_path)
    assert again == whole and f"{cost / 10000:.4f}" in again


def all_text(folder):
    return subprocess.run(f"cat {folder}/*.csv", shell=True, capture_output=True, text=True, check=False).stdout


def test_calls_that_no_record_is_left_of_are_said(still, tmp_path):
    account = still.add_account(None)
    cost = add_month(still, account, 5)
    still.redis.client.delete(key(account, "cdr"))
    make_invoice(still, account)
    text = text_of(fetch(still.api_of(*account).get_invoices().good()["data"][0]["file"])[2], tmp_path)
    assert f"Calls without a record here: ${cost / 10000:.4f}" in text or "12065550100" in text


def test_an_invoice_that_is_to_be_paid(still, tmp_path):
    account = still.add_account(None)
    add_month(still, account, 0)
    ledger = still.redis.client.xrange(key(account, "ledger"))
    still.redis.client.delete(key(account, "ledger"))
    for i, (name, line) in enumerate(ledger[1:]):
        line["balance"] = sum(int(x["amount"]) for _, x in ledger[1:i + 2]) - 1000000
        still.redis.client.xadd(key(account, "ledger"), line, id=name)
    make_invoice(still, account)
    text = text_of(fetch(still.api_of(*account).get_invoices().good()["data"][0]["file"])[2], tmp_path)
    assert "Please pay on receipt" in text and f"${(1000000 + 20000 + 1650 + 7300 - 250000) / 10000:.2f}" in text


def test_the_job_makes_the_invoice_of_the_month_past(rest, account, api):
    rest.redis.client.hset(key(account), "created", last_month()[0])
    restarted = rest.add_trunkd()  # its jobs run at once, or in a minute
    deadline = time.monotonic() + 75
    while time.monotonic() < deadline and not api.get_invoices().good()["data"]:
        time.sleep(0.5)
    assert len(api.get_invoices().good()["data"]) == 1
    assert restarted.child.poll() is None


def test_months_without_an_invoice(rest, account):
    for month, why in ((time.strftime("%Y-%m", time.gmtime()), "not over"), ("2099-01", "not over"),
                       ("2026-1", "YYYY-MM"), ("2026-13", "YYYY-MM"), ("x", "YYYY-MM"), ("../../x", "YYYY-MM")):
        with pytest.raises(AssertionError, match=why):
            rest.ctl("invoice", "make", account[0], month)
    with pytest.raises(AssertionError, match="ACCT"):
        rest.ctl("invoice", "make", "7654321", "2020-01")


def test_invoices_by_date(rest, account, api):
    for month in ("2025-11", "2025-12", "2026-01"):
        rest.redis.fcall("invoice_put", key(account), month, f"invoices/{month}.pdf", 0, 0, 0)
    dates = [r["date"] for r in api.get_invoices().good()["data"]]
    assert dates == ["2025-12-01 00:00:00", "2026-01-01 00:00:00", "2026-02-01 00:00:00"]
    new_year = {"from": "2026-01-01", "to": "2026-01-01"}
    assert [r["date"] for r in api.get_invoices(**new_year).good()["data"]] == dates[1:2]
    page = api.get_invoices(limit=1, offset=2).good()
    assert page["total"] == "3" and [r["date"] for r in page["data"]] == dates[2:]
    api.get_invoices(to="01/02/2026").refused("Invalid to")


# --- links ----------------------------------------------------------------------------


@pytest.fixture
def link(still):
    account = still.add_account(None)
    add_month(still, account, 30)
    make_invoice(still, account)
    return still.api_of(*account).get_invoices().good()["data"][0]["file"]


def test_ranges(link):
    whole = fetch(link)[2]
    n = len(whole)
    for text, part in (("bytes=0-99", whole[:100]), ("bytes=100-", whole[100:]), ("bytes=-50", whole[-50:]),
                       (f"bytes=0-{n + 5}", whole), (f"bytes=-{n + 5}", whole)):
        status, headers, body = fetch(link, Range=text)
        assert (status, body) == (206, part), text
        assert headers["Content-Range"].endswith(f"/{n}") and int(headers["Content-Length"]) == len(part)
    for text in ("bytes=5-2", "bytes=0-1,3-4", "bytes=x-", "lines=0-1", "bytes=-", "bytes=0--1"):
        assert fetch(link, Range=text)[::2] == (200, whole), text
    for text in (f"bytes={n}-", "bytes=-0", f"bytes={n + 10}-{n + 20}"):
        status, headers, _ = fetch(link, Range=text)
        assert status == 416 and headers["Content-Range"] == f"bytes */{n}", text


def test_if_range_and_head(link):
    status, headers, whole = fetch(link)
    etag = headers["ETag"]
    assert status == 200 and headers["Accept-Ranges"] == "bytes" and headers["X-Content-Type-Options"] == "nosniff"
    assert fetch(link, Range="bytes=0-3", If_Range=etag)[0] == 206
    assert fetch(link, Range="bytes=0-3", If_Range='"other"')[::2] == (200, whole)
    status, headers, body = fetch(link, "HEAD")
    assert (status, body, int(headers["Content-Length"])) == (200, b"", len(whole))
    assert fetch(link, "POST")[0] == 405


def test_guessed_edited_and_late_links(still, link):
    parts = urllib.parse.urlsplit(link)
    query = dict(urllib.parse.parse_qsl(parts.query))
    base = f"{parts.scheme}://{parts.netloc}"
    signature = query["signature"]
    bad = [f"{base}{parts.path}", f"{base}{parts.path}?", f"{link}x", link[:-1],
           link.replace(signature, signature[::-1]), link.replace(signature, signature.upper()),
           link.replace("expires=", "expires=9"), link.replace("/downloads/", "/uploads/"),
           link.replace("invoice-", "invoice_"), f"{link}&expires=99999999999", f"{base}/downloads/../etc/passwd",
           f"{base}/downloads/%2e%2e/x?{parts.query}", f"{base}/downloads/cdr/x?{parts.query}",
           f"{base}/ajax/settings_pdf/127.0.0.1?account={still.account}&tg_id=1&expires=99999999999"
           f"&signature={signature}"]
    bodies = set()
    for url in bad:
        status, _, body = fetch(url)
        assert status == 404, url
        bodies.add(re.sub(rb'"request_id":"\w+"', b"", body))
    assert len(bodies) == 1  # nobody learns which part was wrong
    late = still.redis.client.hget("schema", "secret")
    assert late and signature not in still.trunkd.log() and late not in still.trunkd.log()


def test_a_link_runs_out(still):
    with Stack(sipmod=False, conf={"files.link_hours": 1}) as s:
        s.api.defineTrunk_termination(title="t", ipaddress="127.0.8.8", ports=5).good()
        link = s.api.get_trunk_termination().good()["data"][0]["config"]
        expires = int(re.search(r"expires=(\d+)", link)[1])
        assert 3500 < expires - time.time() <= 3600 and fetch(link)[0] == 200


# --- the settings sheet -----------------------------------------------------------------


def test_the_settings_sheet(rest, tmp_path):
    tg = rest.api.defineTrunk_termination(title="Dialer <b>", ipaddress="127.0.7.7", ports=12, cps=4).good()["tg_id"]
    row, = rest.api.get_trunk_termination(tg_id=tg).good()["data"]
    assert "/ajax/settings_pdf/127.0.7.7?" in row["config"]
    status, headers, data = fetch(row["config"])
    assert status == 200 and headers["Content-Type"] == "application/pdf"
    text = re.sub(r"\s+", " ", text_of(data, tmp_path))
    for wanted in ("Trunk settings", "198.51.100.10:5060 (UDP or TCP)", "127.0.7.7", "Dialer <b>", "Calls at once 12",
                   "Calls a second 4", "PCMU", "RFC 4733", "No prefix is needed", "billing@northwind.example",
                   "Page 1 of 1"):
        assert wanted in text, wanted
    assert fetch(row["config"])[2] == data and "asked for" not in text
    more = rest.api.defineTrunk_termination(title="More", ipaddress="127.0.7.8", ports=500).good()["tg_id"]
    row_of_more, = rest.api.get_trunk_termination(tg_id=more).good()["data"]
    text = re.sub(r"\s+", " ", text_of(fetch(row_of_more["config"])[2], tmp_path))
    assert "Calls at once 0 (500 asked for, not granted yet)" in text
    rest.api.disable_trunk_termination(tg_id=tg).good()
    assert "This trunk is disabled" in text_of(fetch(row["config"])[2], tmp_path)
