"""A name server of a test: names to addresses and services, over UDP and TCP on loopback."""

import socket
import struct
import threading

A, SOA, AAAA, SRV = 1, 6, 28, 33
NO_SUCH_NAME, REFUSED = 3, 5
POINTER = 0xC00C  # to the name of the question
DATAGRAM = 512  # longer answers go by TCP (RFC 1035 section 4.2.1)


def _encode(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


class Dns:
    """names: {"gw.example": ["127.0.0.5"], "_sip._udp.gw.example": [(priority, weight, port, "a.gw.example")]}.

    ttl is that of all records, in seconds; negative: that of names without any (None: the server does not say).
    silent: it answers nothing; refused: kinds of questions (A, AAAA, SRV) that it won't answer. asked counts the
    questions by name (of a host those for A).
    """

    def __init__(self, names=None, ttl=60):
        self.names, self.ttl, self.negative = dict(names or {}), ttl, None
        self.silent, self.refused = False, ()
        self.asked = {}
        self.closing = False
        self.stream = socket.create_server(("127.0.0.1", 0))
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(self.stream.getsockname())
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.threads = [threading.Thread(target=t, daemon=True) for t in (self._serve, self._serve_stream)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.closing = True
        self.socket.sendto(b"", self.socket.getsockname())
        socket.create_connection(self.stream.getsockname()).close()
        for thread in self.threads:
            thread.join()
        self.socket.close()
        self.stream.close()

    def _serve(self):
        while not self.closing:
            data, peer = self.socket.recvfrom(4096)
            answer = self._answer(data) if len(data) > 12 else None
            if answer and len(answer) > DATAGRAM:
                answer = answer[:2] + b"\x83\x80" + answer[4:6] + b"\0" * 6 + answer[12:len(data)]
            if answer:
                self.socket.sendto(answer, peer)

    def _serve_stream(self):
        while not self.closing:
            connection, _ = self.stream.accept()
            with connection, connection.makefile("rwb") as stream:
                while len(size := stream.read(2)) == 2:
                    answer = self._answer(stream.read(struct.unpack("!H", size)[0]))
                    if answer:
                        stream.write(struct.pack("!H", len(answer)) + answer)
                        stream.flush()

    def _answer(self, data):
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode().lower())
            at += 1 + data[at]
        kind = struct.unpack("!H", data[at + 1:at + 3])[0]
        name = ".".join(labels)
        if kind != AAAA:
            self.asked[name] = self.asked.get(name, 0) + 1
        if self.silent:
            return None
        records = [self._record(kind, self.ttl, value) for value in self._values(kind, name)]
        negative = [] if records or self.negative is None else [self._soa()]
        code = REFUSED if kind in self.refused else 0 if name in self.names else NO_SUCH_NAME
        head = data[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), len(negative), 0)
        return head + data[12:at + 5] + b"".join(records + negative)

    def _values(self, kind, name):
        family = {A: socket.AF_INET, AAAA: socket.AF_INET6}.get(kind)
        if kind in self.refused:
            return []
        if kind == SRV:
            return [struct.pack("!HHH", *v[:3]) + _encode(v[3]) for v in self.names.get(name, []) if len(v) == 4]
        return [socket.inet_pton(family, v) for v in self.names.get(name, [])
                if family and isinstance(v, str) and (":" in v) == (kind == AAAA)]

    def _soa(self):
        data = _encode("ns.example") + _encode("root.example") + struct.pack("!IIIII", 1, 60, 60, 60, self.negative)
        return self._record(SOA, 3600, data)

    @staticmethod
    def _record(kind, ttl, data):
        return struct.pack("!HHHIH", POINTER, kind, 1, ttl, len(data)) + data
