"""HTTP by hand: bytes out, replies in."""

import json
import socket


class Raw:
    """One connection: send(bytes), reply() → (status, headers, body), closed()."""

    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode("latin1") if isinstance(data, str) else data)
        return self

    def _more(self):
        try:
            piece = self.socket.recv(65536)
        except ConnectionResetError:
            piece = b""
        self.data += piece
        return bool(piece)

    def reply(self):
        """The next reply; its body as JSON where it is."""
        while b"\r\n\r\n" not in self.data:
            assert self._more(), f"closed after {self.data!r}"
        head, _, rest = self.data.partition(b"\r\n\r\n")
        lines = head.decode("latin1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        while len(rest) < length:
            self.data = rest
            assert self._more(), "closed within a body"
            rest = self.data
        self.data = rest[length:]
        body = rest[:length]
        try:
            body = json.loads(body)
        except ValueError:
            pass
        return int(lines[0].split()[1]), headers, body

    def closed(self):
        """Waits for the end; returns what came before it."""
        while self._more():
            pass
        return self.data
