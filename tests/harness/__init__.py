"""What every pytest suite stands on: real processes, real sockets, deadlines instead of sleeps.

    from harness import Stack, Sipp, UdpPeer, wait_for

Programs come from the build folder named by TRUNKLINE_BUILD (default: build-test).
TRUNKLINE_KEEP=1 keeps temporary folders for a look afterwards.
"""

from .api import Api, Reply
from .books import Books
from .inventory import write_inventory
from .ports import bound_udp, free_port
from .process import Process, ProcessFailed, stop_everything
from .programs import Ctl, CtlFailed, Sipmod, Trunkd, build_dir, write_conf
from .sip import Dialog, Message, UdpPeer, new_branch, new_call_id, new_tag
from .sipp import Sipp, SippFailed
from .stack import Stack
from .store import Redis
from .stream import StreamPeer
from .wait import wait_for

__all__ = [
    "Api", "Books", "Ctl", "CtlFailed", "Dialog", "Message", "Process", "ProcessFailed", "Redis", "Reply",
    "Sipmod", "Sipp", "SippFailed", "Stack", "StreamPeer", "Trunkd", "UdpPeer", "bound_udp", "build_dir",
    "free_port", "new_branch", "new_call_id", "new_tag", "stop_everything", "wait_for",
    "write_conf", "write_inventory",
]
