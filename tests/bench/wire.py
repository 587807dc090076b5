"""When INVITEs pass on loopback: the kernel's timestamps of those that go to a proxy and of those that leave it."""

import ctypes
import re
import select
import socket
import struct
import time

_ETH_P_IP, _PACKET_OUTGOING = 0x0800, 4
_SO_TIMESTAMPNS, _SO_ATTACH_FILTER, _SO_RCVBUFFORCE = 35, 26, 33
_HEADERS = 14 + 20 + 8  # Ethernet, IP without options, UDP
_CALL_ID = re.compile(rb"\r\nCall-ID: *([^\r]+)\r\n", re.IGNORECASE)

# Classic BPF: IPv4 + UDP, and the payload begins with "INVI".
_FILTER = [(0x30, 0, 0, 14 + 9), (0x15, 0, 3, 17), (0x20, 0, 0, _HEADERS), (0x15, 0, 1, 0x494E5649),
           (0x06, 0, 0, 65535), (0x06, 0, 0, 0)]


class Capture:
    """with Capture(proxy, callee) as c: …; c.delays() are seconds from the proxy's socket to the callee's."""

    def __init__(self, proxy, callee):
        self.ports = {proxy[1]: 0, callee[1]: 1}
        self.seen = ({}, {})
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 * 1024 * 1024)
        program = b"".join(struct.pack("HBBI", *i) for i in _FILTER)
        self._program = ctypes.create_string_buffer(program)
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER,
                               struct.pack("HL", len(_FILTER), ctypes.addressof(self._program)))
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.socket.bind(("lo", _ETH_P_IP))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def read(self, seconds):
        """Takes in what passes for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0]:
                self._take()

    def _take(self):
        packet, controls, _, address = self.socket.recvmsg(65535, 64)
        if address[2] == _PACKET_OUTGOING:
            return  # each packet of loopback is seen once more as it comes in
        side = self.ports.get(int.from_bytes(packet[36:38], "big"))
        call = _CALL_ID.search(packet)
        if side is None or not call:
            return
        for _, kind, data in controls:
            if kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = struct.unpack("qq", data[:16])
                self.seen[side].setdefault(call[1], seconds + nanoseconds / 1e9)

    def delays(self):
        came, went = self.seen
        return [went[c] - came[c] for c in came if c in went]


def permitted():
    """Whether we may listen to loopback (CAP_NET_RAW)."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
        return True
    except PermissionError:
        return False
