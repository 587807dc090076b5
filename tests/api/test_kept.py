"""Replies of reads that are kept: never older than a write that was answered before."""

import threading

import pytest

from harness import Stack, wait_for

BLOCK = ("206228", "WA", "SEATTLE", "Seattle", 40)


@pytest.fixture(scope="module")
def rest():
    with Stack(sipmod=False, aof=True, credit="1000", conf={"http.token_rate": 0}) as s:
        s.other = s.add_trunkd()
        s.import_inventory(BLOCK)
        s.trunk = s.define_trunk(("127.0.0.3", 5060))
        yield s


@pytest.fixture(scope="module")
def clients(rest):
    """The same account at two trunkd."""
    return [rest.api, rest.api.with_(url=rest.other.url)]


def ask(client):
    """The client as one that asks with GET: replies to that are kept."""
    return client.with_(encoding="query")


def questions(rest):
    """How many functions were asked so far."""
    return rest.redis.client.info("commandstats")["cmdstat_fcall_ro"]["calls"]


def costs_nothing(rest, read, n=50):
    """Whether a read is answered from what is kept: jobs of both trunkd ask now and then."""
    def cost():
        before = questions(rest)
        for _ in range(n):
            read()
        return questions(rest) - before
    wait_for(lambda: cost() < n / 2, 10)


@pytest.mark.parametrize("read", [
    lambda c: c.get_trunk().good(), lambda c: c.getnumbers().good(), lambda c: c.searchdid(state="WA").good(),
    lambda c: c.get_trunk_termination().good(), lambda c: c.searchtfn(tfn_prefix="866").good()],
    ids=["get_trunk", "getnumbers", "searchdid", "get_trunk_termination", "searchtfn"])
def test_a_read_is_asked_once(rest, clients, read):
    first = read(ask(clients[0])).data
    costs_nothing(rest, lambda: read(ask(clients[0])))
    assert read(ask(clients[0])).data == first == read(ask(clients[1])).data == read(clients[1]).data


def hammer(clients, write, read, turns):
    """Writes and reads from all sides at once: each read must show the latest write answered before it. `write`
    (client, turn) is made by one thread, at each client in turn; `read` (client) returns the turn that it shows."""
    done, stale, seen = [0], [], [0]

    def reader(client):
        while done[0] < turns:
            known = done[0]
            shown = read(client)
            seen[0] += 1
            if shown < known:
                stale.append((known, shown))
    readers = [threading.Thread(target=reader, args=(client,)) for client in clients for _ in range(2)]
    for thread in readers:
        thread.start()
    try:
        for turn in range(1, turns + 1):
            write(clients[turn % 2], turn)
            for client in clients:
                assert read(client) == turn
            done[0] = turn
    finally:
        done[0] = turns
        for thread in readers:
            thread.join()
    assert not stale, stale[:3]
    assert seen[0] > turns


def test_no_trunk_is_older_than_an_answered_write(rest, clients):
    def write(client, turn):
        client.update_trunk(trunkid=rest.trunk, title=f"turn {turn}").good()

    def read(client):
        title = ask(client).get_trunk(tg_id=rest.trunk).good()["data"][0]["title"]
        return int(title.split()[-1]) if title.startswith("turn") else 0
    hammer(clients, write, read, 120)


def test_no_search_is_older_than_an_answered_write(rest, clients):
    cart = []

    def write(client, turn):
        if turn % 2:
            cart[:] = [client.reserve(category="landline", state="WA", number="2062280000").good()["reserveId"]]
        else:
            client.remove_reserved(reserveId=cart[0], number="2062280000").good()

    def read(client):
        first = ask(client).searchdid(state="WA", NPANXX="206228").good()["DIDs"][0]["TN"]
        return first == "2062280000"
    for turn in range(1, 41):
        write(clients[turn % 2], turn)
        for client in clients:
            assert read(client) == (turn % 2 == 0), turn


def test_numbers_show_an_order_and_the_operators_changes(rest, clients):
    for client in clients:
        assert ask(client).getnumbers().good()["data"] == []
    rest.order(rest.trunk, numbers=["2062280007"])
    for client in clients:
        assert [n["didnumber"] for n in ask(client).getnumbers().good()["data"]] == ["2062280007"]
    for turn in range(10):
        client = clients[turn % 2]
        client.updatenumber(number="2062280007", cnam=f"NAME {turn}").good()
        for c in clients:
            assert ask(c).getnumbers().good()["data"][0]["cnam"] == f"NAME {turn}"
    rest.ctl("grant", rest.api.accountno, rest.trunk, "--sessions", "7")
    for client in clients:
        assert ask(client).get_trunk(tg_id=rest.trunk).good()["data"][0]["alloc_sessions"] == "7"


def test_statistics_show_each_call(rest, clients):
    number, key = "2062280007", f"{{a:{rest.account}}}"

    def shown():
        return [ask(c).did_stats(number=number).good()["data"][0] for c in clients]
    for turn in range(1, 11):
        rest.redis.fcall("call_admit", key, turn, "in", number, "", "n", "b", "sip:a@b", "sip:c@d", "127.0.0.2:5060",
                         "test", f"{turn}@x", "", "", "", "", "486", "3600")
        assert [s["processed"] for s in shown()] == [str(turn - 1)] * 2
        rest.redis.fcall("call_finish", key, turn, "486", "busy", "caller", "", "", "", "", "", "0", "")
        assert [s["processed"] for s in shown()] == [str(turn)] * 2


def test_who_may_read_is_asked_like_the_rest(rest, clients):
    token = rest.add_token(rest.api.accountno, "short")
    own = [ask(client.with_(token=token)) for client in clients]
    for _ in range(3):
        for client in own:
            client.get_trunk().good()
    rest.ctl("token", "revoke", rest.api.accountno, "short")
    for client in own:
        client.get_trunk().refused("Invalid token")
    for client in clients:
        ask(client).get_trunk().good()


def test_rates_count_kept_replies(rest):
    limited = rest.ctl("token", "add", rest.api.accountno, "--label", "slow", "--rate", 10, "--burst", 5)["token"]
    client = ask(rest.api.with_(token=limited))
    for left in range(4, -1, -1):
        reply = client.get_trunk().good()
        assert reply.headers["X-RateLimit-Remaining"] == str(left)
    assert client.get_trunk().status == 429
    rest.ctl("token", "revoke", rest.api.accountno, "slow")


def test_a_store_that_is_gone_is_told(rest, clients):
    ask(clients[0]).get_trunk().good()
    rest.redis.kill9()
    assert ask(clients[0]).get_trunk().status == 503
    rest.redis.start()
    wait_for(lambda: ask(clients[0]).get_trunk().ok, 5)
