"""payment, fee and invoice verbs."""

import pytest

from ctl_client import USAGE


@pytest.fixture
def key(account):
    return f"{{a:{account}}}"


def test_payments(ctl, account, server):
    added = ctl("payment", "add", account, "200", "--ref", "pp:1", "--method", "Paypal", "--fee", "12", "--note", "n")
    assert (added["referenceno"], added["funded"], added["charges"]) == ("pp:1", "200.00", "12.00")
    assert "--ref" in ctl.fails("payment", "add", account, "200", "--ref", "pp:1")
    assert ctl("payment", "refund", account, "pp:1", "50")["refunded"] == "50.00"
    assert "AMOUNT" in ctl.fails("payment", "refund", account, "pp:1", "151")
    assert ctl("payment", "cancel", account, "pp:1")["step"] == "cancelled"
    assert "REF" in ctl.fails("payment", "cancel", account, "pp:1")
    assert "REF" in ctl.fails("payment", "refund", account, "none")
    assert [p["referenceno"] for p in ctl("payment", "list", account)] == ["pp:1"]
    assert server.client.hget(f"{{a:{account}}}", "balance") == "-120000"


def test_credit_by_transfer_is_a_payment(ctl, account):
    for _ in range(2):
        ctl("account", "credit", account, "5", "--ref", "wire")
    ctl("account", "credit", account, "7", "--activity", "Test Call Credit")
    ctl("account", "credit", account, "-1", "--activity", "Bank Transfer")
    assert [(p["method"], p["funded"]) for p in ctl("payment", "list", account)] == [("Bank", "5.00")]


def test_bad_payments(ctl, account):
    assert "--method" in ctl.fails("payment", "add", account, "1", "--ref", "x", "--method", "Cash", code=USAGE)
    assert "ACCT" in ctl.fails("payment", "list", "7654321")
    assert "ACCT" in ctl.fails("payment", "add", "7654321", "1", "--ref", "x")
    assert "--ref" in ctl.fails("payment", "add", account, "1", code=USAGE)


def test_fees_are_booked_once(ctl, account, server, key):
    server.client.hset(f"{key}:order:9", mapping={"order_type": "New", "monthly": 12500, "since": 1000})
    server.client.hset(f"{key}:numbers", mapping={"2062190001": "1|1|9|WA|", "2062190002": "1|2|9|WA|"})
    first, = ctl("fee", "run")
    assert (first["accountno"], first["numbers"], first["amount"], first["balance"]) == (account, 1, "1.25", "-1.25")
    assert ctl("fee", "run") == [] and ctl("fee", "run", account) == []
    assert "ACCT" in ctl.fails("fee", "run", "7654321")
    ctl("account", "set", account, "--status", 0)
    assert ctl("fee", "run") == [] and "closed" in ctl.fails("fee", "run", account)


def test_top_up_and_bill_day(ctl, account, server, key):
    ctl("account", "set", account, "--topup", "25", "--bill-day", 15)
    assert server.client.hmget(key, "topup", "bill_day") == ["250000", "15"]
    ctl.fails("account", "set", account, "--bill-day", 29, code=USAGE)


def test_invoices(ctl, account, server, key, tmp_path):
    server.client.hset(key, "created", 1600000000000)
    made = ctl("-o", f"files.dir={tmp_path}", "invoice", "make", account, "2026-01")
    assert made["file"] == f"invoices/{account}/invoice-{account}-2026-01.pdf" and made["pages"] == 1
    assert (tmp_path / made["file"]).read_bytes().startswith(b"%PDF-")
    assert [p.name for p in (tmp_path / "invoices" / account).iterdir()] == [f"invoice-{account}-2026-01.pdf"]
    assert [(r["month"], r["date"]) for r in ctl("invoice", "list", account)] == [("2026-01", "2026-02-01 00:00:00")]
    assert "MONTH" in ctl.fails("invoice", "make", account, "2099-01")
    assert "MONTH" in ctl.fails("invoice", "make", account, "2026-1", code=USAGE)
    assert "files.dir" in ctl.fails("-o", "files.dir=/dev/null/x", "invoice", "make", account, "2026-01")
