"""baresip as a process: a real user agent without a sound card, led over its control socket (ctrl_tcp)."""

import json
import math
import os
import socket
import struct
import time
import wave

from .ports import free_port
from .process import Process

MODULES = "/usr/lib/baresip/modules"
CONFIG = """
module_path {modules}
module account.so
module menu.so
module ctrl_tcp.so
module g711.so
module aufile.so
net_interface {host}
sip_listen {host}:{port}
ctrl_tcp_listen {host}:{control}
audio_source aufile,{tone}
rtp_ports {rtp}-{rtp_last}
"""


class Baresip(Process):
    """phone = Baresip(workdir, "127.0.0.2", "12065550100").start(); phone.dial(uri); phone.expect("CALL_ESTABLISHED")

    answer: how it takes calls, "auto" or "manual"; account: more parameters of its account,
    as `outbound="sip:…"`. It listens on UDP and TCP of one port.
    """

    def __init__(self, workdir, host, user, answer="auto", account=""):
        self.host, self.port, control, rtp = host, free_port(), free_port(), free_port()
        self.target, self.address = (host, self.port), f"{host}:{self.port}"
        self.control = (host, control)
        name = f"baresip-{host}"
        self.folder = os.path.join(workdir, name)
        os.makedirs(self.folder)
        self._write("config", CONFIG.format(modules=MODULES, host=host, port=self.port, control=control,
                                            tone=_tone(self.folder), rtp=rtp, rtp_last=rtp + 100))
        self._write("accounts", f"<sip:{user}@{host}>;regint=0;answermode={answer}{account}\n")
        self._write("contacts", "")
        self.stream, self.buffer, self.events = None, b"", []
        super().__init__(["baresip", "-4", "-v", "-f", self.folder], name, workdir)

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as f:
            f.write(text)

    def is_ready(self):
        try:
            self.stream = socket.create_connection(self.control, 1)
        except OSError:
            return False
        return True

    # --- commands -----------------------------------------------------------------

    def dial(self, uri):
        self._command("dial", uri)

    def answer(self):
        self._command("accept")

    def hang_up(self):
        self._command("hangup")

    def hold(self):
        self._command("hold")

    def resume_call(self):
        self._command("resume")

    def _command(self, command, params=""):
        text = json.dumps({"command": command, "params": params, "token": command}).encode()
        self.stream.sendall(b"%d:%s," % (len(text), text))
        done = self._next(lambda e: e.get("token") == command, command, 5)
        assert done["ok"], done

    # --- events -------------------------------------------------------------------

    def expect(self, kind, deadline=5.0):
        """The next event of this type; others are kept."""
        return self._next(lambda e: e.get("type") == kind, kind, deadline)

    def _next(self, wanted, what, deadline):
        end = time.monotonic() + deadline
        while True:
            for i, event in enumerate(self.events):
                if wanted(event):
                    return self.events.pop(i)
            left = end - time.monotonic()
            assert left > 0, f"{self.name}: no {what} within {deadline:g} s; kept {self.events}{self.tail()}"
            self._read(left)

    def _read(self, seconds):
        """Events are netstrings of JSON."""
        self.stream.settimeout(seconds)
        try:
            self.buffer += self.stream.recv(65536)
        except (TimeoutError, socket.timeout):
            return
        while (length := self.buffer.partition(b":")[0]) != self.buffer:
            start = len(length) + 1
            if len(self.buffer) <= start + int(length):
                return
            self.events.append(json.loads(self.buffer[start:start + int(length)]))
            self.buffer = self.buffer[start + int(length) + 1:]


def _tone(folder):
    """What it says: two seconds of a tone."""
    path = os.path.join(folder, "tone.wav")
    with wave.open(path, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"".join(struct.pack("<h", int(8000 * math.sin(i / 3))) for i in range(16000)))
    return path
