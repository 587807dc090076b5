"""Library inv: the inventory of a state."""

import random

import pytest

from harness import wait_for
from harness.store import read_table
from schema_client import bitmap

WA = "inv:{WA}"
HOUR = 3600000


def fill(schema, block="206219", lines=range(4), ratecenter="Seattle", city="Seattle"):
    return schema.inv_import(WA, block, ratecenter, city, bitmap(lines))


def found(reply):
    """Total, and the numbers of inv_search."""
    numbers = [block + lines[i:i + 4] for block, lines in zip(reply[2::4], reply[5::4])
               for i in range(0, len(lines), 4)]
    return int(reply[1]), numbers


def search(schema, npanxx="", line="", ratecenter="", city="", offset=0, limit=100):
    return found(schema.inv_search(WA, npanxx, line, ratecenter, city, offset, limit))


def free(schema):
    return search(schema, limit=100000)[1]


def check_consistent(schema):
    """Bits, counts and indexes tell the same."""
    client, blocks, avail = schema.client, schema.client.hgetall(f"{WA}:block"), {}
    for block, value in blocks.items():
        bits = client.bitcount(f"{WA}:free:{block}" if client.exists(f"{WA}:free:{block}") else f"{WA}:known:{block}")
        count, _, _ = value.split("|")
        assert int(count) == bits
        if bits:
            avail[block] = bits
    assert client.get(f"{WA}:count") == (str(sum(avail.values())) if avail else None)
    assert client.zrange(f"{WA}:avail", 0, -1) == sorted(avail)
    for kind, part in (("rc", 0), ("city", 1)):
        listed = {(key.split(":", 3)[3], block) for key in client.keys(f"{WA}:{kind}:*")
                  for block in client.zrange(key, 0, -1)}
        assert listed == {(name, b) for b in avail if (name := blocks[b].split("|")[part + 1])}
    held, timed = client.hgetall(f"{WA}:holder"), client.zrange(f"{WA}:holds", 0, -1)
    assert set(timed) <= set(held)
    assert not set(held) & set(free(schema))
    assert schema.inv_count(WA) == ["ok", str(len(avail))]


@pytest.fixture
def inventory(schema):
    assert fill(schema) == ["ok", "4"]
    assert fill(schema, "206301", [7, 9999], "Bellevue", "") == ["ok", "2"]
    return schema


def test_import_keeps_what_was_known(inventory):
    inventory.inv_hold(WA, "7:c:1", HOUR, "2062190001")
    assert fill(inventory, lines=range(6)) == ["ok", "2"]
    assert fill(inventory, lines=[0, 0, 6, 6]) == ["ok", "1"]
    assert free(inventory) == [f"206219{n:04d}" for n in (0, 2, 3, 4, 5, 6)] + ["2063010007", "2063019999"]
    check_consistent(inventory)


def test_import_of_a_whole_block(schema):
    assert fill(schema, lines=range(10000)) == ["ok", "10000"]
    assert search(schema, limit=1) == (10000, ["2062190000"])
    assert search(schema, offset=9999, limit=10) == (10000, ["2062199999"])
    assert schema.client.strlen(f"{WA}:known:206219") == 1250 and not schema.client.exists(f"{WA}:free:206219")
    check_consistent(schema)


def test_what_is_known_is_free_until_a_number_is_taken(schema):
    """A block's free lines are kept from its first number that is taken on, in whatever way."""
    def fresh(block, line):
        schema.inv_import(WA, block, "Seattle", "", bitmap([1, 2, 9999]))
        assert not schema.client.exists(f"{WA}:free:{block}")
        return f"{block}{line:04d}"

    assert schema.inv_hold(WA, "x", HOUR, fresh("206219", 2))[0] == "ok"
    one = fresh("206220", 1)
    assert schema.inv_take(WA, "x", HOUR, "206220", "", 1)[2:] == [one]
    assert schema.inv_withdraw(WA, fresh("206221", 2)) == ["ok", "1"]
    assert schema.inv_keep(WA, fresh("206222", 2)) == schema.inv_keep(WA, fresh("206223", 3)) == ["ok"]
    assert free(schema) == [f"2062{x}" for x in ("190001", "199999", "200002", "209999", "210001", "219999", "220001",
                                                 "229999", "230001", "230002", "239999")]
    check_consistent(schema)
    assert schema.inv_import(WA, "206223", "Seattle", "", bitmap([1, 2, 3, 4])) == ["ok", "1"]
    assert "2062230003" not in free(schema) and "2062230004" in free(schema)
    check_consistent(schema)


