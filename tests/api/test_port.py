"""check_lnp, generate_lnp_order, get_lnp_orders, and the switch at the FOC time."""

import datetime
import itertools
import os
import re
import time

import pytest

from document import check_reply
from harness import wait_for
from port_client import NOWHERE, PDF, PORTLAND, RENTON, TOLLFREE, ZIP, documents, load_coverage, order_of, port, set_foc

MB = 1 << 20
LIMIT = 10 * MB


@pytest.fixture(scope="module")
def api(rest):
    load_coverage(rest)
    rest.ctl("account", "set", rest.account, "--did-monthly", "1.25", "--did-setup", "0.50", "--per-order", "2",
             "--tfn-monthly", "3", "--tax-percent", "10", "--discount-percent", "20", "--other", "0.10")
    rest.ctl("account", "credit", rest.account, "5000")
    rest.trunk = rest.define_trunk(("127.0.0.3", 5060), title="first")
    return rest.api


@pytest.fixture
def fresh(counter=itertools.count(1)):
    """Numbers that nobody has asked for."""
    return lambda count=1: [PORTLAND[next(counter)] for _ in range(count)]


def balance(rest):
    return int(rest.redis.client.hget(f"{{a:{rest.account}}}", "balance"))


def business_day(after, least=1):
    """The first Monday to Friday, no holiday for sure, so many days after a moment."""
    day = after + datetime.timedelta(days=least)
    while day.weekday() > 4 or (day.month, day.day) in ((12, 24), (12, 25), (12, 31), (1, 1)):
        day += datetime.timedelta(days=1)
    return day


# --- check_lnp ------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["form", "json", "multipart", "query"])
def test_check(rest, api, fresh, encoding):
    number, = fresh()
    reply = api.call("check_lnp", encoding=encoding,
                     numbers=f"1{number}, {RENTON},{TOLLFREE},{NOWHERE},4252700001,+1{number}").good()
    assert reply["accepted"] == [number, RENTON, TOLLFREE]
    assert reply["rejected"] == [NOWHERE, "4252700001"]
    assert {r["number"]: r["reason"] for r in reply["reasons"]} == {
        NOWHERE: "not in our port-in coverage", "4252700001": "in our own inventory"}


def test_a_number_in_service_can_not_come_in(rest, api):
    owned, = rest.order(rest.trunk)
    reply = api.check_lnp(numbers=owned).good()
    assert reply["rejected"] == [owned] and reply["reasons"][0]["reason"] == "in service here"


def test_check_of_many(api):
    reply = api.check_lnp(numbers=",".join(PORTLAND[-1000:])).good()
    assert len(reply["accepted"]) == 1000


# --- generate_lnp_order -----------------------------------------------------------------------


def test_order(rest, api, fresh):
    numbers, before = fresh(2), balance(rest)
    made = port(api, ",".join("1" + n for n in numbers) + "," + NOWHERE, wirelessAccountNumber="77", wirelessPin="0042",
                addressZip="07230").good()
    check_reply("generate_lnp_order", made)
    assert made["success"] == "Order Generated Successfully."
    assert (made["acceptedTns"], made["rejectedTns"]) == (numbers, [NOWHERE])
    assert (made["orderType"], made["didCategory"], made["didType"], made["tg_id"], made["orderStatus"],
            made["sessions"], made["processingStatus"]) == \
        ("Portin", "Landline", "Metered", rest.trunk, "1", "0", "DRAFT")
    cost = 2 * 1.75
    amount = cost + 2 + 0.35 + 0.10 - 0.70
    assert [made[k] for k in ("amount", "per_order_cost", "taxes", "other_charges", "discount")] == \
        [f"{amount:.2f}", "2.00", "0.35", "0.10", "0.70"]
    assert before - balance(rest) == round(amount * 10000)
    line = rest.redis.table("ledger_list", f"{{a:{rest.account}}}")[-1]
    assert (line["activity"], line["ref"]) == ("Order (LNP)", f"port:{made['orderNo']}")
    assert api.get_new_orders(orderId=made["orderNo"]).good()["Orders"] == []


