"""SIGKILL of trunkd between any two steps: another one, or the next, finishes the work exactly once."""

import threading

import pytest

from gate import Gate
from harness import Stack, wait_for

COST = 17500  # of one number: 1.75
STEPS = ["order_start", "inv_move", "order_pay", "inv_sell", "did_assign", "order_complete", "saga_done"]


@pytest.fixture(scope="module")
def stack():
    with Stack(sipmod=False, aof=True) as s:
        s.ctl("account", "set", s.account, "--did-monthly", "1.25", "--did-setup", "0.5")
        s.ctl("account", "credit", s.account, "1000")
        s.trunk = s.define_trunk(("127.0.0.3", 5060))
        s.left = [n for n in s.numbers if n.startswith("206219")]
        yield s


def _kill_at(stack, function, applied, endpoint, **params):
    """Runs a request on a trunkd of its own and kills that one at the function."""
    gate = Gate(stack.redis.port)
    victim = stack.add_trunkd(redis__address=f"127.0.0.1:{gate.port}", redis__timeout_ms=30000)
    gate.stop_at(function, applied)
    client = stack.api.with_(url=victim.url)
    request = threading.Thread(target=lambda: _ignore(client, endpoint, params), daemon=True)
    request.start()
    assert gate.reached.wait(10), f"{function} was never called"
    victim.kill9()
    request.join(10)
    gate.close()


def _ignore(client, endpoint, params):
    try:
        client.call(endpoint, **params)
    except OSError:
        pass


def _balance(stack):
    return int(stack.redis.client.hget(f"{{a:{stack.account}}}", "balance"))


def _sagas(stack):
    return stack.redis.client.hkeys(f"{{a:{stack.account}}}:sagas")


def _order(stack, count=2):
    numbers = [stack.left.pop(0) for _ in range(count)]
    cart = stack.api.reserve(category="landline", state="WA", number=",".join(numbers)).good()["reserveId"]
    return numbers, stack.api.gen_order(trunk_id=stack.trunk, reserveId=cart).good()["orderId"]


def _check_in_service(stack, numbers, order, balance_before):
    assert _balance(stack) == balance_before - COST * len(numbers)
    ledger = stack.redis.table("ledger_list", f"{{a:{stack.account}}}")
    booked = [line for line in ledger if line["ref"] == f"order:{order}"]
    assert len(booked) == 1
    owned = {n["didnumber"]: n for n in stack.api.getnumbers(orderno=order).good()["data"]}
    assert sorted(owned) == sorted(numbers)
    for number in numbers:
        assert stack.redis.fcall("did_route", f"did:{number}")[1] == stack.account
        assert not stack.redis.client.hexists("inv:{WA}:holder", number)
        assert stack.redis.client.zscore("inv:{WA}:holds", number) is None
        assert not stack.api.searchdid(state="WA", NPANXXYYYY=number).good()["DIDs"]