def test_import_moves_a_block_to_another_place(inventory):
    assert fill(inventory, lines=[], ratecenter="Tacoma", city="Tacoma") == ["ok", "0"]
    assert search(inventory, ratecenter="SEATTLE") == (0, [])
    assert search(inventory, city="tacoma")[0] == 4
    check_consistent(inventory)


def test_import_of_many_blocks(inventory):
    """New and known ones, in one call; one of them moves; the same again changes nothing."""
    inventory.inv_hold(WA, "7:c:1", HOUR, "2062190001")
    blocks = {"206219": [0, 1, 9], "206301": [], "206400": [5, 9999], "206401": [0]}
    args = [x for block, lines in blocks.items() for x in (block, "Tacoma", "", bitmap(lines))]
    assert inventory.inv_import(WA, *args) == ["ok", "4"]
    assert inventory.inv_import(WA, *args) == ["ok", "0"]
    assert search(inventory, ratecenter="Tacoma") == (9, free(inventory))
    assert free(inventory) == [f"206219{n:04d}" for n in (0, 2, 3, 9)] + [
        "2063010007", "2063019999", "2064000005", "2064009999", "2064010000"]
    assert not inventory.client.keys(f"{WA}:import:*")
    check_consistent(inventory)


@pytest.mark.parametrize("args", [
    ("20621", "S", "", "a"), ("206219", "S|T", "", "a"), ("206219", "S", "", "a" * 1251), ("206219", "S", ""),
    ("206219", "S", "", "a", "206219", "S", "", "a"), ("206219", "S", "", "a", "206220"),
    tuple(x for i in range(1001) for x in (str(206000 + i), "S", "", "a"))], ids=range(7))
def test_import_misuse(schema, args):
    schema.error("inv_import", WA, *args)
    assert not schema.client.keys("inv:*")


def test_blocks(inventory):
    fill(inventory, "206400", [], "Empty", "")
    rows = [{"npanxx": "206219", "ratecenter": "SEATTLE", "city": "SEATTLE", "free": "4"},
            {"npanxx": "206301", "ratecenter": "BELLEVUE", "city": "", "free": "2"}]
    assert inventory.table("inv_blocks", WA) == rows
    assert inventory.table("inv_blocks", WA, "Bellevue") == rows[1:]
    assert inventory.table("inv_blocks", WA, "", "Seattle") == rows[:1]
    assert inventory.table("inv_blocks", WA, "Bellevue", "Seattle") == []
    assert inventory.inv_count(WA) == ["ok", "2"]
    assert sorted(inventory.inv_imported(WA)[1:]) == ["206219", "206301", "206400"]
    assert inventory.inv_count("inv:{tf}") == ["ok", "0"]
    assert read_table(inventory.inv_blocks("inv:{tf}")) == []


@pytest.mark.parametrize("query,total,numbers", [
    ({}, 6, ["2062190000", "2062190001", "2062190002", "2062190003", "2063010007", "2063019999"]),
    ({"limit": 2}, 6, ["2062190000", "2062190001"]),
    ({"offset": 3, "limit": 2}, 6, ["2062190003", "2063010007"]),
    ({"offset": 4}, 6, ["2063010007", "2063019999"]),
    ({"offset": 6}, 6, []),
    ({"npanxx": "206301"}, 2, ["2063010007", "2063019999"]),
    ({"npanxx": "206301", "offset": 1}, 2, ["2063019999"]),
    ({"npanxx": "206301", "line": "9999"}, 1, ["2063019999"]),
    ({"npanxx": "206301", "line": "9999", "offset": 1}, 1, []),
    ({"npanxx": "206301", "line": "0001"}, 0, []),
    ({"npanxx": "206999"}, 0, []),
    ({"ratecenter": "bellevue"}, 2, ["2063010007", "2063019999"]),
    ({"city": "Seattle", "limit": 1}, 4, ["2062190000"]),
    ({"city": "Seattle", "ratecenter": "Bellevue"}, 0, []),
    ({"npanxx": "206301", "ratecenter": "Seattle"}, 0, []),
])
def test_search(inventory, query, total, numbers):
    assert search(inventory, **query) == (total, numbers)


