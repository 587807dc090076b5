"""A test bed for sipmod alone: Redis with the schema, customers made by functions, calls by hand.

    def test_it(line):                       # a customer with a trunk and a number in service
        call = line.answered()               # INVITE, 180, 200, ACK
        call.hang_up()
        assert line.cdr()["code"] == "200"

One Redis serves many sipmods and every test has an account of its own, so that a test costs
milliseconds. A Line checks at its end that all its calls are over and counted.
"""

import glob
import itertools
import os
import secrets
import time

from .ports import free_port
from .process import make_workdir, remove_workdir
from .programs import Sipmod, build_dir
from .sip import Dialog, UdpPeer
from .store import Redis
from .wait import wait_for

CARRIER, PRIMARY, SECONDARY, GATEWAY = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"
SCHEMA_VERSION = "2"
_serial = itertools.count(1)
_onnet_hosts = (f"127.0.71.{n}" for n in range(1, 255))  # an address belongs to one trunk


def load_schema(redis, version=SCHEMA_VERSION):
    """Loads the function libraries of the build folder as trunkd would."""
    libraries = sorted(glob.glob(os.path.join(build_dir(), "redis-schema", "lib", "*.lua")))
    assert libraries, f"no function libraries in {build_dir()} (TRUNKLINE_BUILD)"
    for path in libraries:
        with open(path, encoding="utf-8") as f:
            redis.client.function_load(f.read(), replace=True)
    redis.client.hset("schema", mapping={"version": version, "secret": secrets.token_hex(32)})


class Bed:
    """Redis with the schema and one carrier; sipmods on demand."""

    def __init__(self, aof=False, schema=True):
        self.workdir = make_workdir("bed")
        self.redis = Redis(self.workdir, aof=aof)
        self.schema = schema
        self.sipmods = {}

    def __enter__(self):
        self.redis.start()
        if self.schema:
            self.load()
        return self

    def __exit__(self, kind, *_):
        self.close(failed=kind is not None)

    def load(self):
        load_schema(self.redis)
        self.claim(CARRIER, "carrier", "demo")

    def close(self, failed=False):
        """Stops all; without failures so far, with checks of exit codes and sanitizers' reports."""
        problems = []
        for sipmod in self.sipmods.values():
            try:
                sipmod.discard() if failed else sipmod.stop()
            except AssertionError as error:
                sipmod.discard()
                problems.append(error)
        self.redis.discard()
        remove_workdir(self.workdir)
        if problems:
            raise problems[0]

    def sipmod(self, ready=True, **conf):
        """A running sipmod with these settings (sip__t1_ms=50); made at the first call for them."""
        settings = tuple(sorted(conf.items()))
        if settings not in self.sipmods:
            self.sipmods[settings] = Sipmod(
                self.workdir, {"redis.address": self.redis.address, "log.level": "debug", "sip.drain_s": 3,
                               "sip.probe_ms": 0,
                               **{k.replace("__", "."): v for k, v in conf.items()}},
                f"sipmod{len(self.sipmods)}").start(ready=ready)
        return self.sipmods[settings]

    def ok(self, function, key, *args):
        """FCALL that must not be refused; returns the rest of the reply."""
        reply = self.redis.fcall(function, key, *args)
        assert reply[0] == "ok", f"{function} {key}: {reply}"
        return reply[1:]

    # --- sources and gateways ---------------------------------------------------

    def claim(self, host, kind, *owner):
        """Lists a source; sipmods hear of it at once."""
        self.ok("index_add", "sources", host)
        self.ok("source_claim", f"ip:{host}", kind, *owner)

    def release(self, host, kind, *owner):
        self.ok("source_release", f"ip:{host}", kind, *owner)
        self.ok("index_remove", "sources", host)

    def gateway(self, host, port, **fields):
        """A new gateway; returns its name."""
        name = f"gw{next(_serial)}"
        self.ok("index_add", "gateways", name)
        self.ok("gateway_set", f"gw:{{{name}}}", *_flat({"host": host, "port": port, **fields}))
        return name

    def route(self, deck, prefix, gateway, priority=1, weight=1, rate="0:1:0"):
        """Leads a prefix of a deck to a gateway; rate is money a minute, increment, minimum."""
        self.ok("route_set", f"lcr:{{{deck}}}", prefix, gateway, priority, weight)
        if rate is not None:
            self.ok("rate_set", f"lcr:{{{deck}}}", prefix, *rate.split(":"))


