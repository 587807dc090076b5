"""Functions of the schema as methods, and what a test needs around them."""

import itertools

import redis

from harness.books import count_into, counted, day_of, read_stats, stats_of
from harness.store import read_table

ACCOUNT = "7001"
__all__ = ["ACCOUNT", "NUMBERS", "Schema", "account_key", "bitmap", "busy_of", "day_of", "fields", "flat"]
NUMBERS = ["2062190001", "2062190002", "2062190003", "2062190004"]


def account_key(account=ACCOUNT):
    return "{a:%s}" % account


def bitmap(lines):
    """Lines of a block as inv_import takes them."""
    bits = bytearray(max(lines, default=-1) // 8 + 1)
    for line in lines:
        bits[line // 8] |= 0x80 >> line % 8
    return bytes(bits)


def fields(reply, at=1):
    """field, value… of a reply as a dict."""
    return dict(zip(reply[at::2], reply[at + 1::2]))


class Schema:
    """s.call_admit(key, …) is FCALL call_admit 1 key …; reads go through FCALL_RO."""

    def __init__(self, client):
        self.client = client
        self.ids = itertools.count(1)
        self.reads = {}
        for library in client.function_list("trunkline_*"):
            library = dict(zip(library[::2], library[1::2]))
            for function in library["functions"]:
                function = dict(zip(function[::2], function[1::2]))
                self.reads[function["name"]] = "no-writes" in function["flags"]

    def __getattr__(self, name):
        if name not in self.reads:
            raise AttributeError(name)
        send = self.client.fcall_ro if self.reads[name] else self.client.fcall

        def call(key, *args):
            reply = send(name, 1, key, *["" if a is None else a for a in args])
            assert all(isinstance(element, str) for element in reply), f"{name}: not only bulk strings: {reply}"
            return reply

        return call

    def error(self, name, *args):
        """The text of the error that a misuse gets; nothing may have changed."""
        before = self.snapshot()
        try:
            reply = getattr(self, name)(*args)
        except redis.ResponseError as error:
            assert self.snapshot() == before
            return str(error)
        raise AssertionError(f"{name} replied {reply}")

    def table(self, name, key, *args):
        reply = getattr(self, name)(key, *args)
        assert reply[0] == "ok", reply
        return read_table(reply)

    def table_at(self, name, at, key, *args):
        return read_table(getattr(self, name)(key, *args), at)

    def snapshot(self):
        """Everything that the server holds, without revisions and what is about to go away by itself."""
        keys = [key for key in self.client.keys("*") if not key.endswith(":rev")]
        with self.client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.execute_command("DUMP", key, NEVER_DECODE=True)
                pipe.pttl(key)
            replies = pipe.execute()
        return {key: dump for key, dump, left in zip(keys, replies[::2], replies[1::2]) if left == -1 or left > 20000}

    def writes(self):
        """How many changes the server has made since its start."""
        return self.client.info("persistence")["rdb_changes_since_last_save"]

    def now(self):
        seconds, micros = self.client.time()
        return seconds * 1000 + micros // 1000

    # --- things to work with ----------------------------------------------------

    def account(self, account=ACCOUNT, balance=0, **values):
        assert self.account_create(account_key(account), account, *flat(values)) == ["ok"]
        if balance:
            self.credit(balance, account)
        return account_key(account)

    def credit(self, amount, account=ACCOUNT):
        reply = self.account_book(account_key(account), amount, "Bank Transfer", f"credit:{next(self.ids)}", "", "")
        assert reply[0] == "ok", reply

    def trunk_in(self, trunk=11, account=ACCOUNT, **values):
        values = {"kind": "in", "title": "in", "billing": "Metered", "primary_host": "192.0.2.1", **values}
        assert self.trunk_define(account_key(account), trunk, *flat(values)) == ["ok", str(trunk)]
        return str(trunk)

    def trunk_out(self, trunk=21, account=ACCOUNT, **values):
        values = {"kind": "out", "title": "out", "address": "198.51.100.1", **values}
        assert self.trunk_define(account_key(account), trunk, *flat(values)) == ["ok", str(trunk)]
        return str(trunk)

    def numbers(self, *numbers, tg=11, account=ACCOUNT, category="landline", order=None, state="WA"):
        """Puts numbers into service by an order."""
        key, order = account_key(account), order or next(self.ids) + 900
        cart = self.cart_open(key, category, order)[1]
        pairs = [text for number in numbers for text in (number, state)]
        assert self.cart_add(key, cart, self.now() + 60000, *pairs) == ["ok"]
        assert self.order_create(key, order, cart, tg, 60000)[0] == "ok"
        assert self.order_start(key, order) == ["ok", "started"]
        assert self.order_pay(key, order)[0] == "ok"
        assert self.order_complete(key, order) == ["ok"]
        assert self.saga_done(key, f"order:{order}") == ["ok"]
        return str(order)

    def admit(self, call, number=NUMBERS[0], direction="in", tg="", account=ACCOUNT, **values):
        v = {"node": "n1", "boot": "b1", "from": "sip:from", "to": "sip:to", "source": "203.0.113.1:5060",
             "upstream": "carrier", "callid": "id@host", "rate": "", "increment": "", "minimum": "", "cached": "",
             "code": "486", "longest": "3600", "onnet": "", "caller": ""}
        assert values.keys() <= v.keys()
        v.update(values)
        return self.call_admit(account_key(account), call, direction, number, tg, *v.values())

    def tap(self, call, number=NUMBERS[0], direction="in", tg="", account=ACCOUNT, **values):
        v = {"node": "tap", "from": "sip:from", "to": "sip:to", "upstream": "carrier", "source": "203.0.113.1:5060",
             "target": "192.0.2.1:5060", "callid": "id@host", "invite": 1000000, "pdd": 20, "answer": 1001000,
             "end": 1008001, "code": "200", "reason": "answered", "by": "caller", "attempts": "192.0.2.1:5060=200",
             "rate": "0", "increment": "1", "minimum": "0", "estimated": "", "onnet": "", "keep": 3600000, "most": 1000}
        assert values.keys() <= v.keys()
        v.update(values)
        return self.tap_record(account_key(account), call, direction, number, tg, *v.values())

    def answer(self, call, ago=0, target="", pdd="", attempts="", upstream="", account=ACCOUNT):
        return self.call_answer(account_key(account), call, ago, target, pdd, attempts, upstream)

    def finish(self, call, code="200", reason="answered", by="caller", target="", attempts="", upstream="", pdd="",
               answered="", ended="0", estimated="", account=ACCOUNT):
        return self.call_finish(account_key(account), call, code, reason, by, target, attempts, upstream, pdd,
                                answered, ended, estimated)

    def cdrs(self, account=ACCOUNT):
        """Newest first."""
        return self.table("cdr_list", account_key(account), 100000)

    def live(self, account=ACCOUNT):
        return self.table("call_list", account_key(account))

    def hash(self, *parts, account=ACCOUNT):
        return self.client.hgetall(":".join([account_key(account), *parts]))

    # --- what always holds -------------------------------------------------------

    def check_invariants(self, account=ACCOUNT):
        live, cdrs, count = self.live(account), self.cdrs(account), self.hash("count", account=account)
        n = {name: int(count.get(name, 0)) for name in ("admitted", "refused", "cdrs")}
        assert n["admitted"] + n["refused"] == n["cdrs"] + len(live)
        assert n["cdrs"] == len(cdrs) == len({c["call"] for c in cdrs})
        assert self.hash("busy", account=account) == busy_of(live)
        records = {k.rsplit(":", 1)[1] for k in self.client.keys("{a:%s}:call:*" % account)}
        assert records == {c["call"] for c in live}
        assert int(self.client.hget(account_key(account), "held") or 0) == sum(int(c["held"]) for c in live)
        assert self.table_at("call_audit", 7, account_key(account)) == []
        for c in cdrs:
            times = [int(c[f]) for f in ("invite_ms", "ring_ms", "answer_ms", "end_ms") if c[f] != "0"]
            assert times == sorted(times)
        self.check_money(cdrs, account)
        self.check_stats(cdrs, account)

    def check_money(self, cdrs, account):
        balance = int(self.client.hget(account_key(account), "balance"))
        lines = self.table("ledger_list", account_key(account))
        total = 0
        for line in lines:
            total += int(line["amount"])
            assert int(line["balance"]) == total
        assert balance == total
        charged = {line["ref"]: -int(line["amount"]) for line in lines if line["activity"] == "Call Charges"}
        assert charged == {f"call:{c['call']}": int(c["amount"]) for c in cdrs if c["amount"] != "0"}

    def check_stats(self, cdrs, account):
        wanted = {}
        for c in cdrs:
            for name in stats_of(c):
                count_into(wanted.setdefault(name, {}), c)
        assert counted(self.stats(account)) == wanted

    def stats(self, account=ACCOUNT):
        return read_stats(self.client, account_key(account))


def flat(values):
    return [text for pair in values.items() for text in pair]


def busy_of(live):
    """The counters that live calls make."""
    busy = {}
    for c in live:
        names = ["all", f"tg:{c['tg']}"] + ([f"did:{c['number']}"] if c["direction"] == "in" else [])
        for name in names:
            busy[name] = busy.get(name, 0) + 1
    return {name: str(n) for name, n in busy.items()}