def test_listed(rest, api, fresh):
    numbers = fresh(2)
    details = {"subscriberFirstName": "Sunny", "subscriberLastName": "Summertime", "addressHouseNumber": "400",
               "addressStreetName": "Green Road", "addressStreetSuffix": "Dr", "addressCity": "Portland",
               "addressStateCode": "OR", "addressZip": "07230", "losingCarrierName": "Bandwidth "}
    made = port(api, ",".join(numbers), billingNumber="14252707174", **details).good()
    order = order_of(api, made["orderNo"])
    check_reply("get_lnp_orders", api.get_lnp_orders(orderId=made["orderNo"]))
    assert order["immediately"] is False and order["triggered"] is False
    assert {k: order[k] for k in details} == {**details, "losingCarrierName": "Bandwidth"}
    assert (order["billingNumber"], order["loaAuthorizingPerson"], order["subscriberType"]) == \
        ("+14252707174", "Sunny Summertime", "residential")
    assert (order["orderno"], order["accountno"], order["numbers"], order["status"], order["orderType"]) == \
        (made["orderNo"], rest.account, numbers, "1", "Portin")
    assert (order["requestedFocDate"], order["actualFocDate"], order["processingStatus"], order["lastModifiedBy"]) == \
        (made["requestedFocDate"], "", "DRAFT", "Customer")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", order["lastModifiedDate"])
    assert "wirelessPin" not in order
    listed = api.get_lnp_orders().good()["Orders"]
    assert [o["orderno"] for o in listed] == sorted((o["orderno"] for o in listed), key=int)
    page = api.get_lnp_orders(limit="1", offset="1").good()
    assert page["total"] == str(len(listed)) and page["Orders"][0]["orderno"] == listed[1]["orderno"]


def test_billing_number_is_the_first(api, fresh):
    numbers = fresh(2)
    made = port(api, f"{NOWHERE},{numbers[1]},{numbers[0]}").good()
    assert order_of(api, made["orderNo"])["billingNumber"] == "+1" + numbers[1]


def test_unknown_order(api):
    assert api.get_lnp_orders(orderId="99").good()["Orders"] == []


def test_orders_of_others_stay_theirs(rest, api, other, fresh):
    number, = fresh()
    made = port(api, number).good()
    assert other.get_lnp_orders(orderId=made["orderNo"]).good()["Orders"] == []
    assert other.check_lnp(numbers=number).good()["reasons"][0]["reason"] == "on an open port order"
    other.getnumbers(orderno=made["orderNo"]).refused("Invalid orderno")
    assert api.getnumbers(orderno=made["orderNo"]).good()["data"] == []


def test_a_number_is_on_one_order(rest, api, fresh):
    one, two = fresh(2)
    port(api, one).good()
    assert port(api, f"{one},{two}").good()["acceptedTns"] == [two]
    refused = port(api, one).refused("Invalid numbers")
    assert "on an open port order" in refused["detail"]


@pytest.mark.parametrize("category, numbers, accepted", [
    ("landline", f"{PORTLAND[9001]},{TOLLFREE}", [PORTLAND[9001]]),
    ("tollfree", f"{PORTLAND[9002]},8664440002", ["8664440002"])])
def test_only_numbers_of_the_category(api, category, numbers, accepted):
    assert port(api, numbers, category=category).good()["acceptedTns"] == accepted


def test_tollfree_goes_by_resporg(rest, api):
    made = port(api, "8664440003", category="TollFree", respOrgId="ATX01").good()
    assert made["didCategory"] == "TollFree" and order_of(api, made["orderNo"])["respOrgId"] == "ATX01"
    port(api, "8664440004", category="tollfree", respOrgId="12345").refused("Invalid respOrgId")
    port(api, PORTLAND[9003], respOrgId="ATX01").refused("Invalid respOrgId")
    port(api, "8774440004", category="tollfree").refused("Invalid numbers")
    without = port(api, "8664440005", category="tollfree").good()["orderNo"]
    with pytest.raises(AssertionError, match="RespOrg"):
        rest.ctl("port", "submit", rest.account, without)
    rest.ctl("port", "submit", rest.account, without, "--resporg", "QZX14")