class Customer:
    """An account with credit, made for one test."""

    def __init__(self, bed, credit=1000000, **fields):
        self.bed = bed
        self.id = str(9000000 + next(_serial))
        self.key = f"{{a:{self.id}}}"
        self.deck = f"deck{self.id}"
        self._next = itertools.count(1)
        bed.ok("account_create", self.key, self.id, *_flat({"deck": self.deck, **fields}))
        bed.ok("index_add", "accounts", self.id)
        if credit:
            bed.ok("account_book", self.key, credit, "Bank Transfer", "start", "", "")

    def trunk(self, primary=None, **fields):
        """A trunk for calls to the customer; returns its id."""
        tg = str(next(self._next))
        host, port = primary or (PRIMARY, 5060)
        self.bed.ok("trunk_define", self.key, tg, "kind", "in",
                    *_flat({"billing": "Metered", "primary_host": host, "primary_port": port, **fields}))
        return tg

    def exit_trunk(self, address, **fields):
        """A trunk for calls from the customer's address; returns its id."""
        tg = str(next(self._next))
        self.bed.ok("trunk_define", self.key, tg, "kind", "out", *_flat({"address": address, **fields}))
        self.bed.claim(address, "trunk", self.id, tg)
        return tg

    def update(self, tg, **fields):
        self.bed.ok("trunk_update", self.key, tg, "in", *_flat(fields))

    def number(self, tg, number=None):
        """A number (default: a new one) in service on this trunk, by the steps of an order."""
        bed, item = self.bed, str(next(self._next))
        number = number or f"2062{next(_serial):06d}"
        bed.ok("cart_open", self.key, "landline", item)
        bed.ok("cart_add", self.key, item, int(time.time() * 1000) + 60000, number, "WA")
        bed.ok("order_create", self.key, item, item, tg, 60000)
        bed.ok("order_start", self.key, item)
        bed.ok("order_pay", self.key, item)
        bed.ok("did_assign", f"did:{number}", self.id, tg, "1", "")
        bed.ok("order_complete", self.key, item)
        bed.ok("saga_done", self.key, f"order:{item}")
        return number

    # --- what is recorded -------------------------------------------------------

    def cdrs(self):
        """CDRs, newest first."""
        return self.bed.redis.table("cdr_list", self.key, 10000)

    def cdr(self, deadline=3.0):
        """Waits for the first CDR and returns it; fails if there are more."""
        rows = wait_for(self.cdrs, deadline, "a CDR")
        assert len(rows) == 1, rows
        return rows[0]

    def live(self):
        return self.bed.redis.table("call_list", self.key)

    def busy(self):
        return self.bed.redis.client.hgetall(f"{self.key}:busy")

    def stats(self, kind, item):
        return self.bed.redis.table("stats_get", self.key, kind, "", item)[0]

    def balance(self):
        reply = self.bed.ok("account_get", self.key)
        return int(dict(zip(reply[::2], reply[1::2]))["balance"])

    def settled(self, deadline=3.0):
        """Waits until no call is live; then the counters must agree with the records."""
        wait_for(lambda: not self.live(), deadline, "no live call")
        assert self.busy() == {}, self.busy()
        count = {k: int(v) for k, v in self.bed.redis.client.hgetall(f"{self.key}:count").items()}
        ended = count.get("admitted", 0) + count.get("refused", 0)
        assert ended == count.get("cdrs", 0) == self.bed.redis.client.xlen(f"{self.key}:cdr"), count


