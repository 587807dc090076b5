"""Calls by SIPp, as many a second as asked for."""

from harness import Sipp
from harness.bed import CARRIER

_BUFFER = ("-buff_size", 8 * 1024 * 1024)
_MOST_AT_ONCE = 1000000


def answerer(rivals):
    """A started SIPp that takes all calls at the callee's address."""
    host, port = rivals.callee
    return Sipp(rivals.bed.workdir, "uas", host=host, port=port, trace=False, options=_BUFFER).start()


def caller(rivals, target, rate, calls, duration_ms=0, timeout=None, options=()):
    """A SIPp that makes calls to a proxy, not started."""
    return Sipp(rivals.bed.workdir, "uac", to=target, number="1" + rivals.number, host=CARRIER, calls=calls, rate=rate,
                limit=_MOST_AT_ONCE, duration_ms=duration_ms, trace=False, options=(*_BUFFER, *options),
                timeout=timeout or int(calls / rate * 2 + 15))


class Outcome:
    """What became of a load."""

    def __init__(self, sipp, calls, rate):
        code = sipp.wait_exit(sipp.timeout + 10, code=None)
        stats = sipp.stats()
        self.failed = stats["FailedCall"] + (code != 0 and not stats["FailedCall"])
        self.made = stats["SuccessfulCall"]
        self.repeated = stats["Retransmissions"]
        self.asked, self.rate = rate, stats.get("CallRate", 0)
        self.whole = self.made == calls and not self.failed


def run(rivals, target, rate, calls, timeout=None):
    """Makes the calls and waits for their end, at most `timeout` seconds."""
    sipp = caller(rivals, target, rate, calls, timeout=timeout).start()
    return Outcome(sipp, calls, rate)
