"""A name server of a test: names to addresses, over UDP on loopback."""

import socket
import struct
import threading

A, AAAA = 1, 28
NO_SUCH_NAME = 3


class Dns:
    """names: {"gw.example": ["127.0.0.5"]}; ttl in seconds; silent: it answers nothing.

    asked counts the A questions by name.
    """

    def __init__(self, names=None, ttl=60):
        self.names, self.ttl, self.silent = dict(names or {}), ttl, False
        self.asked = {}
        self.closing = False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closing = True
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()

    def _serve(self):
        while not self.closing:
            data, peer = self.socket.recvfrom(4096)
            if len(data) > 12:
                self._answer(data, peer)

    def _answer(self, data, peer):
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode().lower())
            at += 1 + data[at]
        kind = struct.unpack("!H", data[at + 1:at + 3])[0]
        name = ".".join(labels)
        if kind == A:
            self.asked[name] = self.asked.get(name, 0) + 1
        if self.silent:
            return
        addresses = [socket.inet_aton(a) for a in self.names.get(name, [])] if kind == A else []
        code = 0 if name in self.names else NO_SUCH_NAME
        head = data[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(addresses), 0, 0)
        answers = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, self.ttl, len(a)) + a for a in addresses)
        self.socket.sendto(head + data[12:at + 5] + answers, peer)
