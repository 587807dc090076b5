"""daily_cdrs and daily_cdrs_termination: links to the archive's files."""

import csv
import datetime
import io
import os

import pytest

from document import check_reply
from harness import wait_for

ENDPOINTS = {"daily_cdrs": "in", "daily_cdrs_termination": "out"}


def day(ago):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=ago)).strftime("%Y-%m-%d")


def fetch(rest, link):
    assert link.startswith(rest.trunkd.url + "/uploads/cdr/"), link
    return rest.api.raw("GET", link[len(rest.trunkd.url):])


@pytest.fixture(scope="module")
def folder(rest):
    """The account's folder of files, once the archive has made it."""
    path = os.path.join(rest.files, "cdr", rest.account)
    wait_for(lambda: os.path.exists(os.path.join(path, "position")), 30)
    return path


@pytest.fixture(scope="module")
def past(folder):
    """Files of three days: yesterday's both, one kind each 29 and 30 days ago."""
    for ago, direction, outcome in [(1, "in", "success"), (1, "in", "failed"), (29, "in", "failed"),
                                    (30, "in", "success"), (1, "out", "success"), (2, "out", "failed")]:
        with open(os.path.join(folder, f"{day(ago)}-{direction}-{outcome}.csv"), "w", encoding="utf-8") as f:
            f.write(f"id\n{direction}{outcome}{ago}\n")
    for name in (f"{day(3)}-in-other.csv", f"{day(3)}-in-success.csv.tmp", f".{day(3)}-in-success.csv", "x"):
        with open(os.path.join(folder, name), "w", encoding="utf-8"):
            pass


def dates(reply):
    return [entry["date"] for entry in reply["data"]]


def test_last_30_days_newest_first(api, past):
    reply = check_reply("daily_cdrs", api.daily_cdrs())
    assert dates(reply) == [f"{day(1)} 00:00:00", f"{day(29)} 00:00:00"]
    assert reply["data"][1]["success"] == ""
    assert dates(check_reply("daily_cdrs_termination", api.daily_cdrs_termination())) == [
        f"{day(1)} 00:00:00", f"{day(2)} 00:00:00"]


def test_links_lead_to_the_files(rest, api, past):
    entry = api.daily_cdrs().good()["data"][0]
    for outcome in ("success", "failed"):
        file = fetch(rest, entry[outcome])
        assert (file.status, file.text) == (200, f"id\nin{outcome}1\n")
        assert file.headers["Content-Type"].startswith("text/csv")
        bare = entry[outcome].partition("?")[0]
        assert fetch(rest, bare).status == 404
        assert fetch(rest, entry[outcome].replace(day(1), day(30))).status == 404


@pytest.mark.parametrize("range_,ago", [
    ({"from": 30}, [1, 29, 30]), ({"from": 30, "to": 29}, [29, 30]), ({"from": 29, "to": 29}, [29]),
    ({"to": 2}, [29, 30]), ({"to": 30}, [30]), ({"from": 28, "to": 2}, []), ({"from": 1, "to": 30}, [])])
def test_range_is_inclusive(api, past, range_, ago):
    found = api.daily_cdrs(**{name: day(days) for name, days in range_.items()}).good()
    assert dates(found) == [f"{day(days)} 00:00:00" for days in ago]


def test_a_moment_stands_for_its_day(api, past):
    found = api.daily_cdrs(**{"from": f"{day(29)} 13:00:00", "to": f"{day(29)}T00:00:01Z"}).good()
    assert dates(found) == [f"{day(29)} 00:00:00"]


def test_paging(api, past):
    reply = api.daily_cdrs(limit=1, offset=1, **{"from": day(30)}).good()
    assert (dates(reply), reply["total"]) == ([f"{day(29)} 00:00:00"], "3")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_others_see_nothing(other, past, endpoint):
    assert other.call(endpoint).good()["data"] == []


def test_calls_come_to_the_files(rest, trunk):
    """Calls of an account whose files the archive alone writes."""
    account, token = rest.add_account()
    api = rest.api_of(account, token)
    number, = rest.order(rest.define_trunk(("127.0.0.3", 5060), api=api), api=api)
    key = f"{{a:{account}}}"
    for call, code, reason, answered in (("a", "200", "answered", "1000"), ("b", "486", "busy", "")):
        reply = rest.redis.fcall("call_admit", key, call, "in", number, "", "n", "b", "sip:a@b", "sip:c@d",
                                 "127.0.0.2:5060", "test", f"{call}@x", "", "", "", "", "486", "3600")
        assert reply[:2] == ["ok", "new"], reply
        invited = int(rest.redis.client.hget(f"{key}:call:{call}", "invite_ms")) - 5000
        rest.redis.client.hset(f"{key}:call:{call}", "invite_ms", invited)
        rest.redis.fcall("call_finish", key, call, code, reason, "caller", "", "", "", "", answered, "0", "")

    def both():  # the archive may come between the two calls
        return [e for e in api.daily_cdrs().good()["data"] if e["success"] and e["failed"]]
    entry, = wait_for(both, 30)
    for outcome, call in (("success", "a"), ("failed", "b")):
        row, = csv.DictReader(io.StringIO(fetch(rest, entry[outcome]).text))
        assert (row["id"], row["number"], row["account"]) == (call, number, account)
    assert api.daily_cdrs_termination().good()["data"] == []
