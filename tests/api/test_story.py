"""A customer's story over all 32 endpoints: find, hold, order, route, port in, call, look, fetch, pay.

Real servers, real calls; told once with forms and once with JSON. Each reply must have every documented key
(document.py) and fit the OpenAPI document.
"""

import csv
import io
import itertools
import subprocess
import time

import jsonschema
import pytest

from document import PARAMS, REPLY, check_reply
from harness import Books, Dialog, Stack, wait_for
from port_client import PDF, PORTLAND, ZIP, load_coverage, set_foc
from test_billing import last_month

CARD = {"firstname": "Sunny", "lastname": "Summertime", "cardnumber": "4242424242424242", "expmonth": "12",
        "expyear": "2031", "cvv": "012", "address": "400 Green Road", "address2": "", "state": "OR",
        "city": "Portland", "zipcode": "01230", "amount": "40.00"}
SUBSCRIBER = {"subscriberFirstName": "Sunny", "subscriberLastName": "Summertime", "addressHouseNumber": "400",
              "addressStreetName": "Green Road", "addressStreetSuffix": "Dr", "addressCity": "Portland",
              "addressStateCode": "OR", "addressZip": "07230", "losingCarrierName": "Bandwidth"}


@pytest.fixture(scope="module")
def stack():
    with Stack() as s:
        load_coverage(s)
        s.import_inventory(("866666", "", "", "", 10))
        s.hosts = itertools.count(10)
        s.gateway = s.peer("127.0.2.1")
        s.ctl("gateway", "add", "out", s.gateway.address, "--prefixes", "1")
        s.ctl("rate", "set", "1", "0.0120")
        wait_for(lambda: "gateway out: " in s.sipmod.log(), 5, "sipmod knows the gateway")
        yield s


class Customer:
    """An account and its client; ask() checks each reply and remembers which endpoints gave what."""

    def __init__(self, stack, encoding, openapi):
        self.stack, self.schemas = stack, openapi["components"]["schemas"]
        self.account, token = stack.add_account(
            "100", "--sandbox", "--did-monthly", "1.25", "--did-setup", "0.50", "--tfn-monthly", "2",
            "--per-order", "0.75", "--tax-percent", "10", "--discount-percent", "20", "--other", "0.10",
            "--in-rate", "0.0060", "--tfn-rate", "0.0180", "--call-tax-percent", "5")
        self.key = f"{{a:{self.account}}}"
        self.api = stack.api_of(self.account, token).with_(encoding=encoding)
        self.asked, self.filled = set(), set()

    def ask(self, endpoint, encoding=None, **params):
        reply = check_reply(endpoint, self.api.call(endpoint, encoding, **params))
        assert reply.headers["Content-Type"] == "application/json"
        jsonschema.validate(reply.data, self.schemas[f"{endpoint}_reply"])
        self.asked.add(endpoint)
        keys = REPLY[endpoint]
        if not isinstance(keys, dict) or reply[next(iter(keys))]:
            self.filled.add(endpoint)
        return reply

    def fetch(self, link):
        """A link, without a token."""
        assert link.startswith(f"{self.stack.trunkd.url}/"), link
        reply = self.api.raw("GET", link[len(self.stack.trunkd.url):])
        assert reply.status == 200, reply
        return reply

    def balance(self):
        return int(self.stack.redis.client.hget(self.key, "balance"))

    def peer(self):
        return self.stack.peer(f"127.0.2.{next(self.stack.hosts)}")


def call(caller, number, callee, status=200):
    """A call that is answered and hung up by the caller, or refused; returns the INVITE that came."""
    invite = caller.send(caller.invite(number))
    received = callee.expect("INVITE", call_id=invite.call_id)
    callee.respond(received, status)
    answer = caller.expect(status, call_id=invite.call_id)
    if status != 200:
        caller.ack_failure(invite, answer)
        return received
    dialog = Dialog.caller(caller, invite, answer)
    dialog.send("ACK")
    callee.expect("ACK", call_id=invite.call_id)
    dialog.send("BYE")
    callee.respond(callee.expect("BYE", call_id=invite.call_id), 200)
    caller.expect(lambda m: m.status == 200 and m.method == "BYE", call_id=invite.call_id)
    return received


def pdf_text(content):
    return subprocess.run(["pdftotext", "-", "-"], input=content, capture_output=True, check=True).stdout.decode()