def test_search_misuse(inventory):
    for args in [("", "0001", "", "", 0, 1), ("20621", "", "", "", 0, 1), ("", "", "", "", -1, 1),
                 ("", "", "", "", 0, 0)]:
        inventory.error("inv_search", WA, *args)


def test_hold_is_all_or_none(inventory):
    word, expires = inventory.inv_hold(WA, "7:c:1", HOUR, "2062190000", "2062190001", "2062190000")
    assert word == "ok" and abs(int(expires) - inventory.now() - HOUR) < 5000
    assert inventory.inv_hold(WA, "8:c:1", HOUR, "2062190002", "2062190001") == ["taken", "2062190001"]
    assert inventory.inv_hold(WA, "8:c:1", HOUR, "2062190002", "2069990000") == ["taken", "2069990000"]
    assert "2062190002" in free(inventory)
    assert inventory.client.hmget(f"{WA}:block", "206219", "206301") == ["2|SEATTLE|SEATTLE", "2|BELLEVUE|"]
    check_consistent(inventory)


def test_hold_again_extends_it(inventory):
    inventory.inv_hold(WA, "7:c:1", 1000, "2062190000")
    expires = inventory.inv_hold(WA, "7:c:1", HOUR, "2062190000", "2062190001")[1]
    assert inventory.client.zscore(f"{WA}:holds", "2062190000") == int(expires)
    check_consistent(inventory)


def test_last_number_takes_its_block_from_the_indexes(inventory):
    inventory.inv_hold(WA, "7:c:1", HOUR, "2063010007", "2063019999")
    check_consistent(inventory)
    assert inventory.inv_count(WA) == ["ok", "1"]
    assert inventory.inv_release(WA, "7:c:1", "2063010007") == ["ok", "1"]
    check_consistent(inventory)
    assert inventory.inv_count(WA) == ["ok", "2"]


def test_release_leaves_others_alone(inventory):
    inventory.inv_hold(WA, "7:c:1", HOUR, "2062190000")
    inventory.inv_hold(WA, "8:c:1", HOUR, "2062190001")
    assert inventory.inv_release(WA, "7:c:1", "2062190000", "2062190001", "2062190002") == ["ok", "1"]
    assert inventory.inv_release(WA, "7:c:1", "2062190000") == ["ok", "0"]
    assert inventory.inv_hold(WA, "7:c:1", HOUR, "2062190001") == ["taken", "2062190001"]
    check_consistent(inventory)


def test_move(inventory):
    inventory.inv_hold(WA, "7:c:1", HOUR, "2062190000", "2062190001")
    expires = inventory.inv_move(WA, "7:c:1", "7:o:2", 2 * HOUR, "2062190000", "2062190001")[1]
    assert abs(int(expires) - inventory.now() - 2 * HOUR) < 5000
    assert inventory.inv_move(WA, "7:c:1", "7:o:2", HOUR, "2062190000", "2062190001")[0] == "ok"
    assert inventory.inv_move(WA, "7:c:1", "7:o:3", HOUR, "2062190000") == ["lost", "2062190000"]
    assert inventory.inv_move(WA, "7:o:2", "7:o:3", HOUR, "2062190000", "2062190002") == ["lost", "2062190002"]
    assert inventory.client.hget(f"{WA}:holder", "2062190000") == "7:o:2"


def test_pinned_hold_does_not_end(inventory):
    inventory.inv_hold(WA, "7:c:1", 1, "2062190000")
    assert inventory.inv_move(WA, "7:c:1", "7:o:2", 0, "2062190000") == ["ok", "0"]
    assert inventory.inv_hold(WA, "7:o:2", 1, "2062190000", "2062190001")[0] == "ok"
    wait_for(lambda: inventory.inv_expire(WA, 10) == ["ok", "1"])
    assert inventory.client.hgetall(f"{WA}:holder") == {"2062190000": "7:o:2"}
    assert inventory.client.zcard(f"{WA}:holds") == 0
    check_consistent(inventory)


