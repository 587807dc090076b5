"""Kamailio: as a record-routing proxy over UDP, TCP and TLS that sends every call to one place, or to the first of
several that answers OPTIONS; and with the configurations of deploy/kamailio."""

import os
import re
import shutil
import socket

from .ports import bound_udp, free_port
from .process import Process
from .users import password

MODULES = "/usr/lib/x86_64-linux-gnu/kamailio/modules/"

CONFIG = """
debug=1
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
listen=udp:{host}:{port}
listen=tcp:{host}:{port}
mpath="{modules}"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
modparam("rr", "enable_double_rr", 1)
modparam("tm", "fr_timer", 2000)
{extras}
request_route {{
    if (method == "CANCEL") {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (method == "ACK" && t_check_trans()) t_relay();
        exit;
    }}
    t_check_trans();
    record_route();
    {lead}
    t_relay();
}}
"""

TLS = """
enable_tls=yes
listen=tls:{host}:{tls_port}
loadmodule "tls.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "{certificate}")
modparam("tls", "private_key", "{key}")
modparam("tls", "ca_list", "{ca}")
modparam("tls", "verify_certificate", 1)
modparam("tls", "require_certificate", 1)
"""

DISPATCHER = """
loadmodule "dispatcher.so"
modparam("dispatcher", "list_file", "{list}")
modparam("dispatcher", "flags", 2)
modparam("dispatcher", "ds_ping_interval", 1)
modparam("dispatcher", "ds_probing_mode", 1)
modparam("dispatcher", "ds_ping_reply_codes", "class=2")
modparam("dispatcher", "ds_probing_threshold", 1)
"""


