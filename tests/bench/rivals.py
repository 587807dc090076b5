"""Who carries the calls: sipmod, the Kamailio that it is measured by, and the relay that is the floor."""

import os

from harness import Process, bound_udp, build_dir, free_port
from harness.bed import Bed, Customer
from harness.kamailio import MODULES

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = "5555"
SESSIONS, CPS = 1000000, 10000  # limits that are looked at for each call and never reached
CALLEE = "127.0.0.3"

KAMAILIO = """
debug=0
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:127.0.0.1:{port}
mpath="{modules}"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "dialog.so"
loadmodule "ndb_redis.so"
modparam("tm", "fr_timer", 5000)
modparam("rr", "enable_full_lr", 1)
modparam("dialog", "db_mode", 0)
modparam("dialog", "hash_size", 8192)
modparam("dialog", "send_bye", 0)
modparam("ndb_redis", "server", "name=store;addr=127.0.0.1;port={redis};db=0")

# First what belongs to a call that is known, then new calls: place, dialog, Record-Route, relay.
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{
            if (is_method("BYE")) dlg_manage();
            t_relay();
        }} else if (is_method("ACK")) {{
            if (t_check_trans()) t_relay();
        }} else {{
            sl_send_reply("404", "Not here");
        }}
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (!is_method("INVITE")) {{ sl_send_reply("405", "Method Not Allowed"); exit; }}
    t_check_trans();
    redis_cmd("store", "FCALL ref_admit 1 ref:did:$rU $ci $TV(s)000 120", "admitted");
    $var(place) = $redis(admitted=>value);
    if ($(var(place){{s.select,0, }}) != "200") {{ sl_send_reply("503", "Limit"); exit; }}
    dlg_manage();
    $dlg_var(tg) = $(var(place){{s.select,1, }});
    $dlg_var(number) = $rU;
    $dlg_var(start) = $TV(s);
    $rU = $(var(place){{s.select,2, }}) + $rU;
    $rd = $(var(place){{s.select,3, }});
    $rp = $(var(place){{s.select,4, }});
    record_route();
    t_relay();
}}
event_route[dialog:end] {{
    redis_cmd("store", "{done} 200", "done");
}}
event_route[dialog:failed] {{
    redis_cmd("store", "{done} 500", "done");
}}
"""
DONE = "FCALL ref_done 1 ref:tg:$dlg_var(tg):calls $ci $dlg_var(number) $dlg_var(tg) $dlg_var(start) $TV(s)"


class Relay(Process):
    """Moves the datagrams and nothing else."""

    def __init__(self, workdir, callee):
        self.target = ("127.0.0.1", free_port())
        super().__init__([os.path.join(build_dir(), "tests", "bench_relay"), self.target[1], *callee], "relay", workdir)

    def is_ready(self):
        return bound_udp(*self.target)


class Kamailio(Process):
    """The reference: the least of sipmod's work for a call, in one worker."""

    def __init__(self, workdir, redis_port):
        self.target = ("127.0.0.1", free_port())
        run = os.path.join(workdir, "kamailio")
        os.makedirs(run)
        config = os.path.join(run, "kamailio.cfg")
        with open(config, "w", encoding="ascii") as f:
            f.write(KAMAILIO.format(port=self.target[1], modules=MODULES, redis=redis_port, done=DONE))
        super().__init__(["kamailio", "-DD", "-E", "-m", "512", "-M", "16", "-Y", run, "-P", os.path.join(run, "pid"),
                          "-w", run, "-f", config], "kamailio", workdir)

    def is_ready(self):
        return bound_udp(*self.target)


class Rivals:
    """One Redis, one callee, and before them sipmod, Kamailio and the relay: with Rivals(aof=True) as r."""

    def __init__(self, aof, names=("relay", "kamailio", "sipmod")):
        self.bed = Bed(aof=aof)
        self.names = names
        self.callee = (CALLEE, free_port())
        self.running = {}
        self.number = self.customer = None

    def __enter__(self):
        try:
            self.bed.__enter__()
            # A rewrite of the AOF in the middle of a round would be that round's figure.
            self.bed.redis.client.config_set("auto-aof-rewrite-percentage", 0)
            self._provision()
            for name in self.names:
                self.running[name] = self._start(name)
            return self
        except BaseException:
            self.bed.close(failed=True)
            raise

    def __exit__(self, kind, *_):
        for name, process in self.running.items():
            if name != "sipmod":
                process.discard()
        self.bed.close(failed=kind is not None)

    @property
    def redis(self):
        return self.bed.redis

    def _start(self, name):
        if name == "relay":
            return Relay(self.bed.workdir, self.callee).start()
        if name == "kamailio":
            return Kamailio(self.bed.workdir, self.redis.port).start()
        # One caller sends it all: the limits on a single source are out of the way.
        return self.bed.sipmod(log__level="warn", sip__source_rate=1000000, sip__source_invite_rate=1000000,
                               sip__transactions_max=1000000)

    def _provision(self):
        host, port = self.callee
        self.customer = Customer(self.bed, credit=10 ** 12, in_rate=60, in_increment=6, in_minimum=6)
        tg = self.customer.trunk(self.callee, primary_prefix=PREFIX, sessions=SESSIONS, cps=CPS)
        self.number = self.customer.number(tg)
        with open(os.path.join(HERE, "reference.lua"), encoding="utf-8") as f:
            self.redis.client.function_load(f.read(), replace=True)
        self.redis.client.hset("ref:did:1" + self.number, "tg", "1")
        self.redis.client.hset("ref:tg:1", mapping={
            "host": host, "port": port, "prefix": PREFIX, "host2": "", "port2": "", "prefix2": "",
            "sessions": SESSIONS, "cps": CPS})
