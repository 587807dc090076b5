"""Revisions: whoever keeps a copy of an account's or an inventory's data learns from them of each change."""

import pathlib
import re

import pytest

from schema_client import NUMBERS, account_key, bitmap

KEY, WA = account_key(), "inv:{WA}"
LIBRARIES = pathlib.Path(__file__).resolve().parents[2] / "redis-schema" / "lib"


def revision(s, base):
    return s.client.get(f"{base}:rev")


@pytest.mark.parametrize("change", [
    lambda s: s.trunk_update(KEY, 11, "in", "title", "x"), lambda s: s.trunk_grant(KEY, 11, "5", ""),
    lambda s: s.number_update(KEY, "", "", "NAME", NUMBERS[0]), lambda s: s.token_add(KEY, "ab" * 32, "main", "all", 5),
    lambda s: s.account_set(KEY, "status", "0")],
    ids=["trunk", "grant", "number", "token", "account"])
def test_each_change_of_an_account_is_told(customer, change):
    before = revision(customer, KEY)
    assert change(customer)[0] == "ok"
    assert int(revision(customer, KEY)) > int(before)


def test_each_change_of_an_inventory_is_told(schema):
    seen = [0]
    for change in (lambda: schema.inv_import(WA, "206219", "Seattle", "Seattle", bitmap(range(9))),
                   lambda: schema.inv_hold(WA, "x", 60000, "2062190001"),
                   lambda: schema.inv_release(WA, "x", "2062190001")):
        assert change()[0] == "ok"
        seen.append(int(revision(schema, WA)))
    assert seen == sorted(set(seen))


def test_refusals_reads_and_carts_leave_it(customer):
    before = revision(customer, KEY)
    assert customer.trunk_update(KEY, 99, "in", "title", "x") == ["notfound"]
    assert customer.cart_open(KEY, "landline", 31)[0] == "ok"
    customer.trunk_list(KEY, "in")
    assert revision(customer, KEY) == before


def test_what_reads_keep_is_never_changed_aside():
    """Functions that leave the revision write no trunk, number, token, nor stock."""
    kept = re.compile(r"key\.(tokens|trunks?|numbers|free|known|blocks|free_count|available|ratecenter|city)\(")
    for path in LIBRARIES.glob("*.lua"):
        text = path.read_text()
        for name in re.findall(r"door\.write\(\{ '(\w+)', aside = true", text):
            body = re.search(rf"^local function {name}\(.*?^end$", text, re.M | re.S)[0]
            writes = re.findall(r"redis\.call\('(?:H?SET|H?DEL|ZADD|ZREM|SETBIT|HINCRBY)'.*", body)
            assert not [line for line in writes if kept.search(line)], name
