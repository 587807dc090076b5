"""Parsing, help and the choice of the server: what every verb shares."""

import re
import subprocess

import pytest

from ctl_client import DONE, FAILED, USAGE, Cli
from harness import write_conf
from harness.ports import free_port
from harness.programs import program

VERBS = [
    "account add", "account set", "account list", "account show", "account credit", "token add", "token list",
    "token rotate", "token revoke", "operator add", "operator list", "operator revoke", "webhook add", "webhook list",
    "webhook set", "webhook rotate", "webhook remove", "webhook test", "webhook dead", "webhook replay",
    "inventory import", "inventory remove", "inventory show", "carrier add", "carrier list", "carrier remove",
    "gateway add", "gateway route", "gateway list", "gateway remove", "rate set", "rate import", "rate list",
    "grant", "trunk list", "number show", "number cancel", "call list", "call show", "call kill",
    "trace start", "trace stop", "trace list", "trace get", "trace show", "cdr list",
    "tap list", "tap compare", "tap clear", "watch", "top",
    "order list", "order show", "order cancel",
    "lnp coverage import", "lnp coverage list", "lnp coverage remove", "port list", "port show", "port reasons",
    "port set", "port submit", "port exception", "port foc", "port complete", "port cancel", "port reject",
    "payment list", "payment add", "payment refund", "payment cancel", "fee run", "invoice make", "invoice list",
    "audit list", "reconcile", "schema load", "schema show",
]


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """trunkctl with a server that isn't there."""
    path = tmp_path_factory.mktemp("conf") / "ctl.ini"
    return Cli(str(write_conf(path, {"redis.address": f"127.0.0.1:{free_port()}"})))


def test_help_lists_every_verb(offline):
    listed = re.findall(r"^  (\w+(?: \w+){0,2})  ", offline.run("help").stdout, re.MULTILINE)
    assert [v for v in listed if not v.startswith("-")] == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(offline, verb):
    for words in (["help", *verb.split()], [*verb.split(), "--help"], ["-h", *verb.split()]):
        done = offline.run(*words)
        assert done.returncode == DONE
        assert done.stdout.startswith(f"Usage: trunkctl {verb}")


def test_help_of_a_noun(offline):
    assert "token revoke" in offline.run("token", "--help").stdout
    assert "account" not in offline.run("help", "token").stdout.split("\n", 2)[0]


def test_options_and_arguments_are_in_help(offline):
    text = offline.run("help", "account", "credit").stdout
    assert all(word in text for word in ("ACCT", "AMOUNT", "--activity TEXT", "--ref REF", "--note TEXT"))


def test_version(offline):
    assert re.fullmatch(r"trunkctl \d+\.\d+\.\d+\n", offline.run("-V").stdout)


