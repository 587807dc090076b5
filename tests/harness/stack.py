"""Everything up: Redis, trunkd, one sipmod, an account with a token, a carrier, inventory."""

import os
import secrets

from .api import Api
from .inventory import write_inventory
from .process import make_workdir, remove_workdir
from .programs import Ctl, Sipmod, Trunkd, write_conf
from .users import login
from .sip import UdpPeer
from .sipp import Sipp
from .store import Redis

CARRIER = "127.0.0.2"

# So high that no test meets a limit that it doesn't look for.
UNLIMITED = {"http.token_rate": 100000000, "http.token_burst": 1000000,
             "http.failure_rate": 1000000, "http.failure_burst": 1000000}


class Stack:
    """with Stack() as s: s.api, s.ctl, s.redis, s.trunkd, s.sipmod, s.account, s.token, s.numbers.

    conf: settings over the tests' own ({"sip.no_answer_ms": 300}); aof: Redis keeps every write;
    sipmod=False: REST alone. Everything started through the stack ends with it, with checks:
    exit codes and sanitizers' reports.
    """

    def __init__(self, conf=None, aof=False, sipmod=True, credit="100"):
        self.workdir = make_workdir("test")
        self.redis = Redis(self.workdir, aof=aof)
        self.files = os.path.join(self.workdir, "files")
        self.settings = {"redis.address": self.redis.address, **login("trunkd"),
                         "policy.loopback_trunks": True, "files.dir": self.files,
                         "log.level": "debug", **UNLIMITED, **(conf or {})}
        self.with_sipmod, self.credit = sipmod, credit
        self.carrier = CARRIER
        self.started = []
        self.closing = []
        self.ctl = Ctl(write_conf(os.path.join(self.workdir, "ctl.ini"), self.settings))
        self.trunkd = self.sipmod = self.api = self.account = self.token = None
        self.numbers = []

    def __enter__(self):
        try:
            self.redis.start()
            self.trunkd = self.add_trunkd()
            self.account, self.token = self.add_account(self.credit)
            self.api = Api(self.trunkd.url, self.account, self.token)
            self.numbers = self.import_inventory()
            self.ctl("carrier", "add", "test", CARRIER)
            if self.with_sipmod:
                self.sipmod = self.add_sipmod()
            return self
        except BaseException:
            self._end(failed=True)
            raise

    def __exit__(self, kind, *_):
        self._end(failed=kind is not None)

    def _end(self, failed):
        """Stops all; after a failure without checks, so that the first failure is the one shown."""
        problems = []
        for thing in reversed(self.closing):
            thing.close()
        for process in reversed(self.started):
            try:
                process.discard() if failed else process.stop()
            except AssertionError as error:
                process.discard()
                problems.append(error)
        self.redis.discard()
        remove_workdir(self.workdir)
        if problems:
            raise problems[0]

    # --- more of everything -----------------------------------------------------

    def add_trunkd(self, **conf):
        """One more trunkd: add_trunkd(http__threads=1)."""
        name = f"trunkd{len(self.started)}"
        return self._start(Trunkd(self.workdir, self._settings(conf), name))

    def add_sipmod(self, host="127.0.0.1", **conf):
        """One more sipmod on a port of its own."""
        name = f"sipmod{len(self.started)}"
        return self._start(Sipmod(self.workdir, self._settings(conf), name, host))

    def _settings(self, conf):
        return {**self.settings, **{k.replace("__", "."): v for k, v in conf.items()}}

    def _start(self, process):
        self.started.append(process)
        return process.start()

    def add_account(self, credit="100", *options):
        """A new account with a token; options as of `account add`. Returns (accountno, token)."""
        made = self.ctl("account", "add", "--name", f"Test {secrets.token_hex(3)}", *options)
        accountno = made["accountno"]
        if credit:
            self.ctl("account", "credit", accountno, credit)
        return accountno, self.add_token(accountno)

    def add_token(self, accountno, label="test"):
        return self.ctl("token", "add", accountno, "--label", label)["token"]

    def api_of(self, accountno, token):
        return Api(self.trunkd.url, accountno, token)

    def import_inventory(self, *blocks):
        """Imports the sample blocks, or those given as (NPANXX, state, rate centre, city, count)."""
        path = os.path.join(self.workdir, f"inventory-{secrets.token_hex(3)}.csv")
        numbers = write_inventory(path, blocks) if blocks else write_inventory(path)
        self.ctl("inventory", "import", path)
        return numbers

    def peer(self, host=CARRIER, port=0):
        """A raw SIP peer that talks to the first sipmod; closed with the stack."""
        peer = UdpPeer(host, port, to=self.sipmod.target if self.sipmod else None)
        self.closing.append(peer)
        return peer

    def uac(self, number, scenario="uac", **kwargs):
        """A SIPp caller at the carrier's address towards the first sipmod, not started."""
        kwargs.setdefault("to", self.sipmod.target)
        return self._sipp(scenario, number=number, **kwargs)

    def uas(self, scenario="uas", host="127.0.0.3", **kwargs):
        """A started SIPp answerer; its .host and .port go into a trunk."""
        return self._sipp(scenario, host=host, **kwargs).start()

    def _sipp(self, scenario, **kwargs):
        sipp = Sipp(self.workdir, scenario, **kwargs)
        self.started.append(sipp)
        return sipp

    # --- what most tests do first -------------------------------------------------

    def define_trunk(self, primary, api=None, **params):
        """defineTrunk to `primary` (anything with host and port, or a pair); returns the trunk id."""
        host, port = primary if isinstance(primary, tuple) else (primary.host, primary.port)
        wanted = {"title": "test", "primaryTrunk": host, "primaryPort": port, "billingType": "Metered", **params}
        return (api or self.api).defineTrunk(**wanted).good()["tg_id"]

    def order(self, trunk, count=1, state="WA", api=None, numbers=None):
        """Searches, reserves, orders and processes `count` numbers (or those given); returns them."""
        api = api or self.api
        if numbers is None:
            found = api.searchdid(state=state).good()["DIDs"]
            assert len(found) >= count, f"{len(found)} numbers free in {state}, {count} wanted"
            numbers = [d["TN"] for d in found[:count]]
        cart = api.reserve(category="landline", state=state, number=",".join(numbers)).good()["reserveId"]
        order = api.gen_order(trunk_id=trunk, reserveId=cart).good()["orderId"]
        api.process_order(orderId=order).good()
        return numbers

    def live(self, account=None):
        """Live calls of an account as call_list shows them."""
        return self.redis.table("call_list", f"{{a:{account or self.account}}}")

    def cdrs(self, account=None, most=1000):
        """CDRs of an account, newest first."""
        return self.redis.table("cdr_list", f"{{a:{account or self.account}}}", most)

    def counters(self, account=None):
        """The account's admitted, refused and cdrs as integers, and live from the set of live calls."""
        base = f"{{a:{account or self.account}}}"
        count = {k: int(v) for k, v in self.redis.client.hgetall(f"{base}:count").items()}
        live = self.redis.client.zcard(f"{base}:live")
        return {"admitted": 0, "refused": 0, "cdrs": 0, **count, "live": live}
