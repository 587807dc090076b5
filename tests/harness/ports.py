"""Free ports below the kernel's ephemeral range, so that nobody else gets them in between."""

import random
import socket

_FIRST, _LAST = 20000, 32000
_given = set()
_random = random.Random()


def free_port(host="127.0.0.1"):
    """A port that is free for TCP and UDP on every address, and not given out before here."""
    for _ in range(1000):
        port = _random.randrange(_FIRST, _LAST)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise RuntimeError(f"no free port for {host}")


def _is_free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True


def bound_udp(host, port):
    """Whether some process has bound UDP host:port (/proc/net/udp)."""
    address = socket.inet_aton(host)[::-1].hex().upper()
    wanted = {f"{address}:{port:04X}", f"00000000:{port:04X}"}
    with open("/proc/net/udp", encoding="ascii") as table:
        return any(line.split()[1] in wanted for line in table.readlines()[1:])
