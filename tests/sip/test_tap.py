"""sipmod --tap writes, from what was on the wire, the CDRs that a sipmod in the path wrote."""

import pytest

from harness import StreamPeer
from harness.bed import CARRIER, Bed, ExitLine, Line
from harness.tap import Recorder, Tap, differences, records

CONF = {"sip__no_answer_ms": 300}


def hung_up_by_the_caller(line):
    line.answered().hang_up()


CALLS = [hung_up_by_the_caller]


@pytest.fixture(scope="module")
def recorded():
    """name of a call → (its CDRs, what the tap recorded)."""
    with Bed() as bed:
        sipmod = bed.sipmod(**CONF)
        recorder = Recorder(bed.workdir, sipmod.port).start()
        lines = {}
        for call in CALLS:
            lines[call.__name__] = line = Line(bed, sipmod)
            call(line)
            line.customer.settled()
            line.close()
        recorder.stop()
        summary = Tap(bed.workdir, bed.redis, recorder.path, sipmod.port).finish()
        yield {name: (line.cdrs(), records(line.customer)) for name, line in lines.items()} | {"": summary}


@pytest.mark.parametrize("call", [c.__name__ for c in CALLS])
def test_the_same_cdr(recorded, call):
    (cdr,), (record,) = recorded[call]
    assert not differences(cdr, record)
