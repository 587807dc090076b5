"""Cart, order, numbers: from a reservation to service and out of it."""

import re
import threading

import pytest

from document import check_reply
from harness import Stack, wait_for

DATE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
RATES = ("--did-monthly", "1.25", "--did-setup", "0.50", "--tfn-monthly", "2", "--per-order", "3", "--other", "0.10",
         "--tax-percent", "10", "--discount-percent", "5")


@pytest.fixture
def client(rest):
    """A customer of its own with prices, 100 dollars and a trunk."""
    c = rest.api_of(*rest.add_account("100", *RATES))
    c.trunk = rest.define_trunk(("127.0.0.3", 5060), api=c, primaryPrefix="5555", secondaryTrunk="127.0.0.4",
                                secondaryPrefix="6666", billingType="Unmetered", sessions="9")
    return c


@pytest.fixture(scope="module")
def fresh(rest):
    """Numbers that no other test of this file takes: fresh(count)."""
    rest.import_inventory(("509222", "WA", "SPOKANE", "Spokane", 1000))
    left = [f"509222{i:04d}" for i in range(1000)]
    return lambda count: [left.pop(0) for _ in range(count)]


def _reserve(client, numbers, **params):
    return client.reserve(**{"category": "landline", "state": "WA", "number": ",".join(numbers), **params})


def _balance(rest, client):
    return int(rest.redis.client.hget(f"{{a:{client.accountno}}}", "balance"))


def _free(client, number):
    return bool(client.searchdid(state="WA", NPANXXYYYY=number).good()["DIDs"])


def test_reserve(client, fresh):
    a, b = fresh(2)
    reply = check_reply("reserve", _reserve(client, [b, a]))
    assert reply["TNs"] == [f"{b} , {a}"] and reply["numbers"] == [b, a]
    assert DATE.match(reply["expires"]) and re.match(r"^\d{6,}$", reply["reserveId"])
    assert not _free(client, a) and not _free(client, b)


def test_one_cart_for_all_reservations(client, fresh):
    a, b = fresh(2)
    cart = _reserve(client, [a])["reserveId"]
    assert _reserve(client, [b])["reserveId"] == cart
    assert _reserve(client, [a, b, a])["numbers"] == [a, b]  # repeated, doubled
    tollfree = client.reserve(category="TollFree", tfn_prefix="800", number="8002190001").good()
    assert tollfree["reserveId"] != cart
    assert sorted(client.gen_order(trunk_id=client.trunk, reserveId=cart).good()["numbers"]) == [a, b]
    assert _reserve(client, fresh(1))["reserveId"] != cart


def test_reserve_all_or_none(client, other, fresh):
    a, b, c = fresh(3)
    _reserve(other, [b]).good()
    reply = _reserve(client, [a, b, c]).refused("Invalid number")
    assert b in reply["detail"]
    assert _free(client, a) and _free(client, c)


@pytest.mark.parametrize("params,error", [
    ({"state": None}, "Invalid state"), ({"state": ""}, "Invalid state"), ({"state": "OR"}, "Invalid number"),
    ({"npanxx": "206219"}, "Invalid number"), ({"city": "Seattle"}, "Invalid number"),
    ({"city": "a|b"}, "Invalid city"), ({"number": "5092229999,5092220999"}, "Invalid number"),
    ({"number": "8002190005"}, "Invalid number"), ({"category": "tollfree"}, "Invalid tfn_prefix"),
    ({"category": "tollfree", "tfn_prefix": "877"}, "Invalid number"),
    ({"category": "tollfree", "tfn_prefix": "800", "number": "8882200005"}, "Invalid number"),
    ({"category": "tollfree", "tfn_prefix": "801", "number": "8012200005"}, "Invalid tfn_prefix")])
def test_reserve_refusals(client, params, error):
    client.reserve(**{"category": "landline", "state": "WA", "number": "5092220999", **params}).refused(error)


def test_reserve_with_matching_place(client, fresh):
    number, = fresh(1)
    _reserve(client, [number], npanxx="509222", city="SPOKANE").good()
    assert "not available" in _reserve(client, ["2065559999"], city="Spokane").refused("Invalid number")["detail"]