# --- the chapters -------------------------------------------------------------------------


def finds(c):
    assert "OR" in c.ask("availabilitystate")["data"]
    block = next(b for b in c.ask("availabilitynpanxx", state="OR")["data"] if b["NPANXX"] == "503222")
    assert (block["NPA"], block["RateCenter"]) == ("503", "PORTLAND")
    found = c.ask("searchdid", state="OR", NPANXX="503222")["DIDs"]
    assert all(d["statusid"] == "0" and d["TN"].startswith("503222") for d in found)
    one, = c.ask("searchdid", state="or", NPANXXYYYY=found[0]["TN"])["DIDs"]
    assert one["TN"] == found[0]["TN"]
    tollfree = c.ask("searchtfn", tfn_prefix="866")["TFNs"]
    return [d["TN"] for d in found], [d["TN"] for d in tollfree]


def defines_a_trunk(c, callee):
    made = c.ask("defineTrunk", title="Main office", primaryTrunk="127.0.9.9", primaryPrefix="001234",
                 primaryPort="5080", secondaryTrunk=callee.host, secondaryPrefix="4444",
                 secondaryPort=str(callee.port), billingType="Unmetered", sessions="7", mou="Unlimited",
                 call_forwarding="12125550123")
    assert made["success"] == "Trunk group added successfully."
    changed = c.ask("update_trunk", trunkid=made["tg_id"], primaryTrunk=callee.host, primaryPort=str(callee.port),
                    primaryPrefix="5555")
    assert (changed["success"], changed["trunkid"]) == ("Trunk successfully Updated.", made["tg_id"])
    trunk, = c.ask("get_trunk", tg_id=made["tg_id"])["data"]
    wanted = {"id": made["tg_id"], "accountno": c.account, "title": "Main office", "primaryIP": callee.host,
              "primaryPort": str(callee.port), "prefix_1": "5555", "secondaryIP": callee.host,
              "secondaryPort": str(callee.port), "prefix_2": "4444", "req_sessions": "7", "status": "1"}
    assert {k: trunk[k] for k in wanted} == wanted and trunk["alloc_sessions"].isdigit()
    return made["tg_id"]


def holds(c, free, tollfree):
    """Returns the cart of three local numbers, with them, and that of a toll-free one."""
    cart = c.ask("reserve", category="landline", state="OR", number=f"{free[0]}, 1{free[1]}", npanxx="503222")
    assert cart["TNs"] == [f"{free[0]} , {free[1]}"]
    more = c.ask("bulkreserve", category="landline", state="OR", npanxx="503222", quantity="2")
    assert more["reserveId"] == cart["reserveId"] and more["numbers"] == free[2:4]
    gone = c.ask("remove_reserved", reserveId=cart["reserveId"], number=f"{free[0]},2065550100")
    assert (gone["Removed TNs"], gone["TNs not available"]) == ([free[0]], ["2065550100"])
    other = c.ask("reserve", category="tollfree", tfn_prefix="866", number=tollfree[0])
    assert other["reserveId"] != cart["reserveId"]
    return cart["reserveId"], free[1:4], other["reserveId"]


def orders(c, trunk, cart, numbers):
    before = c.balance()
    order = c.ask("gen_order", trunk_id=trunk, reserveId=cart)
    assert order["success"] == "Order Generated successfully." and order["numbers"] == numbers
    cost = round(sum({"5": 1.75, "8": 2.0}[n[0]] for n in numbers), 2)
    taxes, discount = cost * 0.1, cost * 0.2
    assert [float(order[k]) for k in ("per_order_cost", "taxes", "other_charges", "discount", "amount")] == \
        pytest.approx([0.75, taxes, 0.10, discount, cost + 0.75 + taxes + 0.10 - discount], abs=0.0051)
    kind = "TollFree" if numbers[0][0] == "8" else "Landline"
    assert (order["orderType"], order["didCategory"], order["didType"], order["sessions"], order["tg_id"]) == \
        ("New", kind, "Unmetered", "7", trunk)
    done = c.ask("process_order", orderId=order["orderId"])
    assert (done["success"], done["orderId"]) == ("Order Processed Successfully.", order["orderId"])
    listed, = c.ask("get_new_orders", orderId=order["orderId"])["Orders"]
    same = REPLY["gen_order"].replace("success orderId ", "").replace(" status ", " ").split()
    assert {k: listed[k] for k in same} == {k: order[k] for k in same}
    assert (listed["orderno"], listed["accountno"], listed["status"]) == (order["orderId"], c.account, "2")
    assert abs(before - c.balance() - float(order["amount"]) * 10000) <= 50
    return order["orderId"]


