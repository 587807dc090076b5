"""Kamailio as a proxy between UDP and TLS, record-routing as it does in the field."""

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
enable_tls=yes
listen=udp:{host}:{udp_port}
listen=tls:{host}:{tls_port}
mpath="{modules}"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "tls.so"
modparam("rr", "enable_double_rr", 1)
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "{certificate}")
modparam("tls", "private_key", "{key}")
modparam("tls", "ca_list", "{ca}")
modparam("tls", "verify_certificate", 1)
modparam("tls", "require_certificate", {require})

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
    $du = "{next_hop}";
    $fs = "{leave_by}";
    t_relay();
}}
"""


class Kamailio(Process):
    """Sends every call to next_hop (a SIP URI). TLS both ways with the certificate given."""

    def __init__(self, workdir, host, next_hop, certificate, key, ca, require=True):
        self.host, self.udp_port, self.tls_port = host, free_port(), free_port()
        self.target = (host, self.udp_port)
        name = f"kamailio-{host}"
        run = os.path.join(workdir, name)
        os.makedirs(run)
        config = os.path.join(run, "kamailio.cfg")
        leave_by = f"tls:{host}:{self.tls_port}" if "transport=tls" in next_hop else f"udp:{host}:{self.udp_port}"
        with open(config, "w", encoding="ascii") as f:
            f.write(CONFIG.format(host=host, udp_port=self.udp_port, tls_port=self.tls_port, modules=MODULES,
                                  certificate=certificate, key=key, ca=ca, next_hop=next_hop,
                                  require=int(require), leave_by=leave_by))
        super().__init__(["kamailio", "-DD", "-E", "-m", "32", "-M", "8", "-Y", run, "-P", os.path.join(run, "pid"),
                          "-w", run, "-f", config], name, workdir)

    def is_ready(self):
        with socket.socket() as s:
            return s.connect_ex((self.host, self.tls_port)) == 0


DISPATCHER = """
debug=1
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:{host}:{port}
mpath="{modules}"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "dispatcher.so"
modparam("dispatcher", "list_file", "{list}")
modparam("dispatcher", "flags", 2)
modparam("dispatcher", "ds_ping_interval", 1)
modparam("dispatcher", "ds_probing_mode", 1)
modparam("dispatcher", "ds_ping_reply_codes", "class=2")
modparam("dispatcher", "ds_probing_threshold", 1)
modparam("tm", "fr_timer", 2000)

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
    if (!ds_select_dst("1", "8")) {{ sl_send_reply("503", "Nobody takes calls"); exit; }}
    t_relay();
}}
"""


class Dispatcher(Process):
    """Kamailio with its dispatcher over UDP: the first of `hops` (HOST:PORT) that answers OPTIONS with 200."""

    def __init__(self, workdir, host, hops):
        self.host, self.port = host, free_port()
        self.target = (host, self.port)
        name = f"dispatcher-{host}"
        run = os.path.join(workdir, name)
        os.makedirs(run)
        hop_list, config = os.path.join(run, "list"), os.path.join(run, "kamailio.cfg")
        with open(hop_list, "w", encoding="ascii") as f:
            f.writelines(f"1 sip:{hop} 0 {len(hops) - i}\n" for i, hop in enumerate(hops))
        with open(config, "w", encoding="ascii") as f:
            f.write(DISPATCHER.format(host=host, port=self.port, modules=MODULES, list=hop_list))
        super().__init__(["kamailio", "-DD", "-E", "-m", "32", "-M", "8", "-Y", run, "-P", os.path.join(run, "pid"),
                          "-w", run, "-f", config], name, workdir)

    def is_ready(self):
        return bound_udp(self.host, self.port)
