"""Kamailio as a record-routing proxy over UDP, TCP and TLS: it sends every call to one place, or to the first
of several that answers OPTIONS."""

import os
import socket

from .ports import bound_udp, free_port
from .process import Process

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