def owns(c, trunk, order, numbers):
    owned = c.ask("getnumbers", category="landline", status="1", trunkId=trunk, orderno=order)["data"]
    assert [n["didnumber"] for n in owned] == numbers
    assert {(n["prefix1"], n["prefix2"], n["didType"], n["orderType"], n["status"]) for n in owned} == \
        {("5555", "4444", "Unmetered", "New", "1")}
    assert c.ask("updatenumber", number=numbers[0], cnam="SUNNY CO", trunkId=trunk,
                 status="1")["success"] == "Trunk successfully Updated."
    assert c.ask("getnumbers", orderno=order)["data"][0]["cnam"] == "SUNNY CO"


def ports_in(c, number):
    checked = c.ask("check_lnp", numbers=f"1{number},12125550100")
    assert (checked["accepted"], checked["rejected"]) == ([number], ["2125550100"])
    made = c.ask("generate_lnp_order", encoding="multipart", numbers=f"1{number}", category="landline",
                 subscriberType="residential", loaAuthorizingPerson="Sunny Summertime", loa_doc=PDF,
                 carrier_doc=ZIP, requestedFocDate="", wirelessAccountNumber="", wirelessPin="", **SUBSCRIBER)
    assert made["success"] == "Order Generated Successfully." and made["acceptedTns"] == [number]
    for step in (["submit"], ["foc"]):
        c.stack.ctl("port", *step, c.account, made["orderNo"])
    set_foc(c.stack, c.account, made["orderNo"], 1)

    def order():
        found, = c.ask("get_lnp_orders", orderId=made["orderNo"])["Orders"]
        return found
    done = wait_for(lambda: order() if order()["processingStatus"] == "COMPLETE" else None, 20, "the port-in is done")
    assert {k: done[k] for k in SUBSCRIBER} == SUBSCRIBER
    assert (done["numbers"], done["orderType"], done["billingNumber"]) == ([number], "Portin", f"+1{number}")
    assert (done["immediately"], done["loaAuthorizingPerson"]) == (False, "Sunny Summertime")
    assert c.fetch(done["loa"]).text.encode() == PDF[2] and c.fetch(done["carrier_doc"]).text.encode() == ZIP[2]
    return number


def sends_calls(c, customer):
    made = c.ask("defineTrunk_termination", title="Dialer", ipaddress=customer.host, ports="5", cps="5")
    assert made["success"] == "Trunk group added successfully."
    trunk, = c.ask("get_trunk_termination", tg_id=made["tg_id"])["data"]
    assert {k: trunk[k] for k in ("id", "accountno", "ipaddress", "ports", "cps", "status")} == {
        "id": made["tg_id"], "accountno": c.account, "ipaddress": customer.host, "ports": "5", "cps": "5",
        "status": "1"}
    assert f"/ajax/settings_pdf/{customer.host}?" in trunk["config"]
    sheet = c.fetch(trunk["config"])
    assert sheet.headers["Content-Type"] == "application/pdf" and sheet.text.startswith("%PDF")
    received = call(customer, "12125550123", c.stack.gateway)
    assert received.uri == f"sip:12125550123@{c.stack.gateway.address}"
    call(customer, "12125550124", c.stack.gateway, status=486)
    wait_for(lambda: c.stack.live(c.account) == [], 5)
    return made["tg_id"]