class Line:
    """A customer with one number on one trunk (prefix 5555), and those who talk over it by hand."""

    def __init__(self, bed, sipmod, credit=1000000, account=None, **fields):
        self.bed, self.sipmod = bed, sipmod
        self.peers = []
        self.customer = Customer(bed, credit, **(account or {}))
        self.carrier, self.primary, self.secondary = (self.peer(h) for h in (CARRIER, PRIMARY, SECONDARY))
        self.tg = self.customer.trunk((self.primary.host, self.primary.port), primary_prefix="5555", **fields)
        self.number = self.customer.number(self.tg)
        self.cdr, self.cdrs = self.customer.cdr, self.customer.cdrs

    def close(self):
        for peer in self.peers:
            peer.close()

    def peer(self, host, port=0, kind=UdpPeer, **kwargs):
        """UdpPeer by default; kind=StreamPeer for TCP and TLS."""
        kwargs.setdefault("to", self.sipmod.target)
        peer = kind(host, port, **kwargs)
        self.peers.append(peer)
        return peer

    def closed_port(self, host=PRIMARY):
        """An address where nobody listens."""
        return host, free_port()

    def update(self, **fields):
        self.customer.update(self.tg, **fields)

    def add_secondary(self, prefix="7777", target=None):
        host, port = target or (self.secondary.host, self.secondary.port)
        self.update(secondary_host=host, secondary_port=port, secondary_prefix=prefix)

    # --- calls --------------------------------------------------------------------

    def invite(self, number=None, **kwargs):
        """Sends the carrier's INVITE; returns it."""
        return self.carrier.send(self.carrier.invite(number or "1" + self.number, **kwargs))

    def tried(self, invite, callee=None, deadline=5.0):
        """What the callee (default: the primary) received for this INVITE."""
        return (callee or self.primary).expect("INVITE", deadline, call_id=invite.call_id)

    def refused(self, status, number=None, deadline=5.0, **kwargs):
        """A call that must end with this status; acknowledged; returns the response."""
        invite = self.invite(number, **kwargs)
        return self.failed(invite, status, deadline)

    def failed(self, invite, status, deadline=5.0):
        response = self.carrier.expect(lambda m: (m.status or 0) >= 200 and "INVITE" in m.get("cseq"), deadline,
                                       call_id=invite.call_id)
        assert response.status == status, f"{response!r} came, not {status}"
        self.carrier.ack_failure(invite, response)
        return response

    def reject(self, received, status, callee=None, **kwargs):
        """The callee refuses and receives the ACK."""
        callee = callee or self.primary
        response = callee.respond(received, status, **kwargs)
        ack = callee.expect("ACK", call_id=received.call_id)
        assert ack.get("via") == received.get("via")
        return response

    def answered(self, callee=None, **kwargs):
        """A whole call up to the ACK."""
        callee = callee or self.primary
        invite = self.invite(**kwargs)
        received = self.tried(invite, callee)
        callee.respond(received, 180)
        self.carrier.expect(180, call_id=invite.call_id)
        return self.connect(invite, received, callee)

    def connect(self, invite, received, callee=None):
        """200 and ACK of a call that rings."""
        callee = callee or self.primary
        sent = callee.respond(received, 200)
        ok = self.carrier.expect(200, call_id=invite.call_id)
        caller = Dialog.caller(self.carrier, invite, ok)
        caller.send("ACK")
        callee.expect("ACK", call_id=invite.call_id)
        return Call(self, caller, Dialog.callee(callee, received, sent), invite, received, ok)

    def wait_live(self, count=1):
        """Waits until so many calls of the customer are live."""
        return wait_for(lambda: len(rows := self.customer.live()) == count and rows, 3, f"{count} live calls")


