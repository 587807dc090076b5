"""bulkreserve and remove_reserved."""

import threading

import pytest

from harness import Stack


@pytest.fixture
def rest():
    """Carts are one an account and category: each test starts on a full stock."""
    with Stack(sipmod=False) as s:
        yield s


def bulk(api, **params):
    return api.bulkreserve(**{"category": "landline", "state": "WA", **params})


def test_ascending_over_the_state(rest):
    made = bulk(rest.api, quantity=130).good()
    wanted = sorted(n for n in rest.numbers if n[:3] in ("206", "425"))[:130]
    assert made["numbers"] == wanted and made["TNs"] == [" , ".join(wanted)]
    assert made["requested"] == "130" and made["reserveId"].isdigit() and made["expires"]
    more = bulk(rest.api, quantity="5").good()
    assert more["reserveId"] == made["reserveId"] and not set(more["numbers"]) & set(wanted)


@pytest.mark.parametrize("where, blocks", [
    ({"npanxx": "206220"}, ["206220"]), ({"city": "renton"}, ["425270"]), ({"NPANXX": "206219"}, ["206219"]),
    ({"npanxx": "206220", "state": None}, ["206220"])])
def test_narrowed(rest, where, blocks):
    assert {n[:6] for n in bulk(rest.api, quantity="3", **where).good()["numbers"]} == set(blocks)


def test_fewer_than_asked(rest):
    made = bulk(rest.api, npanxx="206220", quantity="1000").good()
    assert len(made["numbers"]) == 20 and made["requested"] == "1000"
    refused = bulk(rest.api, npanxx="206220", quantity="1").refused("No numbers available")
    assert refused["code"] == "no_numbers"


def test_tollfree(rest):
    made = rest.api.bulkreserve(category="TollFree", tfn_prefix="888", quantity="2").good()
    assert made["numbers"] == ["8882200000", "8882200001"]
    rest.api.bulkreserve(category="tollfree", tfn_prefix="833", quantity="1").refused("No numbers available")
    rest.api.bulkreserve(category="tollfree", quantity="1").refused("Invalid tfn_prefix")


def test_refusals(rest):
    bulk(rest.api, state=None, quantity="1").refused("Invalid state")
    bulk(rest.api, state=None, npanxx="916555", quantity="1").refused("Invalid npanxx")
    bulk(rest.api, npanxx="503222", quantity="1").refused("No numbers available")
    bulk(rest.api, city="a|b", quantity="1").refused("Invalid city")


def test_two_clients_share_no_number(rest):
    """Both take all of a block of 100 in pieces of ten."""
    clients = [rest.api, rest.api_of(*rest.add_account())]
    got = {0: [], 1: []}

    def take(who):
        while True:
            reply = bulk(clients[who], npanxx="206219", quantity="10")
            if not reply.ok:
                return
            got[who] += reply["numbers"]

    threads = [threading.Thread(target=take, args=(who,)) for who in got]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert len(got[0]) + len(got[1]) == 100 and not set(got[0]) & set(got[1])


def test_bulk_becomes_an_order(rest):
    made = bulk(rest.api, quantity="3").good()
    trunk = rest.define_trunk(("127.0.0.3", 5060))
    order = rest.api.gen_order(trunk_id=trunk, reserveId=made["reserveId"]).good()
    assert order["numbers"] == made["numbers"]
    rest.api.process_order(orderId=order["orderId"]).good()


def test_remove_some(rest):
    made = bulk(rest.api, quantity="4").good()
    first, second, *_ = made["numbers"]
    gone = rest.api.remove_reserved(reserveId=made["reserveId"], number=f"1{second},+1{first}, 2065550100").good()
    assert gone["Removed TNs"] == [f"{first} , {second}"] and gone["TNs not available"] == ["2065550100"]
    assert gone["removed"] == [first, second] and gone["notAvailable"] == ["2065550100"]
    assert bulk(rest.api, quantity="2").good()["numbers"] == [first, second]


def test_remove_all(rest):
    made = bulk(rest.api, quantity="4").good()
    assert rest.api.remove_reserved(reserveId=made["reserveId"]).good()["removed"] == made["numbers"]
    empty = rest.api.remove_reserved(reserveId=made["reserveId"]).good()
    assert empty["Removed TNs"] == [""] and empty["TNs not available"] == [""]
    other = rest.api_of(*rest.add_account())
    assert bulk(other, quantity="4").good()["numbers"] == made["numbers"]
    trunk = rest.define_trunk(("127.0.0.3", 5060))
    rest.api.gen_order(trunk_id=trunk, reserveId=made["reserveId"]).refused("Invalid reserveId")


def test_a_cart_of_another(rest):
    made = bulk(rest.api, quantity="1").good()
    other = rest.api_of(*rest.add_account())
    other.remove_reserved(reserveId=made["reserveId"]).refused("Invalid reserveId")
    rest.api.remove_reserved(reserveId="999").refused("Invalid reserveId")


# --- two trunkds ----------------------------------------------------------------------------


@pytest.fixture
def two(rest):
    """Clients of two accounts, each with a trunkd of its own."""
    second = rest.add_trunkd()
    return [rest.api, rest.api_of(*rest.add_account()).with_(url=second.url)]


def at_once(deeds):
    """Runs functions in threads that begin together; their results in order."""
    results, barrier = [None] * len(deeds), threading.Barrier(len(deeds))

    def run(i):
        barrier.wait()
        results[i] = deeds[i]()
    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(deeds))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    return results


def test_a_race_for_one_number_has_one_winner(rest, two):
    """Twice thirty numbers, each wanted by two clients at the same moment, alone and with others: all or none."""
    for i in range(30):
        number, other = f"206219{i:04d}", f"206219{60 + i:04d}"
        replies = at_once([lambda n=n, c=c: c.reserve(category="landline", state="WA", number=n)
                           for c, n in zip(two, (number, f"{other},{number}"))])
        won = [r for r in replies if r.ok]
        assert len(won) == 1, (number, replies)
        lost, = [r for r in replies if not r.ok]
        lost.refused("Invalid number")
        holder = rest.redis.client.hget("inv:{WA}:holder", number).split(":")[0]
        assert two[replies.index(won[0])].accountno == holder
        assert rest.redis.client.hexists("inv:{WA}:holder", other) == (replies[1] is won[0]), "all or none"


def test_a_thousand_at_once(rest, two):
    """Two clients take a thousand each while there are 1,500: ascending, none twice; one gets what is left."""
    rest.import_inventory(("503700", "OR", "SALEM", "Salem", 1500))
    replies = at_once([lambda c=c: bulk(c, state="OR", npanxx="503700", quantity="1000").good() for c in two])
    got = [r["numbers"] for r in replies]
    assert sorted(len(g) for g in got) == [500, 1000] and all(g == sorted(g) for g in got)
    assert sorted(got[0] + got[1]) == [f"503700{n:04d}" for n in range(1500)]
    assert {r["requested"] for r in replies} == {"1000"}
    winner = two[0] if len(got[0]) == 1000 else two[1]
    rest.ctl("account", "credit", winner.accountno, "10000")
    cart = replies[two.index(winner)]["reserveId"]
    order = winner.gen_order(trunk_id=rest.define_trunk(("127.0.0.3", 5060), api=winner), reserveId=cart).good()
    winner.process_order(orderId=order["orderId"]).good()
    assert len(winner.getnumbers(orderno=order["orderId"]).good()["data"]) == 1000
    bulk(two[0], state="OR", npanxx="503700", quantity="1").refused("No numbers available")