def test_insufficient_balance_is_refused_whole(rest, fresh):
    number, = fresh()
    account, token = rest.add_account("1", "--did-monthly", "1.01")
    poor, kept = rest.api_of(account, token), documents(rest)
    rest.define_trunk(("127.0.0.3", 5060), api=poor)
    port(poor, number).refused("Insufficient balance")
    assert documents(rest) == kept
    assert rest.redis.client.exists(f"port:{number}") == 0
    assert poor.get_lnp_orders().good()["Orders"] == []
    rest.ctl("account", "credit", account, "0.01")
    port(poor, number).good()


def test_trunk(rest, api, fresh):
    numbers = fresh(3)
    second = rest.define_trunk(("127.0.0.3", 5060), title="second", billingType="Unmetered", sessions="7")
    made = port(api, numbers[0], trunkId=second).good()
    assert (made["tg_id"], made["didType"], made["sessions"]) == (second, "Unmetered", "7")
    port(api, numbers[1], tg_id="98765").refused("Invalid tg_id")
    port(rest.api_of(*rest.add_account()), numbers[2]).refused("Invalid tg_id")


# --- FOC --------------------------------------------------------------------------------------


def test_the_earliest_foc(rest, api, fresh):
    wanted = datetime.datetime.fromisoformat(port(api, fresh()[0]).good()["requestedFocDate"])
    now = datetime.datetime.utcnow()
    assert wanted.weekday() < 5 and (wanted.hour, wanted.minute) in ((15, 30), (16, 30))
    assert datetime.timedelta(days=3) < wanted - now < datetime.timedelta(days=14)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])
def test_wanted_foc(api, fresh, form):
    day = business_day(datetime.datetime.utcnow().replace(hour=17, minute=0, second=0), 15)
    made = port(api, fresh()[0], requestedFocDate=day.strftime(form)).good()
    hour = made["requestedFocDate"][11:]
    assert made["requestedFocDate"][:10] == day.strftime("%Y-%m-%d")
    assert hour == "17:00:00" if "H" in form else hour in ("15:30:00", "16:30:00")


@pytest.mark.parametrize("days, detail", [
    (0, "earlier"), (1, "earlier"), (-3, "earlier"), (45, "later"), (400, "later")])
def test_foc_out_of_reach(api, fresh, days, detail):
    day = business_day(datetime.datetime.utcnow(), days)
    refused = port(api, fresh()[0], requestedFocDate=day.strftime("%Y-%m-%d 17:00:00"))
    assert detail in refused.refused("Invalid requestedFocDate")["detail"]


def test_no_foc_at_weekends(api, fresh):
    day = datetime.datetime.utcnow() + datetime.timedelta(days=15)
    day += datetime.timedelta(days=5 - day.weekday())
    refused = port(api, fresh()[0], requestedFocDate=day.strftime("%Y-%m-%d 17:00:00"))
    assert "weekend" in refused.refused("Invalid requestedFocDate")["detail"]


# --- documents ----------------------------------------------------------------------------------


@pytest.mark.parametrize("content, ending", [
    (b"%PDF-1.7\n", ".pdf"), (b"II*\0\x08", ".tif"), (b"MM\0*\0", ".tif"), (b"\x89PNG\r\n\x1a\nIHDR", ".png"),
    (b"\xff\xd8\xff\xe0JFIF", ".jpg"), (b"PK\x03\x04a", ".zip")])
def test_documents_are_told_by_their_bytes(rest, api, fresh, content, ending):
    before = set(documents(rest))
    port(api, fresh()[0], loa_doc=("x.html", "text/html", content)).good()
    mine = {n: c for n, c in documents(rest).items() if n not in before}
    assert sorted(mine.values()) == sorted([content, ZIP[2]])
    name, = [n for n, c in mine.items() if c == content]
    assert re.fullmatch(r"portin/[0-9a-f]{32}\.\w+", name) and name.endswith(ending)