def test_whole_order(rest, client, fresh):
    numbers = sorted(fresh(3))
    cart = _reserve(client, numbers)["reserveId"]
    order = check_reply("gen_order", client.gen_order(trunk_id=client.trunk, reserveId=cart))
    # 3 × (1.25 + 0.50) = 5.25; tax 0.525, discount 0.2625
    assert order["success"] == "Order Generated successfully." and order["status"] == "200"
    assert (order["per_order_cost"], order["other_charges"]) == ("3.00", "0.10")
    assert (order["taxes"], order["discount"], order["amount"]) == ("0.53", "0.26", "8.61")
    assert (order["tg_id"], order["orderType"], order["didCategory"]) == (client.trunk, "New", "Landline")
    assert (order["didType"], order["sessions"], order["orderStatus"]) == ("Unmetered", "9", "1")
    assert DATE.match(order["date"]) and sorted(order["numbers"]) == numbers
    assert not any(_free(client, n) for n in numbers)
    assert client.getnumbers().good()["data"] == []

    done = check_reply("process_order", client.process_order(orderId=order["orderId"]))
    assert done["success"] == "Order Processed Successfully." and done["orderId"] == order["orderId"]
    assert _balance(rest, client) == 1000000 - 86125
    listed = check_reply("get_new_orders", client.get_new_orders(orderId=order["orderId"]))["Orders"][0]
    assert listed["status"] == "2" and listed["orderno"] == order["orderId"] and listed["amount"] == "8.61"
    owned = check_reply("getnumbers", client.getnumbers())["data"]
    assert [n["didnumber"] for n in owned] == numbers
    assert owned[0] == {
        "didnumber": numbers[0], "trunkGroup": "127.0.0.3", "prefix1": "5555", "trunkGroup2": "127.0.0.4",
        "prefix2": "6666", "didRate": "1.25", "didType": "Unmetered", "orderType": "New", "status": "1", "cnam": "",
        "trunkId": client.trunk, "orderno": order["orderId"], "category": "landline"}
    assert rest.redis.client.get(f"did:{numbers[0]}") == f"{client.accountno}|{client.trunk}|1|1|"
    assert rest.redis.client.hlen(f"{{a:{client.accountno}}}:sagas") == 0
    assert not any(rest.redis.client.hexists("inv:{WA}:holder", n) for n in numbers)


def test_processing_twice_pays_once(rest, client, fresh):
    cart = _reserve(client, fresh(1))["reserveId"]
    order = client.gen_order(trunk_id=client.trunk, reserveId=cart)["orderId"]
    first = client.process_order(orderId=order).good()
    balance = _balance(rest, client)
    assert client.process_order(orderId=order).good().data == first.data
    assert _balance(rest, client) == balance


def test_processing_at_once_pays_once(rest, client, fresh):
    numbers = fresh(20)
    cart = _reserve(client, numbers)["reserveId"]
    order = client.gen_order(trunk_id=client.trunk, reserveId=cart).good()
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(client.process_order(orderId=order["orderId"])))
               for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(replies) == 8 and all(r.ok for r in replies), replies
    assert _balance(rest, client) == 1000000 - round(10000 * (20 * 1.75 * 1.05 + 3.1))
    assert len(client.getnumbers().good()["data"]) == 20
    wait_for(lambda: rest.redis.client.hlen(f"{{a:{client.accountno}}}:sagas") == 0)


def test_tollfree_order(client):
    cart = client.reserve(category="tollfree", tfn_prefix="888", number="8882200010").good()["reserveId"]
    order = client.gen_order(trunk_id=client.trunk, reserveId=cart).good()
    assert order["didCategory"] == "TollFree" and order["numbers"] == ["8882200010"]
    client.process_order(orderId=order["orderId"]).good()
    assert [n["didRate"] for n in client.getnumbers(category="tollfree").good()["data"]] == ["2.00"]
    assert client.getnumbers(category="landline").good()["data"] == []


def test_insufficient_balance_leaves_the_order_open(rest, fresh):
    poor = rest.api_of(*rest.add_account("3", *RATES))
    trunk = rest.define_trunk(("127.0.0.3", 5060), api=poor)
    cart = _reserve(poor, fresh(1))["reserveId"]
    order = poor.gen_order(trunk_id=trunk, reserveId=cart)["orderId"]
    reply = poor.process_order(orderId=order).refused("Insufficient balance")
    assert reply["code"] == "insufficient_balance"
    assert poor.getnumbers().good()["data"] == [] and _balance(rest, poor) == 30000
    rest.ctl("account", "credit", poor.accountno, "10")
    poor.process_order(orderId=order).good()
    assert len(poor.getnumbers().good()["data"]) == 1