@pytest.mark.parametrize("applied", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_order_is_finished_after_a_kill(stack, step, applied):
    balance = _balance(stack)
    numbers, order = _order(stack)
    _kill_at(stack, step, applied, "process_order", orderId=order)
    if step == "order_start" and not applied:
        assert _balance(stack) == balance and stack.api.getnumbers(orderno=order).good()["data"] == []
        stack.api.process_order(orderId=order).good()
    wait_for(lambda: not _sagas(stack), 20, "the saga is finished by the other trunkd")
    _check_in_service(stack, numbers, order, balance)
    stack.api.process_order(orderId=order).good()  # what the client does that got no reply
    _check_in_service(stack, numbers, order, balance)


@pytest.mark.parametrize("step", STEPS)
def test_a_slow_run_meets_a_finished_order(stack, step):
    """One run is held up before a step, another one finishes the order: the slow one answers the same."""
    balance = _balance(stack)
    numbers, order = _order(stack)
    gate = Gate(stack.redis.port)
    slow = stack.add_trunkd(redis__address=f"127.0.0.1:{gate.port}", redis__timeout_ms=30000)
    gate.stop_at(step, applied=False)
    replies = []
    client = stack.api.with_(url=slow.url)
    request = threading.Thread(target=lambda: replies.append(client.process_order(orderId=order)))
    request.start()
    assert gate.reached.wait(10)
    quick = stack.api.process_order(orderId=order).good()
    gate.let_go()
    request.join(20)
    assert replies and replies[0].good().data == quick.data
    _check_in_service(stack, numbers, order, balance)
    slow.stop()
    gate.close()


@pytest.mark.parametrize("end", ["order_pay", "order_cancel"])
def test_a_hold_for_good_does_not_outlive_a_run_that_came_to_nothing(stack, end):
    """What is done when trunkd dies right after order_pay refused, or after order_cancel."""
    accountno, token = stack.add_account("100")
    stack.ctl("account", "set", accountno, "--did-setup", "60")
    client, key = stack.api_of(accountno, token), f"{{a:{accountno}}}"
    number = stack.left.pop(0)
    cart = client.reserve(category="landline", state="WA", number=number).good()["reserveId"]
    order = client.gen_order(trunk_id=stack.define_trunk(("127.0.0.3", 5060), client), reserveId=cart).good()["orderId"]
    stack.redis.fcall("order_start", key, order)
    stack.redis.fcall("inv_move", "inv:{WA}", f"{accountno}:c:{cart}", f"{accountno}:o:{order}", 0, number)
    assert stack.redis.client.zscore("inv:{WA}:holds", number) is None, "held for good"
    stack.ctl("account", "credit", accountno, "-90")
    assert stack.redis.fcall(end, key, order)[0] == {"order_pay": "insufficient", "order_cancel": "ok"}[end]
    wait_for(lambda: not stack.redis.client.hlen(f"{key}:sagas"), 20)
    if end == "order_cancel":
        assert client.searchdid(state="WA", NPANXXYYYY=number).good()["DIDs"]
        return
    assert stack.redis.client.zscore("inv:{WA}:holds", number)
    client.process_order(orderId=order).refused("Insufficient balance")
    stack.ctl("account", "credit", accountno, "90")
    client.process_order(orderId=order).good()
    assert not stack.redis.client.hlen(f"{key}:sagas")


@pytest.mark.parametrize("applied", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", ["number_update", "did_release", "inv_quarantine", "saga_done"])
def test_cancellation_is_finished_after_a_kill(stack, step, applied):
    (number,), order = _order(stack, 1)
    stack.api.process_order(orderId=order).good()
    _kill_at(stack, step, applied, "updatenumber", number=number, status="2")
    if step == "number_update" and not applied:
        assert stack.redis.client.exists(f"did:{number}")
        stack.api.updatenumber(number=number, status="2").good()
    wait_for(lambda: not _sagas(stack), 20)
    assert not stack.redis.client.exists(f"did:{number}")
    assert stack.redis.client.zscore("inv:{WA}:rest", number) is not None


@pytest.mark.parametrize("applied", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", ["cart_get", "inv_hold", "order_create", "inv_move"])
def test_kill_in_gen_order(stack, step, applied):
    """Either the cart is still there, or the order is, and can be processed."""
    balance = _balance(stack)
    numbers = [stack.left.pop(0) for _ in range(2)]
    cart = stack.api.reserve(category="landline", state="WA", number=",".join(numbers)).good()["reserveId"]
    _kill_at(stack, step, applied, "gen_order", trunk_id=stack.trunk, reserveId=cart)
    made = [o for o in stack.api.get_new_orders().good()["Orders"] if sorted(o["numbers"]) == numbers]
    if made:
        order = made[0]["orderno"]
    else:
        order = stack.api.gen_order(trunk_id=stack.trunk, reserveId=cart).good()["orderId"]
    stack.api.process_order(orderId=order).good()
    _check_in_service(stack, numbers, order, balance)


@pytest.mark.parametrize("applied", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", ["cart_open", "inv_hold", "cart_add"])
def test_kill_in_reserve(stack, step, applied):
    number = stack.left.pop(0)
    _kill_at(stack, step, applied, "reserve", category="landline", state="WA", number=number)
    cart = stack.api.reserve(category="landline", state="WA", number=number).good()["reserveId"]
    order = stack.api.gen_order(trunk_id=stack.trunk, reserveId=cart).good()
    assert order["numbers"] == [number]


def test_alone_after_restart():
    """The only trunkd is killed and started again: it waits for its own old lock to run out."""
    with Stack(sipmod=False, aof=True) as s:
        s.trunk, s.left = s.define_trunk(("127.0.0.3", 5060)), list(s.numbers)
        numbers, order = _order(s)
        s.redis.fcall("order_start", f"{{a:{s.account}}}", order)
        s.trunkd.kill9()
        s.trunkd.start()
        wait_for(lambda: not _sagas(s), 20)
        assert len(s.api.getnumbers().good()["data"]) == 2


def test_redis_killed_after_an_acknowledged_order():
    with Stack(sipmod=False, aof=True) as s:
        trunk = s.define_trunk(("127.0.0.3", 5060))
        numbers = s.order(trunk, 3)
        s.redis.kill9()
        reply = s.api.getnumbers()
        assert reply.status == 503 and reply.headers["Retry-After"] and reply["code"] == "unavailable"
        s.redis.start()
        wait_for(lambda: s.api.getnumbers().ok, 10)
        assert [n["didnumber"] for n in s.api.getnumbers()["data"]] == sorted(numbers)
        assert s.api.get_trunk(tg_id=trunk).ok