def test_sell(inventory):
    inventory.inv_hold(WA, "7:o:2", HOUR, "2062190000")
    inventory.inv_hold(WA, "8:c:1", HOUR, "2062190001")
    for _ in range(2):
        assert inventory.inv_sell(WA, "7:o:2", "2062190000", "2062190001", "2062190002") == ["ok"]
    assert inventory.client.hgetall(f"{WA}:holder") == {"2062190001": "8:c:1"}
    assert inventory.inv_hold(WA, "9:c:1", HOUR, "2062190000") == ["taken", "2062190000"]
    assert free(inventory)[:2] == ["2062190002", "2062190003"]
    check_consistent(inventory)


def test_quarantine(inventory):
    inventory.inv_hold(WA, "7:o:2", HOUR, "2062190000", "2062190001")
    inventory.inv_sell(WA, "7:o:2", "2062190000")
    assert inventory.inv_quarantine(WA, HOUR, "2062190000", "2062190001", "2062190002", "2069990000") == ["ok"]
    first = inventory.client.zrange(f"{WA}:rest", 0, -1, withscores=True)
    assert [number for number, _ in first] == ["2062190000"]
    assert inventory.inv_quarantine(WA, 1, "2062190000") == ["ok"]
    assert inventory.client.zrange(f"{WA}:rest", 0, -1, withscores=True) == first
    assert inventory.inv_expire(WA, 10) == ["ok", "0"]
    assert inventory.inv_hold(WA, "9:c:1", HOUR, "2062190000") == ["taken", "2062190000"]


def test_expire(inventory):
    inventory.inv_hold(WA, "7:c:1", 1, "2062190000", "2062190001", "2063010007")
    inventory.inv_hold(WA, "7:c:2", HOUR, "2062190002")
    inventory.inv_hold(WA, "7:o:3", HOUR, "2062190003")
    inventory.inv_sell(WA, "7:o:3", "2062190003")
    inventory.inv_quarantine(WA, 0, "2062190003")
    wait_for(lambda: inventory.now() > inventory.client.zrange(f"{WA}:holds", 2, 2, withscores=True)[0][1])
    assert inventory.inv_expire(WA, 2) == ["ok", "2"]
    assert inventory.inv_expire(WA, 9) == ["ok", "2"]
    assert inventory.inv_expire(WA, 9) == ["ok", "0"]
    assert "2062190002" not in free(inventory) and len(free(inventory)) == 5
    check_consistent(inventory)


def test_two_carts_never_hold_the_same(schema):
    """Random holds, moves, releases, sales and rests against a model."""
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    fill(schema, lines=range(20))
    fill(schema, "206301", range(5), "Bellevue", "Bellevue")
    numbers = [f"206219{n:04d}" for n in range(20)] + [f"206301{n:04d}" for n in range(5)]
    owners, holder, sold = ["1:c:1", "2:c:1", "1:o:9"], {}, set()
    for _ in range(400):
        some, owner, other = chance.sample(numbers, chance.randint(1, 6)), *chance.sample(owners, 2)
        op = chance.choice(["hold", "hold", "hold", "release", "move", "sell", "rest"])
        if op == "hold":
            bad = [n for n in some if n in sold or holder.get(n, owner) != owner]
            assert schema.inv_hold(WA, owner, HOUR, *some)[0] == ("taken" if bad else "ok")
            holder.update({} if bad else {n: owner for n in some})
        elif op == "release":
            mine = [n for n in some if holder.get(n) == owner]
            assert schema.inv_release(WA, owner, *some) == ["ok", str(len(mine))]
            for n in mine:
                del holder[n]
        elif op == "move":
            bad = [n for n in some if holder.get(n) not in (owner, other)]
            ms = chance.choice([0, HOUR])
            assert schema.inv_move(WA, owner, other, ms, *some)[0] == ("lost" if bad else "ok")
            holder.update({} if bad else {n: other for n in some})
        elif op == "sell":
            mine = {n for n in some if holder.get(n) == owner}
            assert schema.inv_sell(WA, owner, *some) == ["ok"]
            sold |= mine
            for n in mine:
                del holder[n]
        else:
            assert schema.inv_quarantine(WA, 0, *some) == ["ok"]
            assert schema.inv_expire(WA, 100) == ["ok", str(len(sold & set(some)))]
            sold -= set(some)
        assert schema.client.hgetall(f"{WA}:holder") == holder
        assert free(schema) == [n for n in numbers if n not in holder and n not in sold]
        check_consistent(schema)