@pytest.mark.parametrize("name", ["../../../../tmp/evil.pdf", "/etc/cron.d/x", "a\\..\\b.pdf", "x.php", ".htaccess", "",
                                  "a" * 300 + ".pdf", "\u202egpj.exe"])
def test_the_clients_file_name_is_nothing(rest, api, fresh, name):
    before = set(documents(rest))
    port(api, fresh()[0], loa_doc=(name, "application/pdf", PDF[2])).good()
    made = set(documents(rest)) - before
    assert len(made) == 2 and all(re.fullmatch(r"portin/[0-9a-f]{32}\.(pdf|zip)", n) for n in made)


@pytest.mark.parametrize("content, detail", [
    (b"", "required"), (b"<html><script>", "expected a PDF"), (b"GIF89a", "expected"), (b"%PDF-", "expected"),
    (b" %PDF-1.4", "expected"), (b"PK\x05\x06" + b"\0" * 18, "expected"), (b"MZ\x90\0", "expected"),
    (b"%PDF-1.4" + b"x" * LIMIT, "over 10 MB")])
@pytest.mark.parametrize("param", ["loa_doc", "carrier_doc"])
def test_bad_documents(rest, api, fresh, param, content, detail):
    number, = fresh()
    before, kept = balance(rest), documents(rest)
    refused = port(api, number, **{param: ("a.pdf", "application/pdf", content)}).refused(f"Invalid {param}")
    assert detail in refused["detail"]
    assert balance(rest) == before and documents(rest) == kept
    assert api.check_lnp(numbers=number).good()["accepted"] == [number]


def test_largest_documents(rest, api, fresh):
    big = b"%PDF-1.4" + b"x" * (LIMIT - 8)
    made = port(api, fresh()[0], loa_doc=("a.pdf", "", big), carrier_doc=("b.pdf", "", big)).good()
    link = order_of(api, made["orderNo"])["loa"]
    assert len(api.raw("GET", link[len(api.url):]).text) == LIMIT


def test_no_files_as_text(api, fresh):
    for encoding in ("form", "json"):
        api.call("generate_lnp_order", encoding=encoding, numbers=fresh()[0], category="landline",
                 subscriberType="business", loaAuthorizingPerson="A B", loa_doc="%PDF-1.4 x",
                 carrier_doc="%PDF-1.4 x").refused("Invalid loa_doc")


def test_a_large_body_is_for_documents_alone(rest, api):
    reply = api.call("check_lnp", encoding="multipart", numbers=NOWHERE, x=("a", "", b"%PDF-" + b"x" * 2 * MB))
    assert reply.status == 413 and reply["code"] == "body_too_large"


def test_documents_by_their_links(rest, api, fresh):
    order = order_of(api, port(api, fresh()[0]).good()["orderNo"])
    for key, content in (("loa", PDF[2]), ("carrier_doc", ZIP[2])):
        link = order[key]
        assert link.startswith(f"{rest.trunkd.url}/uploads/portin/")
        path = link[len(rest.trunkd.url):]
        fetched = api.raw("GET", path)
        assert fetched.status == 200 and fetched.text.encode() == content
        assert api.raw("GET", path[:-1] + ("0" if path[-1] != "0" else "1")).status == 404
        assert api.raw("GET", path.split("?")[0]).status == 404


@pytest.mark.parametrize("text", ["Zoë 山田", "é" * 100, "=cmd|' /C calc'!A0", "'; DROP TABLE--", "${jndi:x}", "🙂" * 100])
def test_any_name_is_kept(api, fresh, text):
    made = port(api, fresh()[0], loaAuthorizingPerson=text, losingCarrierName=text).good()
    order = order_of(api, made["orderNo"])
    assert (order["loaAuthorizingPerson"], order["losingCarrierName"]) == (text, text)


# --- the switch -----------------------------------------------------------------------------------


def submitted(rest, api, numbers):
    order = port(api, ",".join(numbers)).good()["orderNo"]
    rest.ctl("port", "submit", rest.account, order)
    return order