class Kamailio(Process):
    """Sends every call to next_hop (a SIP URI, by the transport that it names), or, with `hops` (URIs),
    to the first of them that answers OPTIONS with 200. tls: (certificate, key, ca), files."""

    def __init__(self, workdir, host, next_hop=None, hops=(), tls=None, port=None):
        self.host, self.port, self.tls_port = host, port or free_port(), free_port()
        self.target, self.address = (host, self.port), f"{host}:{self.port}"
        name = f"kamailio-{host}"
        self.run = os.path.join(workdir, name)
        os.makedirs(self.run)
        extras = (self._tls(*tls) if tls else "") + (self._dispatcher(hops) if hops else "")
        config = self._write("kamailio.cfg", CONFIG.format(
            host=host, port=self.port, modules=MODULES, extras=extras,
            lead=self._to(next_hop) if next_hop else self._to_dispatched()))
        super().__init__(["kamailio", "-DD", "-E", "-m", "32", "-M", "8", "-Y", self.run,
                          "-P", os.path.join(self.run, "pid"), "-w", self.run, "-f", config], name, workdir)

    def is_ready(self):
        """TCP listens last, after UDP."""
        with socket.socket() as s:
            return bound_udp(self.host, self.port) and s.connect_ex(self.target) == 0

    def _write(self, name, text):
        path = os.path.join(self.run, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def _tls(self, certificate, key, ca):
        return TLS.format(host=self.host, tls_port=self.tls_port, certificate=certificate, key=key, ca=ca)

    def _dispatcher(self, hops):
        hop_list = self._write("list", "".join(f"1 {hop} 0 {len(hops) - i}\n" for i, hop in enumerate(hops)))
        return DISPATCHER.format(list=hop_list)

    def _to(self, next_hop):
        transport = next_hop.partition(";transport=")[2] or "udp"
        port = self.tls_port if transport == "tls" else self.port
        return f'$du = "{next_hop}"; $fs = "{transport}:{self.host}:{port}";'

    @staticmethod
    def _to_dispatched():
        return 'if (!ds_select_dst("1", "8")) { sl_send_reply("503", "Nobody takes calls"); exit; }'


DEPLOYED = os.path.join(os.path.dirname(__file__), "..", "..", "deploy", "kamailio")


class Deployed(Process):
    """A copy of deploy/kamailio, started as its `setup` (edge, alone) with other settings: `substitutes` are values of
    #!substdef, `defines` of #!define, `lines` of name=value, `flags` are those to take the first # from."""

    def __init__(self, workdir, setup, host, substitutes, defines=None, lines=None, port=None, name=None,
                 flags=()):
        self.host, self.port = host, port or free_port()
        self.target, self.address = (host, self.port), f"{host}:{self.port}"
        name = name or f"{setup}-{self.port}"
        self.run = os.path.join(workdir, name)
        shutil.copytree(DEPLOYED, os.path.join(self.run, "kamailio"))
        self.folder = os.path.join(self.run, "kamailio", setup)
        self._settings({"TL_RUN": self.run, **substitutes}, defines or {},
                       {"listen": [f"udp:{self.address}", f"tcp:{self.address}"], **(lines or {})}, flags)
        super().__init__(["kamailio", "-DD", "-E", "-m", "64", "-M", "8", "-Y", self.run,
                          "-P", os.path.join(self.run, "pid"), "-w", self.run,
                          "-f", os.path.join(self.folder, "kamailio.cfg")], name, workdir)

    def is_ready(self):
        """TCP listens last, after UDP."""
        with socket.socket() as s:
            return bound_udp(self.host, self.port) and s.connect_ex(self.target) == 0

    def _settings(self, substitutes, defines, lines, flags):
        """Puts the values into the lines of settings.cfg that are there."""
        path = os.path.join(self.folder, "settings.cfg")
        with open(path, encoding="ascii") as f:
            text = f.read()
        for name, value in substitutes.items():
            text, n = re.subn(rf'(?m)^(#!substdef "!{name}!).*!g"$', rf'\g<1>{value}!g"', text)
            assert n == 1, name
        for name, value in defines.items():
            text, n = re.subn(rf"(?m)^(#!define {name} ).*$", rf"\g<1>{value}", text)
            assert n == 1, name
        for name, values in lines.items():
            for value in values:
                text, n = re.subn(rf"(?m)^{name}=.*$", f"{name} = {value}", text, count=1)
                assert n == 1, name
        for flag in flags:
            assert f"\n##!define {flag}\n" in text, flag
            text = text.replace(f"\n##!define {flag}\n", f"\n#!define {flag}\n")
        with open(path, "w", encoding="ascii") as f:
            f.write(text)


class KamailioAlone(Deployed):
    """deploy/kamailio/alone on this Redis. Sources and gateways are read at each call."""

    def __init__(self, workdir, redis, host="127.0.0.1", node="alone", children=4, defines=None, **substitutes):
        super().__init__(workdir, "alone", host, {
            "TL_REDIS": f"addr=127.0.0.1;port={redis.port};db=0", "TL_PASSWORD": password("kamailio"), "TL_NODE": node,
            **substitutes}, defines, {"children": [children], "tcp_children": [1]})

    def heard(self, text):
        """As a Sipmod's: it reads the directory at each call."""


class KamailioEdge(Deployed):
    """deploy/kamailio/edge before these sipmods, which trust its host. tls: (certificate, key), files."""

    def __init__(self, workdir, sipmods, host="127.0.0.1", tls=None, defines=None):
        self.tls_target = (host, free_port())
        sipmod_list = os.path.join(workdir, f"sipmods-{free_port()}.list")
        with open(sipmod_list, "w", encoding="ascii") as f:
            f.writelines(f"1 sip:{sipmod.address}\n" for sipmod in sipmods)
        substitutes = {"TL_SIPMODS": sipmod_list, "TL_PROBE_S": 1}
        if tls:
            substitutes |= {"TL_TLS_LISTEN": "tls:%s:%d" % self.tls_target, "TL_TLS_CERTIFICATE": tls[0],
                            "TL_TLS_KEY": tls[1]}
        super().__init__(workdir, "edge", host, substitutes, defines, {"children": [4], "tcp_children": [1]},
                         flags=["WITH_TLS"] if tls else [])