def test_many_blocks(schema):
    """More than are looked at in one go: searched in order, counted or not, taken from any place."""
    blocks = [str(206200 + i) for i in range(1500)]
    for some in (blocks[:700], blocks[700:]):
        args = [x for i, b in enumerate(some) for x in (b, f"RC{i % 3}", "Even" if i % 2 else "", bitmap([i % 5]))]
        assert schema.inv_import(WA, *args) == ["ok", str(len(some))]
    total, numbers = search(schema, limit=2000)
    assert total == len(numbers) == 1500 and numbers == sorted(numbers)
    assert [n[:6] for n in numbers] == blocks
    assert search(schema, offset=1200, limit=5) == (1500, numbers[1200:1205])
    for limit in (1, 2, 3, 18, 19, 146, 147, 1500):
        assert found(schema.inv_search(WA, "", "", "", "", 0, limit, "uncounted"))[1] == numbers[:limit]
    assert search(schema, ratecenter="RC1", city="even", limit=2000)[0] == 251
    places = [{}, {"ratecenter": "rc1"}, {"city": "Even"}, {"city": "x"}, {"ratecenter": "RC1", "city": "Even"}]
    assert [search(schema, **place, limit=1)[0] for place in places] == [1500, 500, 750, 0, 251]
    assert schema.inv_take(WA, "x", HOUR, "2080", "", 3) == ["none"]
    assert schema.inv_take(WA, "x", HOUR, "2065", "", 1000)[2:] == [n for n in numbers if n.startswith("2065")]
    assert schema.inv_take(WA, "x", HOUR, "", "", 150)[2:] == numbers[:150]
    check_consistent(schema)


def test_take_the_first(schema):
    schema.inv_import(WA, "206219", "SEATTLE", "Seattle", bitmap([1, 2, 3]))
    schema.inv_import(WA, "425270", "RENTON", "Renton", bitmap([5, 6]))
    assert schema.inv_hold(WA, "z", HOUR, "2062190002")[0] == "ok"
    expires, *numbers = schema.inv_take(WA, "x", HOUR, "", "", 3)[1:]
    assert numbers == ["2062190001", "2062190003", "4252700005"] and int(expires) > schema.now()
    assert {n: schema.client.hget(f"{WA}:holder", n) for n in numbers} == dict.fromkeys(numbers, "x")
    assert schema.inv_take(WA, "x", HOUR, "206219", "", 5) == ["none"]
    assert schema.inv_take(WA, "x", HOUR, "", "Seattle", 5) == ["none"]
    assert schema.inv_take(WA, "y", HOUR, "4", "renton", 5)[2:] == ["4252700006"]
    assert schema.inv_count(WA) == ["ok", "0"]


def test_lookup(schema):
    schema.inv_import(WA, "206219", "SEATTLE", "", bitmap([1]))
    schema.inv_import(WA, "206220", "", "Renton", bitmap([1]))
    assert schema.inv_lookup(WA, "2062190001", "2062190002", "2062200001", "2062210001") == \
        ["ok", "known", "SEATTLE", "", "block", "SEATTLE", "", "known", "", "RENTON", "", "", ""]


def test_free_numbers_are_withdrawn_as_if_never_imported(schema):
    s = schema
    before = s.snapshot()
    s.inv_import(WA, "253555", "Tacoma", "Tacoma", bitmap([1, 2, 3]))
    s.inv_hold(WA, "x", 60000, "2535550002")
    assert s.inv_withdraw(WA, "2535550001", "2535550002", "2535559999", "2535550001") == ["ok", "1"]
    assert s.inv_number(WA, "2535550001") == ["unknown"]
    assert s.inv_number(WA, "2535550002")[:3] == ["ok", "held", "x"]
    s.inv_release(WA, "x", "2535550002")
    assert s.inv_withdraw(WA, "2535550002", "2535550003") == ["ok", "2"]
    assert s.snapshot() == before
    assert s.inv_withdraw(WA, "2535550003") == ["ok", "0"] and s.snapshot() == before