def test_two_orders_for_one_balance(rest, fresh):
    """Both pass the first look at the balance; one gets it, the other's numbers are not pinned."""
    poor = rest.api_of(*rest.add_account("7", *RATES))  # an order costs 4.9375
    trunk = rest.define_trunk(("127.0.0.3", 5060), api=poor)
    orders = []
    for number in fresh(2):
        cart = _reserve(poor, [number])["reserveId"]
        orders.append(poor.gen_order(trunk_id=trunk, reserveId=cart)["orderId"])
    rest.redis.fcall("order_start", f"{{a:{poor.accountno}}}", orders[1])  # its saga is under way
    poor.process_order(orderId=orders[0])
    wait_for(lambda: rest.redis.client.hlen(f"{{a:{poor.accountno}}}:sagas") == 0, 15)
    assert len(poor.getnumbers().good()["data"]) == 1 and _balance(rest, poor) == 70000 - 49375
    states = sorted(o["status"] for o in poor.get_new_orders().good()["Orders"])
    assert states == ["1", "2"]
    number = next(o for o in poor.get_new_orders()["Orders"] if o["status"] == "1")["numbers"][0]
    assert rest.redis.client.zscore("inv:{WA}:holds", number) is not None


def test_gen_order_refusals(client, other, fresh):
    cart = _reserve(client, fresh(1))["reserveId"]
    client.gen_order(trunk_id="987654", reserveId=cart).refused("Invalid trunk_id")
    client.gen_order(trunk_id=client.trunk, reserveId="987654").refused("Invalid reserveId")
    other.gen_order(trunk_id=client.trunk, reserveId=cart).refused("Invalid trunk_id")
    order = client.gen_order(trunk_id=client.trunk, reserveId=cart).good()["orderId"]
    client.gen_order(trunk_id=client.trunk, reserveId=cart).refused("Invalid reserveId")
    other.process_order(orderId=order).refused("Invalid orderId")
    assert other.get_new_orders(orderId=order).good()["Orders"] == []
    client.process_order(orderId="987654").refused("Invalid orderId")


def test_race_for_a_number(rest, fresh):
    """Many want the same numbers at once: each goes to one, and nothing is held twice."""
    clients = [rest.api_of(*rest.add_account()) for _ in range(6)]
    numbers, won = fresh(10), {}

    def run(client):
        for number in numbers:
            reply = _reserve(client, [number])
            assert reply.ok or reply["error"] == "Invalid number"
            if reply.ok:
                won.setdefault(number, []).append(client.accountno)

    threads = [threading.Thread(target=run, args=(c,)) for c in clients]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(won) == sorted(numbers) and all(len(w) == 1 for w in won.values()), won
    for number, (winner,) in won.items():
        assert rest.redis.client.hget("inv:{WA}:holder", number).startswith(f"{winner}:c:")


def test_hold_expires(rest):
    with Stack(sipmod=False, conf={"policy.hold_minutes": 1}) as s:
        number = s.numbers[0]
        cart = s.api.reserve(category="landline", state="WA", number=number).good()["reserveId"]
        # The clock is Redis's: let the hold have ended by moving its end.
        base = f"{{a:{s.account}}}:cart:{cart}"
        s.redis.client.zadd("inv:{WA}:holds", {number: 1})
        s.redis.client.hset(base, "expires", 1)
        wait_for(lambda: s.api.searchdid(state="WA", NPANXXYYYY=number).good()["DIDs"], 10)
        trunk = s.define_trunk(("127.0.0.3", 5060))
        s.api.gen_order(trunk_id=trunk, reserveId=cart).refused("Invalid reserveId")
        assert s.api.reserve(category="landline", state="WA", number=number).good()["reserveId"] != cart


def test_order_whose_hold_was_lost(rest, client, other, fresh):
    """The hold of an order ran out and another took one of its numbers: nothing is paid, the rest is free."""
    kept, lost = fresh(2)
    cart = _reserve(client, [kept, lost])["reserveId"]
    order = client.gen_order(trunk_id=client.trunk, reserveId=cart)["orderId"]
    rest.redis.client.zadd("inv:{WA}:holds", {lost: 1})
    wait_for(lambda: _free(client, lost), 10)
    _reserve(other, [lost]).good()
    client.process_order(orderId=order).refused("Invalid orderId")
    assert _balance(rest, client) == 1000000 and client.getnumbers().good()["data"] == []
    assert _free(client, kept)
    assert client.get_new_orders(orderId=order).good()["Orders"][0]["status"] == "0"
    client.process_order(orderId=order).refused("Invalid orderId")


