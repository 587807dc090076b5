"""SIP by hand over TCP and TLS: a peer that listens, connects and cuts streams into messages."""

import select
import socket
import ssl
import struct
import time

from .sip import Message, UdpPeer, host_port


class Connection:
    """One stream of a StreamPeer; bytes in and out, messages cut out of what came."""

    def __init__(self, sock):
        self.socket = sock
        self.remote = sock.getpeername()[:2]
        self.buffer = b""
        self.closed = False

    def sendall(self, data):
        self.socket.settimeout(5)
        self.socket.sendall(data)

    def read(self):
        """Takes what is there."""
        self.socket.settimeout(0.2)
        try:
            data = self.socket.recv(65536)
        except (TimeoutError, socket.timeout, ssl.SSLWantReadError):
            return
        except OSError:
            data = b""
        self.closed = not data
        self.buffer += data

    def pending(self):
        return isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()

    def take(self):
        """The next whole message, or None."""
        while self.buffer.startswith(b"\r\n"):
            self.buffer = self.buffer[2:]
        head, end, rest = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return None
        length = int(Message.parse(head + end).get("content-length", "0"))
        if len(rest) < length:
            return None
        self.buffer = rest[length:]
        message = Message.parse(head + end + rest[:length])
        message.source = self
        message.raw = head + end + rest[:length]
        return message

    def wait_closed(self, deadline=5.0):
        """Everything that came until the other side closed."""
        end = time.monotonic() + deadline
        while not self.closed and time.monotonic() < end:
            self.read()
        assert self.closed, f"still open after {deadline:g} s; came: {self.buffer!r}"
        return self.buffer

    def close(self):
        self.socket.close()
        self.closed = True

    def reset(self):
        """Closes as a crash would: RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


class StreamPeer(UdpPeer):
    """As UdpPeer, over TCP, or over TLS with `server` and `client` contexts (ssl.SSLContext).

    What is sent to an address goes by the connection to it, which is made if there is none; a
    message's source is its Connection, so answers go back the same way. listen=False: takes none.
    """

    def __init__(self, host="127.0.0.2", port=0, to=None, server=None, client=None, listen=True):
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.server, self.client = server, client
        self.protocol = "TLS" if server or client else "TCP"
        self.uri_params = f";transport={self.protocol.lower()}"
        self.listener = socket.socket(self.family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.host, self.port = self.listener.getsockname()[:2]
        self.address = host_port(self.host, self.port)
        if listen:
            self.listener.listen(16)
        self.to, self.backlog, self.connections, self.refused = to, [], [], []

    def close(self):
        self.listener.close()
        for connection in self.connections:
            connection.close()

    @property
    def source_port(self):
        """Of its first connection."""
        return self.connections[0].socket.getsockname()[1]

    def connect(self, to=None, hostname=None):
        """A new connection, from our host but another port."""
        sock = socket.socket(self.family, socket.SOCK_STREAM)
        sock.bind((self.host, 0))
        sock.settimeout(5)
        sock.connect(to or self.to)
        if self.client:
            sock = self.client.wrap_socket(sock, server_hostname=hostname)
        self.connections.append(Connection(sock))
        return self.connections[-1]

    def connection(self, to=None):
        """The connection to an address, or a new one."""
        wanted = tuple(to or self.to)
        for connection in reversed(self.connections):
            if connection.remote == wanted and not connection.closed:
                return connection
        return self.connect(to)

    def send(self, message, to=None):
        if isinstance(to, Connection) and to.closed:
            to = to.remote
        connection = to if isinstance(to, Connection) else self.connection(to)
        connection.sendall(bytes(message))
        return message

    def accept(self):
        sock, _ = self.listener.accept()
        try:
            sock.settimeout(5)
            if self.server:
                sock = self.server.wrap_socket(sock, server_side=True)
            self.connections.append(Connection(sock))
        except (OSError, ssl.SSLError) as error:
            self.refused.append(error)
            sock.close()

    def _receive(self, end):
        while True:
            for connection in self.connections:
                message = connection.take()
                if message:
                    return message
            left = end - time.monotonic()
            if left <= 0:
                return None
            self._wait(left)

    def _wait(self, left):
        alive = [c for c in self.connections if not c.closed]
        ready = [c for c in alive if c.pending()]
        if not ready:
            sockets = {c.socket: c for c in alive}
            found, _, _ = select.select([self.listener, *sockets], [], [], max(left, 0.0001))
            if self.listener in found:
                self.accept()
            ready = [sockets[s] for s in found if s in sockets]
        for connection in ready:
            connection.read()