def test_numbers_from_elsewhere_are_kept_from_sale(schema):
    s = schema
    before = s.snapshot()
    assert s.inv_keep(WA, "2535550001", "2535550002") == ["ok"] == s.inv_keep(WA, "2535550001")
    assert s.inv_import(WA, "253555", "Tacoma", "Tacoma", bitmap([1, 2, 3])) == ["ok", "1"]
    assert s.inv_number(WA, "2535550001")[:2] == ["ok", "taken"]
    assert s.inv_search(WA, "253555", "", "", "", 0, 10)[1] == "1"
    assert s.inv_keep(WA, "2535550003") == ["ok"]
    assert s.inv_search(WA, "253555", "", "", "", 0, 10)[1] == "0"
    s.inv_import(WA, "253555", "Tacoma", "Tacoma", bitmap([4]))
    s.inv_hold(WA, "x", 60000, "2535550004")
    assert s.inv_keep(WA, "2535550005", "2535550004") == ["held", "2535550004"]
    assert s.inv_number(WA, "2535550005") == ["unknown"]
    assert s.inv_forget(WA, "2535550001", "2535550002", "2535550003", "2535550004", "2535559999") == ["ok"]
    assert s.inv_number(WA, "2535550001") == ["unknown"] and s.inv_number(WA, "2535550004")[1] == "held"
    s.inv_release(WA, "x", "2535550004")
    assert s.inv_forget(WA, "2535550004") == ["ok"] and s.inv_number(WA, "2535550004")[1] == "free"
    s.inv_withdraw(WA, "2535550004")
    assert s.snapshot() == before


def test_a_resting_number_that_comes_in_rests_no_more(schema):
    s = schema
    s.inv_import(WA, "253555", "Tacoma", "", bitmap([1]))
    s.inv_hold(WA, "x", 60000, "2535550001")
    s.inv_sell(WA, "x", "2535550001")
    s.inv_quarantine(WA, 1, "2535550001")
    assert s.inv_keep(WA, "2535550001") == ["ok"]
    assert s.inv_expire(WA, 10) == ["ok", "0"] and s.inv_number(WA, "2535550001")[1] == "taken"


def test_sums(schema):
    s = schema
    assert s.inv_sums(WA) == ["ok", "0", "0", "0", "0"]
    s.inv_import(WA, "253555", "Tacoma", "", bitmap([1, 2, 3, 4, 5]))
    s.inv_import(WA, "253556", "Tacoma", "", bitmap([1]))
    s.inv_hold(WA, "x", 60000, "2535550001", "2535550002", "2535560001")
    assert s.inv_sums(WA) == ["ok", "1", "3", "3", "0"]
    s.inv_sell(WA, "x", "2535550001")
    s.inv_quarantine(WA, 60000, "2535550001")
    assert s.inv_sums(WA) == ["ok", "1", "3", "2", "1"]


def test_where_a_number_stands(schema):
    s = schema
    s.inv_import(WA, "253555", "Tacoma", "Fircrest", bitmap([1]))
    number = "2535550001"
    assert s.inv_number(WA, number) == ["ok", "free", "", "0", "TACOMA", "FIRCREST"]
    expires = s.inv_hold(WA, "x", 60000, number)[1]
    assert s.inv_number(WA, number)[1:4] == ["held", "x", expires]
    s.inv_move(WA, "x", "y", 0, number)
    assert s.inv_number(WA, number)[1:4] == ["held", "y", "0"]
    s.inv_sell(WA, "y", number)
    assert s.inv_number(WA, number)[1:4] == ["taken", "", "0"]
    s.inv_quarantine(WA, 60000, number)
    assert s.inv_number(WA, number)[1] == "resting" and int(s.inv_number(WA, number)[3]) > s.now()
    assert s.inv_number(WA, "2535550002") == ["unknown"]
