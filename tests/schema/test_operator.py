"""Operators of the ops page: their tokens and sessions, and when these end."""

import pytest

OPS = "{ops}"
TOKEN, OTHER, SESSION = "ab" * 32, "cd" * 32, "12" * 32
HOUR = 3600000


@pytest.fixture
def s(schema):
    assert schema.operator_find(OPS, "token", TOKEN) == ["none"]
    assert schema.operator_add(OPS, TOKEN, "night", HOUR, "") == ["ok"]
    return schema


def age(s, hash_name, field):
    """Lets the end of an operator or of a session have come."""
    key = f"{OPS}:{hash_name}"
    words = s.client.hget(key, field).split(" ")
    words[2 if hash_name == "operators" else 1] = str(s.now() - 1)
    s.client.hset(key, field, " ".join(words))


def test_add_list_and_revoke(s):
    assert s.operator_add(OPS, OTHER, "night", HOUR, "") == s.operator_add(OPS, TOKEN, "day", HOUR, "") == ["exists"]
    assert s.operator_add(OPS, OTHER, "day", 2 * HOUR, "192.0.2.0/24,2001:db8::1") == ["ok"]
    rows = {row["label"]: row for row in s.table("operator_list", OPS)}
    assert sorted(rows) == ["day", "night"]
    assert (rows["night"]["hash"], rows["night"]["allow"]) == (TOKEN, "")
    assert rows["day"]["allow"] == "192.0.2.0/24,2001:db8::1"
    assert int(rows["day"]["ends"]) - int(rows["day"]["created"]) == 2 * HOUR
    assert s.operator_revoke(OPS, "day") == ["ok", OTHER]
    assert s.operator_revoke(OPS, OTHER) == ["notfound"]
    assert s.operator_revoke(OPS, TOKEN) == ["ok", TOKEN]
    assert not s.client.exists(f"{OPS}:operators")


def test_find(s):
    word, label, token, allow, left = s.operator_find(OPS, "token", TOKEN)
    assert (word, label, token, allow) == ("ok", "night", TOKEN, "") and HOUR - 5000 < int(left) <= HOUR
    assert s.operator_find(OPS, "token", OTHER) == s.operator_find(OPS, "session", TOKEN) == ["notfound"]
    age(s, "operators", TOKEN)
    assert s.operator_find(OPS, "token", TOKEN) == ["notfound"]
    assert s.session_open(OPS, TOKEN, SESSION, 1000) == ["notfound"]


def test_session(s):
    assert s.session_open(OPS, OTHER, SESSION, 1000) == ["notfound"]
    assert s.session_open(OPS, TOKEN, SESSION, 60000) == ["ok", "night", ""]
    word, label, token, _, left = s.operator_find(OPS, "session", SESSION)
    assert (word, label, token) == ("ok", "night", TOKEN) and 50000 < int(left) <= 60000
    assert s.operator_find(OPS, "token", SESSION) == ["notfound"]
    assert s.session_close(OPS, SESSION) == s.session_close(OPS, SESSION) == ["ok"]
    assert s.operator_find(OPS, "session", SESSION) == ["notfound"]


def test_a_session_ends_by_itself_and_with_its_operator(s):
    s.session_open(OPS, TOKEN, SESSION, 60000)
    age(s, "sessions", SESSION)
    assert s.operator_find(OPS, "session", SESSION) == ["notfound"]
    s.session_open(OPS, TOKEN, SESSION, 999 * HOUR)
    assert int(s.operator_find(OPS, "session", SESSION)[4]) <= HOUR
    age(s, "operators", TOKEN)
    assert s.operator_find(OPS, "session", SESSION) == ["notfound"]
    s.operator_revoke(OPS, "night")
    assert not s.client.exists(f"{OPS}:sessions")


def test_both_are_bounded(s):
    for i in range(1, 100):
        assert s.operator_add(OPS, f"{i:064x}", f"n{i}", HOUR, "") == ["ok"]
    assert s.operator_add(OPS, OTHER, "more", HOUR, "") == ["limit"]
    for i in range(100):
        assert s.session_open(OPS, TOKEN, f"{i:064x}", 60000 + i)[0] == "ok"
    age(s, "sessions", f"{50:064x}")
    assert s.session_open(OPS, TOKEN, OTHER, 60000)[0] == "ok"
    assert s.operator_find(OPS, "session", f"{0:064x}")[0] == "ok"  # the one that had ended made room
    assert s.session_open(OPS, TOKEN, SESSION, 90000)[0] == "ok"
    assert s.client.hlen(f"{OPS}:sessions") == 100
    assert s.operator_find(OPS, "session", f"{0:064x}") == ["notfound"]


@pytest.mark.parametrize("args", [
    ("ab", "x", HOUR, ""), (TOKEN, "a b", HOUR, ""), (TOKEN, "", HOUR, ""), (OTHER, "x", 0, ""), (OTHER, "x", "", ""),
    (OTHER, "x", HOUR, "somewhere"), (OTHER, "x", HOUR, "1.2.3.4 ")])
def test_malformed(s, args):
    assert s.error("operator_add", OPS, *args).startswith("operator_add: ")
