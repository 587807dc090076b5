"""Port-in coverage, and port orders as the operator moves them."""

import pytest

from ctl_client import USAGE

NUMBERS = ["5032220001", "5032220002"]
LATER = 4000000000000


@pytest.fixture
def key(account):
    return f"{{a:{account}}}"


@pytest.fixture
def port(ctl, server, account, key):
    """Port order 800 with two numbers, paid with 3.00."""
    ctl("account", "credit", account, "10")
    ctl("account", "set", account, "--did-setup", "1.50")
    assert server.fcall("trunk_define", key, "11", "kind", "in", "title", "t", "billing", "Metered", "primary_host",
                        "192.0.2.1")[0] == "ok"
    return make(server, key, "landline", *NUMBERS)


def make(server, key, category, *numbers, id="800"):
    state = "tf" if category == "tollfree" else "OR"
    for number in numbers:
        assert server.fcall("port_claim", f"port:{number}", key[3:-1], id, 0) == ["ok"]
    pairs = [text for number in numbers for text in (number, state)]
    assert server.fcall("port_create", key, id, "11", category, LATER, "Customer", len(numbers), *pairs,
                        "zip", "97230", "wireless_pin", "1234")[0] == "ok"
    assert server.fcall("port_settle", key, id) == ["ok", "open"]
    return id


def balance(ctl, account):
    return ctl("account", "show", account)["balance"]


# --- coverage -------------------------------------------------------------------------------


def test_coverage(ctl, tmp_path):
    path = tmp_path / "coverage.csv"
    path.write_text("code,state,ratecenter\n503222,or,Portland\n866,,\n,WA,Seattle\n"
                    "503111x,OR,X\n867,,\n866,WA,\n,WA,\n503223,ZZ,X\n503224,,X\n911222,OR,X\n")
    done = ctl("lnp", "coverage", "import", path)
    assert (done["rows"], done["added"], done["known"], done["bad"]) == (10, 3, 0, 7)
    assert [row["line"] for row in done["bad_rows"]] == [5, 6, 7, 8, 9, 10, 11]
    path.write_text("code,state,ratecenter\n503222,OR,PORTLAND\n503225,OR,\n")
    again = ctl("lnp", "coverage", "import", path)
    assert (again["added"], again["known"]) == (1, 1)
    assert ctl("lnp", "coverage", "list") == [
        {"code": "503222", "state": "OR", "ratecenter": "PORTLAND"},
        {"code": "503225", "state": "OR", "ratecenter": ""},
        {"code": "866", "state": "", "ratecenter": ""}, {"code": "", "state": "WA", "ratecenter": "SEATTLE"}]
    assert ctl("lnp", "coverage", "remove", "wa:seattle") == {"removed": 1}
    assert ctl("lnp", "coverage", "remove", "866") == {"removed": 1}
    assert "not in the coverage" in ctl.fails("lnp", "coverage", "remove", "866")
    assert len(ctl("lnp", "coverage", "list")) == 2


def test_a_file_without_a_good_row(ctl, tmp_path):
    path = tmp_path / "coverage.csv"
    path.write_text("code,state,ratecenter\n12,,\n")
    assert ctl.run("lnp", "coverage", "import", path).returncode == 1
    path.write_text("npanxx,state\n")
    ctl.fails("lnp", "coverage", "import", path)


def test_words_of_the_noun(ctl):
    assert "lnp coverage import" in ctl.run("help", "lnp").stdout
    assert "Usage: trunkctl lnp coverage import FILE" in ctl.run("help", "lnp", "coverage", "import").stdout
    assert "no such verb" in ctl.fails("lnp", "coverage", code=USAGE)


# --- orders ---------------------------------------------------------------------------------


def test_list_and_show(ctl, account, port):
    row, = ctl("port", "list")
    assert (row["account"], row["id"], row["processing"], row["count"], row["amount"]) == \
        (account, port, "DRAFT", 2, "3.00")
    assert len(ctl("port", "list", account)) == 1
    assert ctl("port", "list", "--processing", "FOC") == []
    shown = ctl("port", "show", account, port)
    assert [n["number"] for n in shown["numbers"]] == NUMBERS
    assert (shown["zip"], shown["wireless_pin"], shown["requested"]) == ("97230", "1234", "2096-10-02 07:06:40")
    assert [h["processing"] for h in shown["history"]] == ["DRAFT"]
    assert "no such port order" in ctl.fails("port", "show", account, "99")


