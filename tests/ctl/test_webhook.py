"""trunkctl webhook …: what it takes, what it refuses, and that a secret is shown once."""

import pytest

from ctl_client import USAGE

URL = "https://hooks.example.net/trunkline"


@pytest.fixture
def webhook(ctl, account):
    return ctl("webhook", "add", account, URL)


def test_add_shows_the_secret_once(ctl, account, webhook, server):
    assert len(webhook["secret"]) == 64 and webhook["url"] == URL and webhook["events"] == "all"
    assert webhook["status"] == 1 and webhook["waiting"] == 0
    listed, = ctl("webhook", "list", account)
    assert listed["secret"] == "" and {**listed, "secret": webhook["secret"]} == webhook
    assert ctl("webhook", "list") == [listed] and server.client.smembers("hooks") == {account}


def test_rotate_makes_another(ctl, account, webhook):
    again = ctl("webhook", "rotate", account, webhook["webhook"])
    assert len(again["secret"]) == 64 and again["secret"] != webhook["secret"]


def test_events_and_url_can_change(ctl, account, webhook):
    changed = ctl("webhook", "set", account, webhook["webhook"], "--events", "order,port", "--url", URL + "/2")
    assert (changed["events"], changed["url"]) == ("order,port", URL + "/2")


def test_remove_keeps_the_index_right(ctl, account, webhook, server):
    second = ctl("webhook", "add", account, URL + "/2")
    assert ctl("webhook", "remove", account, webhook["webhook"]) == {"webhooks_left": 1}
    assert server.client.smembers("hooks") == {account}
    assert ctl("webhook", "remove", account, second["webhook"]) == {"webhooks_left": 0}
    assert not server.client.smembers("hooks")


@pytest.mark.parametrize("url,why", [
    ("http://hooks.example.net/", "must begin with https://"), ("ftp://hooks.example.net/", "must begin with https://"),
    ("https://me:secret@hooks.example.net/", "no user and password"),
    ("https://hooks.example.net/#x", "no part after #"),
    ("https://127.0.0.1/", "not public"), ("https://[::1]:8443/", "not public"), ("https://0x7f.1/", "not public"),
    ("https://169.254.169.254/latest", "not public"), ("https://hooks.example.net:0x50/", "is no URL"),
])
def test_a_bad_url_is_refused(ctl, account, url, why):
    assert why in ctl.fails("webhook", "add", account, url, code=USAGE)
    assert ctl("webhook", "list", account) == []


@pytest.mark.parametrize("events", ["orders", "order,", ",order", "order,,port", "all,order"])
def test_bad_events_are_refused(ctl, account, events):
    assert "Invalid --events" in ctl.fails("webhook", "add", account, URL, "--events", events, code=USAGE)


def test_what_is_not_there(ctl, account, webhook):
    for words in (["rotate"], ["remove"], ["test"], ["dead"], ["replay"], ["set", "--status", 0]):
        verb, *rest = words
        assert "no such account or webhook" in ctl.fails("webhook", verb, account, 99, *rest)
    assert "no such dead event" in ctl.fails("webhook", "replay", account, webhook["webhook"])
    assert "no such account" in ctl.fails("webhook", "add", "7777777", URL)
    assert "there is a webhook with it already" in ctl.fails("webhook", "add", account, URL)


def test_the_number_of_webhooks_is_limited(ctl, account):
    for n in range(8):
        ctl("webhook", "add", account, f"{URL}/{n}")
    assert "webhook.most" in ctl.fails("webhook", "add", account, URL)


def test_the_mark_of_a_low_balance(ctl, account):
    assert ctl("account", "set", account, "--low-balance", "12.5")["low_balance"] == "12.50"
    assert ctl("account", "set", account, "--low-balance", "-5")["low_balance"] == "-5.00"
    assert ctl("account", "set", account, "--low-balance", "none")["low_balance"] is None