class ExitLine(Line):
    """A customer with a trunk for calls to the world: the caller is at the customer's address, the
    callee is a gateway that takes +1206…, at `rate` (money a minute, increment, minimum). kind: of both."""

    def __init__(self, bed, sipmod, credit=1000000, account=None, rate="120:6:6", prefix="", strip=0, kind=UdpPeer,
                 **fields):
        self.bed, self.sipmod = bed, sipmod
        self.peers = []
        self.customer = Customer(bed, credit, **(account or {}))
        serial = next(_serial)
        self.carrier = self.peer(f"127.2.{serial >> 8}.{serial & 255}", kind=kind)
        self.primary = self.peer(GATEWAY, kind=kind)
        self.tg = self.customer.exit_trunk(self.carrier.host, **fields)
        self.heard(f"source {self.carrier.host}: ")
        self.number = f"2063{next(_serial):06d}"
        self.gateway = self.add_gateway(self.primary, "1206", rate=rate, gateway={"prefix": prefix, "strip": strip})
        self.cdr, self.cdrs = self.customer.cdr, self.customer.cdrs

    def add_gateway(self, peer, prefix, gateway=None, **route):
        """One more gateway at this peer, on a route of the account's deck; returns its name."""
        name = self.bed.gateway(peer.host, peer.port, transport=peer.protocol.lower(), **(gateway or {}))
        self.bed.route(self.customer.deck, prefix, name, **route)
        self.heard(f"gateway {name}: ")
        return name

    def heard(self, text):
        """Waits until the sipmod has read a change of the directory."""
        self.sipmod.heard(text)


class OnnetLine(Line):
    """A Line whose carrier is a customer, too, so that its calls stay on-net: `caller` is the account, `exit_tg` the
    trunk that the calls come by. Its deck knows a gateway (peer `upstream`) for 1206 at `rate`."""

    def __init__(self, bed, sipmod, kind=UdpPeer, same=False, rate="120:6:6", out=None, caller=None, **fields):
        super().__init__(bed, sipmod, **fields)
        self.caller = self.customer if same else Customer(bed, **(caller or {}))
        self.customers = {self.caller, self.customer}
        self.host = next(_onnet_hosts)
        self.exit_tg = self.caller.exit_trunk(self.host, **(out or {}))
        self.carrier = self.peer(self.host, kind=kind)
        self.upstream = self.peer(GATEWAY)
        self.gateway = bed.gateway(self.upstream.host, self.upstream.port)
        bed.route(self.caller.deck, "1206", self.gateway, rate=rate)
        for text in (f"source {self.host}: ", f"gateway {self.gateway}: "):
            sipmod.heard(text)

    def legs(self, deadline=3.0):
        """The CDRs of the call: the caller's, the callee's."""
        both = wait_for(lambda: len(rows := self.all_legs()) == 2 and rows, deadline, "two CDRs")
        out, = [c for c in both if c["direction"] == "out"]
        into, = [c for c in both if c["direction"] == "in"]
        return out, into

    def all_legs(self):
        return [c for customer in self.customers for c in customer.cdrs()]

    def live(self):
        """The live legs."""
        return [c for customer in self.customers for c in customer.live()]

    def ids(self):
        """Ids of the two live legs: the caller's, the callee's."""
        both = wait_for(lambda: len(rows := self.live()) == 2 and rows, 3, "two legs")
        return sorted(r["call"] for r in both)

    def settled(self):
        for customer in self.customers:
            customer.settled()
        self.upstream.expect_nothing(0.02)


class Call:
    """An answered call: caller and callee are Dialogs."""

    def __init__(self, line, caller, callee, invite, received, ok):
        self.line, self.caller, self.callee = line, caller, callee
        self.invite, self.received, self.ok = invite, received, ok

    def exchange(self, method, by="caller", status=200, **kwargs):
        """A request inside the dialog and its final response; returns (request received, response)."""
        here, there = (self.caller, self.callee) if by == "caller" else (self.callee, self.caller)
        here.send(method, **kwargs)
        received = there.peer.expect(method, call_id=here.call_id)
        there.peer.respond(received, status)
        response = here.peer.expect(lambda m: m.status == status and method in m.get("cseq"),
                                    call_id=here.call_id)
        return received, response

    def hang_up(self, by="caller", status=200):
        return self.exchange("BYE", by, status)


def _flat(fields):
    return [x for pair in fields.items() for x in pair]