def sees_statistics(c, trunk, out, number):
    wait_for(lambda: c.stack.live(c.account) == [], 5)
    of_number, = c.ask("did_stats", number=number)["data"]
    of_trunk, = c.ask("tg_stats", tg_id=trunk)["data"]
    of_out, = c.ask("tg_stats_termination", tg_id=out)["data"]
    assert (of_number["number"], of_trunk["number"], of_out["number"]) == (number, trunk, out)
    for row, seen in ((of_number, ("2", "1", "50%")), (of_trunk, ("4", "3", "75%")), (of_out, ("2", "1", "50%"))):
        assert (row["processed"], row["completed"], row["asr"]) == seen and row["accountno"] == c.account
        assert row["peak"] == "1" and float(row["mou"]) > 0 and float(row["acd"]) >= 0
    now = time.gmtime()
    months = c.ask("monthly_summary", year=str(now.tm_year), month=str(now.tm_mon))["data"]
    month = next(m for m in months if m["number"] == number)
    assert {k: month[k] for k in of_number} == of_number and month["month"] == f"{time.strftime('%Y-%m', now)}-1"
    month, = c.ask("monthly_summary_termination", year=str(now.tm_year))["data"]
    assert (month["number"], month["processed"]) == (out, "2")


def records(c, endpoint):
    """Rows of the day's files: of answered calls, of others."""
    days = c.ask(endpoint)["data"]
    assert len(days) == 1 and days[0]["date"].endswith(" 00:00:00")
    day = days[0]
    return [list(csv.DictReader(io.StringIO(c.fetch(day[k]).text))) if day[k] else [] for k in ("success", "failed")]


def fetches_records(c):
    for endpoint, answered in (("daily_cdrs", 3), ("daily_cdrs_termination", 1)):
        wait_for(lambda e=endpoint, n=answered: [len(r) for r in records(c, e)] == [n, 1], 30, f"{endpoint} has all")
        good, failed = records(c, endpoint)
        assert {(r["account"], r["code"]) for r in good} == {(c.account, "200")}
        assert [r["code"] for r in failed] == ["486"]


def pays(c):
    before = c.balance()
    assert c.ask("make_payment", **CARD)["success"] == "Payment added successfully."
    paid = c.ask("get_payments", method="Credit Card")["data"][0]
    assert float(paid["amount"]) == float(paid["funded_amount"]) - float(paid["charges"])
    assert (paid["accountno"], paid["funded_amount"], paid["status"]) == (c.account, "40.00", "1")
    assert c.balance() - before == round(float(paid["amount"]) * 10000)
    lines = c.ask("financial_summary")["data"]
    assert {"Order (New DIDs)", "Order (LNP)", "Call Charges", "Credit Card"} <= {line["activity"] for line in lines}
    assert float(lines[-1]["balance"]) == pytest.approx(c.balance() / 10000, abs=0.0051)
    assert {x["activity"] for x in c.ask("financial_summary", activitytype="Call Charges")["data"]} == {"Call Charges"}
    c.stack.redis.client.hset(c.key, "created", last_month()[0])
    c.stack.ctl("invoice", "make", c.account, last_month()[1])
    invoice = c.ask("get_invoices")["data"][0]
    reply = c.api.raw("GET", invoice["file"][len(c.stack.trunkd.url):])
    assert reply.headers["Content-Type"] == "application/pdf" and "/downloads/" in invoice["file"]
    return invoice["file"]


def stops(c, out):
    assert c.ask("disable_trunk_termination", tg_id=out)["Removed TNs"] == "Diabled Successfully"
    trunk, = c.ask("get_trunk_termination", tg_id=out)["data"]
    assert trunk["status"] == "0"


@pytest.mark.parametrize("encoding", ["form", "json"])
def test_a_customers_story(stack, openapi, encoding):
    c = Customer(stack, encoding, openapi)
    carrier, callee, customer = stack.peer(), c.peer(), c.peer()
    free, tollfree = finds(c)
    trunk = defines_a_trunk(c, callee)
    cart, numbers, other = holds(c, free, tollfree)
    order = orders(c, trunk, cart, numbers)
    orders(c, trunk, other, tollfree[:1])
    owns(c, trunk, order, numbers)
    ported = ports_in(c, PORTLAND[{"form": 100, "json": 200}[encoding]])
    for number in (numbers[0], tollfree[0], ported):
        assert call(carrier, f"+1{number}", callee).uri == f"sip:5555{number}@{callee.address}"
    call(carrier, numbers[0], callee, status=486)
    out = sends_calls(c, customer)
    sees_statistics(c, trunk, out, numbers[0])
    fetches_records(c)
    pays(c)
    stops(c, out)
    assert c.asked == set(PARAMS) and c.filled == set(PARAMS), set(PARAMS) - c.filled
    assert len(Books(stack.redis, c.account).check()) == 6
