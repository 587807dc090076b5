"""trunkctl operator …: a token is shown once, and what Redis holds of it is its hash."""

import hashlib

import pytest

from ctl_client import USAGE


def test_add_shows_the_token_once(ctl, server):
    made = ctl("operator", "add", "night", "--days", "7", "--allow", "192.0.2.0/24")
    assert (made["label"], made["days"], len(made["token"])) == ("night", 7, 64)
    listed, = ctl("operator", "list")
    digest = hashlib.sha256(made["token"].encode()).hexdigest()
    assert (listed["label"], listed["hash"], listed["allow"]) == ("night", digest[:12], "192.0.2.0/24")
    assert list(server.client.hgetall("{ops}:operators")) == [digest] and listed["ends"] > listed["created"]


def test_revoke(ctl, server):
    ctl("operator", "add", "night")
    ctl("operator", "add", "day")
    assert ctl("operator", "revoke", "night")["label"] == "night"
    assert [o["label"] for o in ctl("operator", "list")] == ["day"]


def test_refusals(ctl):
    ctl("operator", "add", "night")
    assert "LABEL: there is such an operator already" in ctl.fails("operator", "add", "night")
    assert "LABEL: no such operator" in ctl.fails("operator", "revoke", "day")


@pytest.mark.parametrize("words", [["add"], ["add", "a b"], ["add", "x", "--days", "0"], ["add", "x", "--days", "4000"],
                                   ["add", "x", "--allow", "here"], ["revoke"]])
def test_bad_words(ctl, words):
    ctl.fails("operator", *words, code=USAGE)
    assert ctl("operator", "list") == []
