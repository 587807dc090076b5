"""A collector of HEPv3 as Homer's, decoding by the specification: UDP and TCP at one port."""

import collections
import socket
import struct
import threading

from .ports import free_port
from .wait import wait_for

Hep = collections.namedtuple("Hep", "family protocol source source_port target target_port at kind agent key payload "
                                    "correlation")


def decode(packet):
    """One packet, strictly: every chunk once and whole, nothing behind the last."""
    assert packet[:4] == b"HEP3" and struct.unpack("!H", packet[4:6])[0] == len(packet), packet[:6]
    chunks, at = {}, 6
    while at < len(packet):
        vendor, kind, length = struct.unpack("!HHH", packet[at:at + 6])
        assert vendor == 0 and length >= 6 and at + length <= len(packet) and kind not in chunks, (vendor, kind, length)
        chunks[kind] = packet[at + 6:at + length]
        at += length
    number = {kind: int.from_bytes(value, "big") for kind, value in chunks.items()}
    sizes = {1: 1, 2: 1, 7: 2, 8: 2, 9: 4, 10: 4, 11: 1, 12: 4}
    assert all(len(chunks[kind]) == size for kind, size in sizes.items()), chunks
    six = number[1] == socket.AF_INET6
    hosts = [socket.inet_ntop(number[1], chunks[kind]) for kind in ((5, 6) if six else (3, 4))]
    return Hep(number[1], number[2], hosts[0], number[7], hosts[1], number[8], number[9] + number[10] / 1e6, number[11],
               number[12], chunks.get(14, b"").decode(), chunks[15], chunks.get(17, b"").decode())


class Collector:
    """Packets that arrive are in .packets, decoded. Of TCP it can hang up (drop())."""

    def __init__(self, protocol, host="127.0.0.1"):
        self.protocol, self.host, self.port = protocol, host, free_port()
        self.packets, self.connections = [], []
        kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    @property
    def place(self):
        return f"{self.protocol}:{self.host}:{self.port}"

    def __enter__(self):
        self.socket.bind((self.host, self.port))
        if self.protocol == "tcp":
            self.socket.listen()
        threading.Thread(target=self._datagrams if self.protocol == "udp" else self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.drop()
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def drop(self):
        """Hangs up on all connections."""
        while self.connections:
            connection = self.connections.pop()
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def of(self, call_id, count, deadline=5):
        """Waits until so many packets of a call are there."""
        def found():
            packets = [p for p in list(self.packets) if p.correlation == call_id]
            return len(packets) >= count and packets

        return wait_for(found, deadline, f"{count} HEP packets of {call_id}")

    def _datagrams(self):
        try:
            while packet := self.socket.recv(65536):  # nothing: it is closed
                self.packets.append(decode(packet))
        except OSError:
            pass

    def _accept(self):
        try:
            while True:
                connection, _ = self.socket.accept()
                self.connections.append(connection)
                threading.Thread(target=self._stream, args=(connection.makefile("rb"),), daemon=True).start()
        except OSError:
            pass

    def _stream(self, stream):
        try:
            while head := stream.read(6):
                self.packets.append(decode(head + stream.read(struct.unpack("!H", head[4:])[0] - 6)))
        except (OSError, ValueError):
            pass