def test_first_numbers_of_a_cart_expire_before_the_last(rest, client, fresh):
    early, late = fresh(2)
    cart = _reserve(client, [early])["reserveId"]
    _reserve(client, [late])
    rest.redis.client.zadd("inv:{WA}:holds", {early: 1})
    wait_for(lambda: _free(client, early), 10)
    order = client.gen_order(trunk_id=client.trunk, reserveId=cart).good()
    assert sorted(order["numbers"]) == sorted([early, late])
    client.process_order(orderId=order["orderId"]).good()


# --- numbers -------------------------------------------------------------------------

@pytest.fixture
def owned(rest, client, fresh):
    return sorted(rest.order(client.trunk, api=client, numbers=fresh(3)))


def test_filters(rest, client, owned):
    client.updatenumber(number=owned[0], status="0").good()
    one = lambda **f: [n["didnumber"] for n in client.getnumbers(**f).good()["data"]]  # noqa: E731
    order = client.get_new_orders().good()["Orders"][0]["orderno"]
    assert one(status="0") == [owned[0]] and one(status="1") == owned[1:] and one(status="2") == []
    assert one(trunkId=client.trunk) == owned and one(orderno=order) == owned
    assert one(limit="1", offset="1") == [owned[1]]
    client.getnumbers(trunkId="987654").refused("Invalid trunkId")
    client.getnumbers(orderno="987654").refused("Invalid orderno")


def test_update_trunk_status_and_name(rest, client, owned):
    trunk = rest.define_trunk(("127.0.0.8", 5060), api=client)
    a, b, c = owned
    reply = check_reply("updatenumber", client.updatenumber(number=f"{a}, 1{b}", trunkId=trunk, cnam="ACME Inc."))
    assert reply["success"] == "Trunk successfully Updated."
    by_number = {n["didnumber"]: n for n in client.getnumbers().good()["data"]}
    assert [by_number[n]["trunkGroup"] for n in owned] == ["127.0.0.8", "127.0.0.8", "127.0.0.3"]
    assert [by_number[n]["cnam"] for n in owned] == ["ACME Inc.", "ACME Inc.", ""]
    assert rest.redis.client.get(f"did:{a}") == f"{client.accountno}|{trunk}|1|2|ACME Inc."
    client.updatenumber(number=a, status="0", cnam="-").good()
    assert rest.redis.client.get(f"did:{a}") == f"{client.accountno}|{trunk}|0|3|"
    client.updatenumber(number=a).good()
    assert client.getnumbers(status="0").good()["data"][0]["didnumber"] == a


@pytest.mark.parametrize("cnam", ["x" * 16, "Zürich", "a|b", "a\tb"])
def test_bad_cnam(client, owned, cnam):
    client.updatenumber(number=owned[0], cnam=cnam).refused("Invalid cnam")


def test_update_all_or_none(rest, client, owned):
    client.updatenumber(number=f"{owned[0]},2065550100", status="0").refused("Invalid number")
    client.updatenumber(number=owned[0], trunkId="987654", status="0").refused("Invalid trunkId")
    assert [n["status"] for n in client.getnumbers().good()["data"]] == ["1"] * 3


def test_cancel_is_final(rest, client, other, owned):
    number = owned[0]
    client.updatenumber(number=number, status="2").good()
    assert not rest.redis.client.exists(f"did:{number}")
    assert rest.redis.client.zscore("inv:{WA}:rest", number) is not None
    assert rest.redis.client.hlen(f"{{a:{client.accountno}}}:sagas") == 0
    for params in ({"status": "1"}, {"status": "2"}, {"trunkId": client.trunk}, {"cnam": "x"}):
        client.updatenumber(number=number, **params).refused("Invalid number")
    _reserve(other, [number]).refused("Invalid number")
    # At the end of its rest it is free again, and another may have it.
    rest.redis.client.zadd("inv:{WA}:rest", {number: 1})
    wait_for(lambda: _free(client, number), 10)
    trunk = rest.define_trunk(("127.0.0.9", 5060), api=other)
    assert rest.order(trunk, api=other, numbers=[number]) == [number]
    assert rest.redis.fcall("did_route", f"did:{number}")[1] == other.accountno
    assert client.getnumbers(status="2").good()["data"][0]["didnumber"] == number