USAGES = [  # words, what the message names
    ([], "trunkctl help"),
    (["nonsense"], "nonsense"),
    (["account"], "account"),
    (["account", "nonsense"], "account nonsense"),
    (["help", "nonsense"], "nonsense"),
    (["account", "show"], "ACCT is missing"),
    (["account", "show", "1000001", "more"], "too many: more"),
    (["account", "list", "--nonsense"], "--nonsense"),
    (["account", "add", "--id"], "--id needs a value"),
    (["account", "add", "--sandbox=1"], "--sandbox takes no value"),
    (["account", "add", "--deck", "a", "--deck", "b"], "--deck is given twice"),
    (["-o"], "-o needs a value"),
    (["-o", "redis.nonsense=1", "account", "list"], "redis.nonsense"),
    (["-c", "/does/not/exist", "account", "list"], "/does/not/exist"),
    (["account", "show", "12"], "Invalid ACCT"),
    (["account", "show", "0000001"], "Invalid ACCT"),
    (["account", "show", "100000x"], "Invalid ACCT"),
    (["account", "add", "--id", "12345678"], "Invalid --id"),
    (["account", "add", "--name", ""], "Invalid --name"),
    (["account", "add", "--name", "a\tb"], "Invalid --name"),
    (["account", "add", "--name", "x" * 65], "Invalid --name"),
    (["account", "add", "--sessions", "-1"], "Invalid --sessions"),
    (["account", "add", "--deck", "a b"], "Invalid --deck"),
    (["account", "add", "--did-monthly", "-1"], "Invalid --did-monthly"),
    (["account", "add", "--did-monthly", "1.00001"], "Invalid --did-monthly"),
    (["account", "add", "--did-monthly", "1000001"], "Invalid --did-monthly"),
    (["account", "add", "--in-rate", "10001"], "Invalid --in-rate"),
    (["account", "add", "--tax-percent", "101"], "Invalid --tax-percent"),
    (["account", "add", "--tax-percent", "8.255"], "Invalid --tax-percent"),
    (["account", "add", "--in-increment", "0"], "Invalid --in-increment"),
    (["account", "set", "1000001"], "nothing to set"),
    (["account", "set", "1000001", "--status", "2"], "Invalid --status"),
    (["account", "credit", "1000001", "0"], "Invalid AMOUNT"),
    (["account", "credit", "1000001", "1e3"], "Invalid AMOUNT"),
    (["account", "credit", "1000001", "99999999999999999"], "Invalid AMOUNT"),
    (["account", "credit", "1000001", "5", "--activity", "Gift"], "Invalid --activity"),
    (["account", "credit", "1000001", "5", "--ref", "a b"], "Invalid --ref"),
    (["token", "add", "1000001", "--label", "a b"], "Invalid --label"),
    (["inventory", "show", "XX"], "Invalid STATE"),
    (["carrier", "add", "c", "1.2.3.4/23"], "Invalid ADDR"),
    (["carrier", "add", "c", "1.2.3.4/24"], "Invalid ADDR"),
    (["carrier", "add", "c", "1.2.3.4/33"], "Invalid ADDR"),
    (["carrier", "add", "c", "2001:db8::/64"], "Invalid ADDR"),
    (["carrier", "add", "c", "1.2.3.4,"], "Invalid ADDR"),
    (["carrier", "add", "c", "0.0.0.0"], "Invalid ADDR"),
    (["carrier", "add", "c", "224.0.0.1"], "Invalid ADDR"),
    (["carrier", "add", "c", "sip.example.com"], "Invalid ADDR"),
    (["carrier", "add", "1.2.3.4", "1.2.3.4"], "Invalid NAME"),
    (["gateway", "add", "g", "example_com"], "Invalid HOST"),
    (["gateway", "add", "g", "1.2.3.4:0"], "Invalid HOST"),
    (["gateway", "add", "g", "1.2.3.4:99999"], "Invalid HOST"),
    (["gateway", "add", "g h", "1.2.3.4"], "Invalid NAME"),
    (["gateway", "add", "g", "1.2.3.4", "--prefixes", "1,x"], "Invalid --prefixes"),
    (["gateway", "add", "g", "1.2.3.4", "--prefix", "1+"], "Invalid --prefix"),
    (["gateway", "add", "g", "1.2.3.4", "--strip", "16"], "Invalid --strip"),
    (["gateway", "route", "g", "1", "x"], "Invalid PREFIX"),
    (["rate", "set", "+1", "0.01"], "Invalid PREFIX"),
    (["rate", "set", "1234567890123456", "0.01"], "Invalid PREFIX"),
    (["rate", "set", "1", "-0.01"], "Invalid RATE"),
    (["grant", "1000001", "1"], "--sessions"),
    (["grant", "1000001", "0", "--cps", "1"], "Invalid TG"),
    (["grant", "1000001", "1", "--cps", "many"], "Invalid --cps"),
    (["grant", "1000001", "1", "--ports", "1", "--sessions", "1"], "--ports"),
    (["number", "show", "1112223333"], "Invalid NUMBER"),
    (["cdr", "list", "1000001", "--last", "0"], "Invalid --last"),
    (["tap", "compare", "1000001", "--tolerance", "-1"], "Invalid --tolerance"),
    (["order", "show", "1000001", "x"], "Invalid ID"),
]


@pytest.mark.parametrize("words, named", USAGES, ids=lambda v: " ".join(v)[:60] if isinstance(v, list) else "")
def test_wrong_usage(ctl, server, words, named):
    def keys():
        return {key for key in server.client.keys() if not key.startswith("audit:")}
    before = keys()
    assert named in ctl.fails(*words, code=USAGE)
    assert keys() == before


def test_options_stand_anywhere(ctl, account):
    assert ctl.run("--json", "account", "show", account).stdout == ctl.run("account", "show", account, "--json").stdout


def test_a_negative_amount_is_no_option(ctl, account):
    assert ctl("account", "credit", account, "-0.5", "--ref=r1")["balance"] == "-0.50"


def test_words_after_two_dashes_are_arguments(ctl, account):
    assert "no such token" in ctl.fails("token", "revoke", account, "--", "--json")


def test_redis_option_chooses_the_server(offline, server, account):
    assert offline.run("--redis", server.address, "account", "show", account).returncode == DONE
    assert offline.run("-o", f"redis.address={server.address}", "account", "show", account).returncode == DONE


def test_no_server(offline):
    assert "Redis" in offline.fails("account", "list", code=FAILED)


def test_a_server_without_schema_is_refused(ctl, server):
    server.client.delete("schema")
    assert "schema" in ctl.fails("account", "list")
    assert "no schema" in ctl.fails("schema", "show")


def test_a_server_with_another_schema_is_refused(ctl, server, schema_version):
    server.client.hset("schema", "version", schema_version + 1)
    assert "schema" in ctl.fails("account", "add")
    assert server.client.keys("*") == ["schema"]
    shown = ctl("schema", "show")
    assert (shown["version"], shown["supported"]) == (schema_version + 1, schema_version)


def test_schema_show_keeps_the_secret(ctl):
    done = ctl.run("schema", "show")
    assert "2023-11-14 22:13:20" in done.stdout
    assert "hidden" not in done.stdout


def test_a_full_disk_is_a_failure(ctl):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([program("trunkctl"), "-c", ctl.conf, "schema", "show"], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == FAILED and "written" in done.stderr
