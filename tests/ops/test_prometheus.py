"""deploy/prometheus and deploy/grafana against a real Prometheus that scrapes trunkd and sipmod."""

import json
import pathlib
import re
import subprocess
import urllib.parse
import urllib.request

import pytest
import yaml

from harness import Dialog, Process, Stack, free_port, wait_for
from harness.metrics import scrape

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
CONFIG = DEPLOY / "prometheus" / "prometheus.yml"
RULES = DEPLOY / "prometheus" / "trunkline.rules.yml"
DASHBOARD = DEPLOY / "grafana" / "trunkline.json"
RULES_TEST = pathlib.Path(__file__).with_name("rules_test.yml")
# Names in an expression that stand for series; functions are followed by a parenthesis, labels by an operator.
NAME = re.compile(r"\b(?:trunkline|process)[a-z0-9_]*(?::[a-z0-9_:]+)?\b|\btrunkline:[a-z0-9_:]+\b|\bup\b")


def promtool(*args):
    done = subprocess.run(["promtool", *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Prometheus(Process):
    """deploy/prometheus with these targets and short intervals."""

    def __init__(self, workdir, **targets):
        config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(RULES)]
        for job in config["scrape_configs"]:
            job["static_configs"] = [{"targets": [targets.pop(job["job_name"])]}]
        assert not targets
        path = pathlib.Path(workdir) / "prometheus.yml"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        self.address = f"127.0.0.1:{free_port()}"
        super().__init__(["prometheus", f"--config.file={path}", f"--storage.tsdb.path={workdir}/prometheus",
                          f"--web.listen-address={self.address}"], "prometheus", workdir)

    def ask(self, what, **query):
        url = f"http://{self.address}/api/v1/{what}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as reply:
            answer = json.load(reply)
        assert answer["status"] == "success", answer
        return answer["data"]

    def value(self, expression):
        """The only value of an expression; None when there is none."""
        result = self.ask("query", query=expression)["result"]
        return float(result[0]["value"][1]) if result else None

    def active(self):
        return {(a["labels"]["alertname"], a["state"]) for a in self.ask("alerts")["alerts"]}


def answers(prometheus):
    try:
        return prometheus.value("up") is not None
    except OSError:
        return False


def call_through(carrier, callee, number):
    invite = carrier.send(carrier.invite("1" + number))
    callee.respond(callee.expect("INVITE"), 200)
    call = Dialog.caller(carrier, invite, carrier.expect(200, call_id=invite.call_id))
    call.send("ACK")
    call.send("BYE")
    callee.respond(callee.expect("BYE"), 200)
    carrier.expect(lambda m: m.status == 200 and "BYE" in m.get("cseq"), call_id=invite.call_id)


def make_figures(s):
    """One of everything that leaves a series: calls answered, refused and malformed, requests."""
    carrier, callee = s.peer(), s.peer("127.0.0.3")
    number, = s.order(s.define_trunk(callee, billingType="Unmetered", sessions="10"))
    s.another_call = lambda: call_through(carrier, callee, number)
    s.another_call()
    carrier.send(carrier.invite("12065550000"))
    carrier.expect(404)
    carrier.send(carrier.invite(number).set("CSeq", "broken"))
    carrier.expect(400)
    s.api.get_trunk().good()


@pytest.fixture(scope="module")
def watched():
    """A Stack after some calls, and the Prometheus that has scraped it."""
    with Stack(conf={"sip.no_answer_ms": 500, "sip.t1_ms": 100}) as s:
        make_figures(s)
        wait_for(lambda: scrape(s.trunkd).of("trunkline_trunk_calls_total"), 15, "the books")
        prometheus = Prometheus(s.workdir, trunkd=s.trunkd.metrics_address, sipmod=s.sipmod.metrics_address)
        prometheus.start(ready=False)
        try:
            wait_for(lambda: answers(prometheus) and prometheus.value("sum(up)") == 2, 30, "both are scraped")
            s.prometheus = prometheus
            yield s
        finally:
            prometheus.discard()


def test_files_are_sound():
    promtool("check", "config", str(CONFIG))
    promtool("check", "rules", str(RULES))


def test_alerts_speak_and_keep_silent(tmp_path):
    cases = yaml.safe_load(RULES_TEST.read_text(encoding="utf-8").replace("RULES", str(RULES)))
    for case in (c for test in cases["tests"] for c in test["alert_rule_test"]):
        for alert in case["exp_alerts"]:
            alert["exp_annotations"]["runbook"] = f"/usr/share/trunkline/RUNBOOK.md#{case['alertname'].lower()}"
    path = tmp_path / "rules_test.yml"
    path.write_text(yaml.safe_dump(cases), encoding="utf-8")
    promtool("test", "rules", str(path))


def test_every_alert_tells_what_and_how_bad():
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    alerts = [r for g in groups for r in g["rules"] if "alert" in r]
    assert len(alerts) >= 15 and len({r["alert"] for r in alerts}) == len(alerts)
    for rule in alerts:
        assert rule["labels"]["severity"] in ("critical", "warning") and rule["annotations"]["summary"], rule["alert"]


def test_the_series_are_there_and_right(watched):
    prometheus = watched.prometheus
    assert prometheus.value("sum(trunkline_calls_answered_total)") == 1
    assert prometheus.value('trunkline_calls_unanswered_total{cause="unknown"}') == 1
    assert prometheus.value("trunkline_books_gap") == 0
    assert prometheus.value(f'trunkline_trunk_answered_total{{account="{watched.account}"}}') == 1


def rules():
    return [r for g in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for r in g["rules"]]


def test_rules_are_evaluated(watched):
    def healths():
        groups = watched.prometheus.ask("rules")["groups"]
        return [(r["name"], r["health"], r.get("lastError")) for g in groups for r in g["rules"]]
    wait_for(lambda: all(health == "ok" for _, health, _ in healths()), 20, "every rule is evaluated")
    assert len(healths()) == len(rules())
    assert watched.prometheus.active() & {("TrunklineDown", "pending"), ("TrunklineBooksDiffer", "pending")} == set()


def panels():
    found = []
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        found += [(panel["title"], t["expr"]) for t in panel.get("targets", ())]
    return found


def known_names(s):
    """Series that exist, or that a program would tell (their rows may come with the first event)."""
    names = set(s.prometheus.ask("label/__name__/values"))
    names |= {r["record"] for r in rules() if "record" in r}
    for program in ("sipmod", "daemon"):
        for path in (DEPLOY.parent / program).glob("*.c"):
            text = path.read_text(encoding="utf-8")
            for name, kind in re.findall(r'\{"(trunkline_[a-z0-9_]+)", METRIC_([A-Z]+)', text):
                names |= {name + end for end in ("_bucket", "_sum", "_count")} if kind == "HISTOGRAM" else {name}
    return names


def test_every_panel_and_rule_asks_for_series_that_exist(watched):
    known = known_names(watched)
    asked = panels() + [(r.get("alert") or r["record"], r["expr"]) for r in rules()]
    assert len(panels()) > 40
    for title, expression in asked:
        names = NAME.findall(re.sub(r'"[^"]*"', '""', expression))
        assert names, (title, expression)
        missing = [name for name in names if name not in known]
        assert not missing, (title, missing)


def test_every_query_of_the_dashboard_is_understood(watched):
    for title, expression in panels():
        expression = expression.replace("$__rate_interval", "1m").replace("$sipmod", ".*")
        assert "$" not in expression, title
        watched.prometheus.ask("query", query=expression)


def test_every_panel_shows_something(watched):
    """All but the part whose event didn't happen: Redis never failed."""
    watched.another_call()
    def quiet():
        return [title for title, expression in panels() if not watched.prometheus.ask(
            "query", query=expression.replace("$__rate_interval", "1m").replace("$sipmod", ".*"))["result"]]
    wait_for(lambda: quiet() == ["Redis: commands a second, and failures"], 20, "rates of two scrapes")


def test_alerts_rise_and_fall(watched):
    key = f"{{a:{watched.account}}}:count"
    watched.redis.client.hincrby(key, "admitted", 1)
    wait_for(lambda: ("TrunklineBooksDiffer", "pending") in watched.prometheus.active(), 20)
    watched.redis.client.hincrby(key, "admitted", -1)
    wait_for(lambda: ("TrunklineBooksDiffer", "pending") not in watched.prometheus.active(), 20)
    watched.sipmod.kill9()
    wait_for(lambda: ("TrunklineDown", "pending") in watched.prometheus.active(), 20)
    watched.sipmod.start()
    wait_for(lambda: ("TrunklineDown", "pending") not in watched.prometheus.active(), 20)
