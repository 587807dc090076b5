"""A private redis-server."""

import os

import redis

from .ports import free_port
from .process import Process
from .users import acl_file


class Redis(Process):
    """redis-server on a free port of 127.0.0.1, data in workdir.

    aof=True writes every command to disk before it is answered, as production does.
    """

    def __init__(self, workdir, aof=False, port=None, name="redis", options=()):
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.data = os.path.join(workdir, name)
        os.makedirs(self.data, exist_ok=True)
        durability = ["--appendonly", "yes", "--appendfsync", "always"] if aof else ["--appendonly", "no"]
        argv = ["redis-server", "--bind", "127.0.0.1", "--port", self.port, "--dir", self.data,
                "--save", "", "--daemonize", "no", "--aclfile", acl_file(), *durability, *options]
        super().__init__(argv, name, workdir)
        self.client = redis.Redis(port=self.port, decode_responses=True, socket_timeout=10)

    def is_ready(self):
        try:
            return self.client.ping()
        except (redis.ConnectionError, redis.TimeoutError, redis.exceptions.BusyLoadingError):
            return False

    def fcall(self, function, key, *args):
        """FCALL with one key; returns the reply as a list of texts."""
        return self.client.fcall(function, 1, key, *args)

    def table(self, function, key, *args, at=1):
        """FCALL of a function whose reply holds a table from element `at`; returns a list of dicts."""
        return read_table(self.fcall(function, key, *args), at)


def read_table(reply, at=1):
    """A table of a reply (number of columns, names, values) as a list of dicts."""
    columns = int(reply[at])
    names = reply[at + 1:at + 1 + columns]
    values = reply[at + 1 + columns:]
    return [dict(zip(names, values[i:i + columns])) for i in range(0, len(values), columns)]
