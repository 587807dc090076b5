"""The books of an account: what must agree with what, whatever happened.

    Books(redis, "7001").check()          # nothing live: counters, slots, money, statistics, CDRs
    Books(redis, "7001").check_files(dir) # and the files hold the stream
"""

import csv
import datetime
import glob
import os

from .store import read_table

# Column of the CSV files → field of the stream, of those that are written as they are.
PLAIN = {"id": "call", "direction": "direction", "trunk": "tg", "number": "number", "sip_call_id": "callid",
         "billed_seconds": "billed", "code": "code", "reason": "reason", "hung_up_by": "by", "node": "node",
         "estimated": "estimated", "sequence": "id"}


class Books:
    def __init__(self, redis, account):
        """redis: a harness Redis; account: its number."""
        self.client, self.account, self.base = redis.client, account, "{a:%s}" % account

    def entries(self):
        """The CDR stream as dicts with their id, oldest first."""
        return [{"id": i, **fields} for i, fields in self.client.xrange(f"{self.base}:cdr")]

    def live(self):
        return self.client.zrange(f"{self.base}:live", 0, -1)

    def counts(self):
        held = self.client.hgetall(f"{self.base}:count")
        return {name: int(held.get(name, 0)) for name in ("admitted", "refused", "cdrs", "trimmed")}

    def ledger(self):
        return [fields for _, fields in self.client.xrange(f"{self.base}:ledger")]

    # --- checks ---------------------------------------------------------------------

    def check(self):
        """No call is live. Returns the CDRs."""
        cdrs, n = self.entries(), self.counts()
        assert self.live() == [] and self.client.hgetall(f"{self.base}:busy") == {}
        assert self.client.keys(f"{self.base}:call:*") == []
        assert n["admitted"] + n["refused"] == n["cdrs"] == len(cdrs) + n["trimmed"], n
        ids = [c["call"] for c in cdrs]
        assert len(ids) == len(set(ids)), [i for i in ids if ids.count(i) > 1]
        self.check_times(cdrs)
        self.check_money(cdrs)
        self.check_stats(cdrs)
        reply = self.client.fcall_ro("call_audit", 1, self.base)
        assert read_table(reply, 7) == []
        return cdrs

    @staticmethod
    def check_times(cdrs):
        for c in cdrs:
            times = [int(c[f]) for f in ("invite_ms", "ring_ms", "answer_ms", "end_ms") if c[f] != "0"]
            assert times == sorted(times), c
            assert int(c["ms"]) == (int(c["end_ms"]) - int(c["answer_ms"]) if c["answer_ms"] != "0" else 0), c

    def check_money(self, cdrs):
        balance, total = int(self.client.hget(self.base, "balance")), 0
        lines = self.ledger()
        for line in lines:
            total += int(line["amount"])
            assert int(line["balance"]) == total, line
        assert balance == total
        assert int(self.client.hget(self.base, "held") or 0) == 0
        charged = {}
        for line in lines:
            if line["activity"] == "Call Charges":
                assert line["ref"] not in charged, line
                charged[line["ref"]] = -int(line["amount"])
        assert charged == {f"call:{c['call']}": int(c["amount"]) for c in cdrs if c["amount"] != "0"}

    def check_stats(self, cdrs):
        wanted = {}
        for c in cdrs:
            for name in stats_of(c):
                count_into(wanted.setdefault(name, {}), c)
        assert counted(read_stats(self.client, self.base)) == wanted

    def check_limit(self, tg, most):
        """By their CDRs, never more than `most` calls of a trunk held a session at once."""
        events = []
        for c in self.entries():
            if c["tg"] == tg and c["end_ms"] != c["invite_ms"]:
                events += [(int(c["invite_ms"]), 1), (int(c["end_ms"]), -1)]
        now = peak = 0
        for _, step in sorted(events):
            now += step
            peak = max(peak, now)
        assert peak <= most, f"{peak} calls at once, {most} allowed"
        return peak

    def files(self, folder):
        """Rows of the account's CSV files with the file's name, in no order."""
        rows = []
        for path in glob.glob(os.path.join(folder, "cdr", self.account, "*.csv")):
            with open(path, encoding="utf-8", newline="") as f:
                rows += [{"file": os.path.basename(path), **row} for row in csv.DictReader(f, strict=True)]
        return rows

    def check_files(self, folder, entries=None):
        """The CSV files hold each entry of the stream (or of those given) once."""
        entries = self.entries() if entries is None else entries
        rows = self.files(folder)
        sequences = [r["sequence"] for r in rows]
        assert len(sequences) == len(set(sequences)), "an entry was written twice"
        assert set(sequences) == {e["id"] for e in entries}
        by_id = {e["id"]: e for e in entries}
        for row in rows:
            entry = by_id[row["sequence"]]
            assert {c: row[c] for c in PLAIN} == {c: entry[f] for c, f in PLAIN.items()}
            outcome = "success" if entry["answer_ms"] != "0" else "failed"
            assert row["file"] == f"{day_of(entry['end_ms'])}-{entry['direction']}-{outcome}.csv"
            assert row["seconds"] == "%d.%03d" % divmod(int(entry["ms"]), 1000)


def day_of(ms):
    return datetime.datetime.fromtimestamp(int(ms) / 1000, datetime.timezone.utc).strftime("%Y-%m-%d")


def read_stats(client, base):
    """Statistics of an account by their names: field → number. What an open period holds is in the longer ones too."""
    stats = {key[len(base) + 1:]: client.hgetall(key) for key in client.keys(f"{base}:st:*")}
    opened = {name: fields.pop("open") for name, fields in stats.items() if "open" in fields}
    stats = {name: {f: int(v) for f, v in fields.items() if f != "state"} for name, fields in stats.items()}
    for name, period in opened.items():
        for longer in {name, f"{name}:{period[:7]}"} - {f"{name}:{period}"}:
            sums = stats.setdefault(longer, {})
            for field, value in stats.get(f"{name}:{period}", {}).items():
                sums[field] = max(sums.get(field, 0), value) if field == "peak" else sums.get(field, 0) + value
    return stats


def counted(stats):
    """Of statistics, what a call has been counted in: no peaks, no zeros."""
    sums = {name: {f: v for f, v in fields.items() if f != "peak" and v} for name, fields in stats.items()}
    return {name: fields for name, fields in sums.items() if fields}


def stats_of(cdr):
    """Names of the statistics that a call counts in, without the account."""
    day = day_of(cdr["end_ms"])
    names = [f"st:all:{day}"]
    if cdr["tg"]:
        names += [f"st:tg:{cdr['tg']}", f"st:tg:{cdr['tg']}:{day[:7]}", f"st:tg:{cdr['tg']}:{day}"]
    if cdr["direction"] == "in":
        names += [f"st:did:{cdr['number']}", f"st:did:{cdr['number']}:{day[:7]}"]
    return names


def count_into(sums, cdr):
    """Adds a call to the sums of a period."""
    answered = cdr["answer_ms"] != "0"
    more = {"processed": 1, f"code:{cdr['code']}": 1, "completed": int(answered)}
    more.update({f: int(cdr[f]) for f in ("ms", "billed", "amount")} if answered else {})
    for name, value in more.items():
        if value:
            sums[name] = sums.get(name, 0) + value