def test_numbers_switch_at_the_foc_time(rest, api, fresh):
    numbers = fresh(3)
    order = submitted(rest, api, numbers)
    set_foc(rest, rest.account, order, int(time.time() * 1000) + 1500)
    assert order_of(api, order)["processingStatus"] == "FOC" and order_of(api, order)["actualFocDate"]
    assert api.getnumbers(orderno=order).good()["data"] == []
    wait_for(lambda: order_of(api, order)["processingStatus"] == "COMPLETE", 10)
    done = order_of(api, order)
    assert (done["status"], done["lastModifiedBy"]) == ("2", "System")
    assert (done["triggered"], done["immediately"]) == (True, False)
    mine = api.getnumbers(orderno=order).good()["data"]
    assert [(n["didnumber"], n["status"], n["orderType"], n["trunkGroup"], n["didRate"]) for n in mine] == \
        [(n, "1", "Portin", "127.0.0.3", "1.25") for n in numbers]
    for number in numbers:
        assert rest.redis.fcall("did_route", f"did:{number}")[:4] == ["ok", rest.account, rest.trunk, "1"]
    wait_for(lambda: not rest.redis.client.keys("port:*" + numbers[0]))
    assert api.check_lnp(numbers=numbers[0]).good()["reasons"][0]["reason"] == "in service here"


def test_a_ported_number_ends_as_others_do(rest, api, fresh):
    """It is nobody's stock: after its end it is not for sale, but can be ported in again."""
    number, = fresh()
    order = submitted(rest, api, [number])
    set_foc(rest, rest.account, order, 1)
    wait_for(lambda: order_of(api, order)["processingStatus"] == "COMPLETE", 10)
    api.updatenumber(number=number, status="2").good()
    assert rest.redis.fcall("did_route", f"did:{number}") == ["notfound"]
    assert not rest.redis.client.zscore("inv:{OR}:rest", number)
    assert port(api, number).good()["acceptedTns"] == [number]


def test_a_ported_number_is_not_offered_by_an_import(rest, api, fresh):
    number, = fresh()
    order = submitted(rest, api, [number])
    set_foc(rest, rest.account, order, 1)
    wait_for(lambda: order_of(api, order)["processingStatus"] == "COMPLETE", 10)
    csv = os.path.join(rest.workdir, "ported.csv")
    with open(csv, "w", encoding="ascii") as f:
        f.write(f"number,state,ratecenter,city\n{number},OR,PORTLAND,PORTLAND\n")
    rest.ctl("inventory", "import", csv)
    assert api.searchdid(state="OR", NPANXXYYYY=number).good()["DIDs"] == []
    api.reserve(category="landline", state="OR", number=number).refused("Invalid number")


def test_exception_tells_why(rest, api, fresh):
    order = submitted(rest, api, fresh())
    rest.ctl("port", "exception", rest.account, order, "PIN_MISMATCH")
    shown = order_of(api, order)
    assert (shown["processingStatus"], shown["reasonCode"], shown["lastModifiedBy"]) == \
        ("EXCEPTION", "PIN_MISMATCH", "Operator")
    assert "PIN" in shown["reason"]


def test_cancelled_order_is_paid_back(rest, api, fresh):
    number, = fresh()
    before = balance(rest)
    order = port(api, number).good()["orderNo"]
    rest.ctl("port", "cancel", rest.account, order)
    assert balance(rest) == before
    assert (order_of(api, order)["status"], order_of(api, order)["processingStatus"]) == ("0", "CANCELLED")
    assert api.check_lnp(numbers=number).good()["accepted"] == [number]


def test_a_number_sold_meanwhile_stops_the_switch(rest, api, fresh):
    one, two = fresh(2)
    order = submitted(rest, api, [one, two])
    assert rest.redis.fcall("did_assign", f"did:{two}", "7654321", "1", "1", "")[0] == "ok"
    set_foc(rest, rest.account, order, 1)
    wait_for(lambda: order_of(api, order)["reasonCode"] == "IN_SERVICE", 10)
    assert api.getnumbers(orderno=order).good()["data"] == []
    assert rest.redis.fcall("did_route", f"did:{one}") == ["notfound"]
