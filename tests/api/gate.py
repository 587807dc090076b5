"""A TCP proxy before Redis that stops one trunkd at a function: what SIGKILL between two steps needs."""

import socket
import threading

from harness import free_port


class Gate:
    """Forwards to a Redis port. stop_at(function, applied) arms it: the first call of that function (or the
    calls-th) is held back (applied=False), or reaches Redis while its reply is held back (applied=True);
    `reached` is set then, and nothing of that connection passes until let_go(); close() drops it."""

    def __init__(self, redis_port):
        self.redis_port = redis_port
        self.port = free_port()
        self.reached, self.gone = threading.Event(), threading.Event()
        self.function, self.applied, self.calls = None, False, 1
        self.closed = False
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def stop_at(self, function, applied, calls=1):
        """function: its name, or FCALL for any that writes."""
        self.reached.clear()
        self.function, self.applied, self.calls = f"\r\n{function}\r\n".encode(), applied, calls

    def let_go(self):
        self.gone.set()

    def close(self):
        self.closed = True
        self.gone.set()
        for s in [self.listener, *self.sockets]:
            s.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.redis_port))
            except OSError:
                return
            self.sockets += [client, server]
            held = threading.Event()
            threading.Thread(target=self._up, args=(client, server, held), daemon=True).start()
            threading.Thread(target=self._down, args=(server, client, held), daemon=True).start()

    def _up(self, client, server, held):
        for data in _pieces(client):
            if self._stops_at(data):
                held.set()
                if not self.applied:
                    self._hold()
            if self.closed or not _passed(server, data):
                return

    def _stops_at(self, data):
        if not self.function or self.function not in data or self.reached.is_set():
            return False
        self.calls -= data.count(self.function)
        return self.calls <= 0

    def _down(self, server, client, held):
        for data in _pieces(server):
            if held.is_set() and self.applied:
                self._hold()
            if not _passed(client, data):
                return

    def _hold(self):
        self.reached.set()
        self.gone.wait()


def _passed(target, data):
    try:
        target.sendall(data)
    except OSError:
        return False
    return True


def _pieces(source):
    while True:
        try:
            data = source.recv(65536)
        except OSError:
            return
        if not data:
            return
        yield data