def test_the_usual_way(ctl, server, account, key, port):
    assert ctl("port", "submit", account, port)["processing"] == "SUBMITTED"
    shown = ctl("port", "exception", account, port, "ZIP_MISMATCH", "--note", "they have 97231")
    assert (shown["processing"], shown["reason"], shown["note"]) == ("EXCEPTION", "ZIP_MISMATCH", "they have 97231")
    assert ctl("port", "set", account, port, "--zip", "97231")["zip"] == "97231"
    assert ctl("port", "submit", account, port)["reason"] == ""
    shown = ctl("port", "foc", account, port, "2090-03-15")
    assert (shown["processing"], shown["foc"]) == ("FOC", "2090-03-15 15:30:00")
    shown = ctl("port", "complete", account, port)
    assert (shown["processing"], shown["step"], shown["status"], shown["immediately"]) == ("COMPLETE", "done", 2, 1)
    for number in NUMBERS:
        assert server.fcall("did_route", f"did:{number}")[:4] == ["ok", account, "11", "1"]
        assert server.fcall("port_holder", f"port:{number}") == ["notfound"]
    assert server.fcall("saga_list", key) == ["ok"]
    assert "COMPLETE can't become" in ctl.fails("port", "cancel", account, port)


def test_cancel_pays_back_and_frees_the_numbers(ctl, server, account, key, port):
    assert balance(ctl, account) == "7.00"
    shown = ctl("port", "cancel", account, port)
    assert (shown["processing"], shown["status"], shown["reason"]) == ("CANCELLED", 0, "CUSTOMER")
    assert balance(ctl, account) == "10.00"
    assert server.client.keys("port:*") == []
    assert server.fcall("saga_list", key) == ["ok"]


def test_reject(ctl, account, port):
    assert ctl.fails("port", "reject", account, port, "NO_SUCH", code=USAGE)
    shown = ctl("port", "reject", account, port, "LOA_INVALID", "--note", "unsigned")
    assert (shown["processing"], shown["reason"], shown["note"]) == ("CANCELLED", "LOA_INVALID", "unsigned")


def test_moves_that_are_not_there(ctl, account, port):
    assert "DRAFT can't become FOC" in ctl.fails("port", "foc", account, port, "2090-03-15")
    assert "no FOC" in ctl.fails("port", "complete", account, port)
    ctl.fails("port", "exception", account, port, "NO_SUCH", code=USAGE)
    ctl.fails("port", "set", account, port, code=USAGE)
    assert ctl("port", "show", account, port)["processing"] == "DRAFT"


def test_foc_dates(ctl, account, port):
    ctl("port", "submit", account, port)
    assert "passed" in ctl.fails("port", "foc", account, port, "2020-01-02")
    assert "holiday" in ctl.fails("port", "foc", account, port, "2090-12-25")
    assert "holiday" in ctl.fails("port", "foc", account, port, "2090-03-18")
    ctl.fails("port", "foc", account, port, "tomorrow", code=USAGE)
    assert ctl("port", "foc", account, port, "2090-03-18", "--any-day")["foc"] == "2090-03-18 15:30:00"
    assert ctl("port", "foc", account, port, "2090-03-16 13:00:00")["foc"] == "2090-03-16 13:00:00"
    assert ctl("port", "foc", account, port)["foc"] == "2096-10-02 07:06:40"


def test_tollfree_needs_a_resporg(ctl, server, account, key, port):
    make(server, key, "tollfree", "8662220001", id="801")
    assert "RespOrg" in ctl.fails("port", "submit", account, "801")
    ctl.fails("port", "submit", account, "801", "--resporg", "A1", code=USAGE)
    shown = ctl("port", "submit", account, "801", "--resporg", "atx01")
    assert (shown["processing"], shown["resporg"]) == ("SUBMITTED", "ATX01")


def test_a_number_in_service_stops_the_switch(ctl, server, account, port):
    ctl("port", "submit", account, port)
    ctl("port", "foc", account, port, "2090-03-15")
    assert server.fcall("did_assign", f"did:{NUMBERS[1]}", "7654321", "11", "1", "")[0] == "ok"
    assert "in service" in ctl.fails("port", "complete", account, port)
    shown = ctl("port", "show", account, port)
    assert (shown["processing"], shown["reason"], shown["note"]) == ("EXCEPTION", "IN_SERVICE", NUMBERS[1])
    assert server.fcall("did_route", f"did:{NUMBERS[0]}") == ["notfound"]


def test_reasons(ctl):
    assert "PIN_MISMATCH" in [row["code"] for row in ctl("port", "reasons")]
