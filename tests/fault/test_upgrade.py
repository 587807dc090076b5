"""One program after another gives way to that of a later release, and back, while calls come and go.

The commands are those of deploy/README.md, in its order; installing a package is taking the other release's program
and starting it again. tests/CMakeLists.txt builds the later releases.
"""

import os
import pathlib
import random
import re
import threading

import pytest

from harness import Trunkd, build_dir, wait_for
from harness.bed import SCHEMA_VERSION
from harness.programs import Ctl
from fault_bed import FaultBed, check_calls
from load import Load

README = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "README.md"


def commands(section):
    """The first block of commands of a section, without remarks."""
    text = README.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    block = re.search(r"^    .*(?:\n    .*)*", text, re.M)[0]
    return [line.split("#")[0].strip() for line in block.splitlines()]


def test_the_readme_names_both_ways():
    assert [c.split()[0] for c in commands("Upgrading")] == ["/usr/share/trunkline/backup", "apt-get", "trunkctl",
                                                             "apt-get", "trunkctl"]
    assert [c.split()[0] for c in commands("Going back")] == ["apt-get", "apt-get", "trunkctl", "trunkctl"]


class Platform:
    """A bed with a second trunkd and calls that go to the sipmods in rotation."""

    def __init__(self, bed):
        self.bed = bed
        self.trunkds = [bed.trunkd, Trunkd(bed.workdir, bed.settings, "trunkd1").start()]
        self.ctl = Ctl(bed.trunkd.conf)
        self.load = Load(bed.targets, "", kinds=[(1, "talk")])
        self.load.number = bed.serve(self.load.address["callee"], 1000)
        self.calling = None

    def close(self):
        self.load.close()
        self.trunkds[1].discard()

    def call(self, seconds, rate=25):
        self.calling = threading.Thread(target=self.load.run, args=(seconds, rate, random.Random(7)), daemon=True)
        self.calling.start()

    def finish(self):
        self.calling.join(60)
        assert self.load.drain(30)
        return self.bed.settle()

    def released(self):
        return self.bed.redis.client.hget("schema", "release")

    # --- what the commands are here ----------------------------------------------------

    @staticmethod
    def install(process, release):
        """As the package does: another program, and a restart."""
        name = os.path.basename(process.argv[0])
        place = f"tests/{release}/{name}" if release else {"trunkd": "daemon/trunkd", "sipmod": "sipmod/sipmod"}[name]
        process.argv[0] = os.path.join(build_dir(), place)
        process.restart()

    def leave_rotation(self, sipmod):
        """As the edge sees to it; until what was sent there before has arrived."""
        self.load.proxies.remove(sipmod.target)
        since = len(self.load.calls)
        wait_for(lambda: len(self.load.calls) > since + 1 or not self.calling.is_alive(), 5, "calls go elsewhere")
        wait_for(lambda: all(c.final or c.provisional for c in list(self.load.calls) if c.proxy == sipmod.target), 5)

    def follow(self, section, release):
        """Follows a section of the README."""
        for command in commands(section):
            if "sipmod" in command:
                for sipmod in self.bed.sipmods.values():
                    if sipmod.alive:
                        self.leave_rotation(sipmod)
                        self.install(sipmod, release)
                        self.load.proxies.append(sipmod.target)
                    else:
                        self.install(sipmod, release)
            elif "trunkd" in command:
                for trunkd in self.trunkds:
                    self.install(trunkd, release)
            elif command == "trunkctl reconcile" and release == "raised":
                pass  # the new package's trunkctl would; settle() holds these books together
            elif command == "trunkctl reconcile":
                assert all(row["differences"] in (0, "0") for row in self.ctl("reconcile"))
            elif command.startswith("trunkctl schema"):
                self.ctl(*command.split()[1:])
            else:
                assert command.startswith("/usr/share/trunkline/backup")  # test_backup.py runs it


@pytest.fixture
def platform():
    with FaultBed(sessions=1000) as bed:
        made = Platform(bed)
        yield made
        made.close()


def versions(platform):
    at = platform.bed.redis.client
    return {at.hget(f"node:{node}", "version") for node in at.smembers("nodes")}


def check_all(platform, cdrs):
    """Each call was answered, ended, and has one CDR of what both sides saw."""
    calls = platform.load.calls
    assert all(c.final == 200 and c.ended_at for c in calls), [vars(c) for c in calls if not c.ended_at][:3]
    assert check_calls(platform.load, cdrs) == len(calls) == len(cdrs) > 100
    assert not [c for c in cdrs if c["estimated"] != "0"]


def test_upgrade_and_back_without_a_lost_call(platform):
    ours = platform.released()
    platform.call(8)
    platform.follow("Upgrading", "next")
    assert platform.released() == "99.0.0" and wait_for(lambda: versions(platform) == {"99.0.0"}, 5)
    platform.follow("Going back", None)
    assert platform.released() == ours and wait_for(lambda: versions(platform) == {ours}, 5)
    check_all(platform, platform.finish())


def test_functions_of_the_later_release_stay(platform):
    """Of a mixture, whichever is started last; until the operator says otherwise."""
    ours, (first, second) = platform.released(), platform.trunkds
    platform.install(first, "next")
    wait_for(lambda: "another build's now" in second.log(), 5)
    second.restart()
    assert "functions of release 99.0.0 stay" in second.log() and platform.released() == "99.0.0"
    shown = platform.ctl("schema", "load")
    assert (shown["release"], str(shown["version"]), str(shown["supported"])) == (ours, SCHEMA_VERSION, SCHEMA_VERSION)
    digest = platform.bed.redis.client.hget("schema", "digest")
    assert shown["digest"] == digest and platform.released() == ours
    wait_for(lambda: "another build's now" in first.log(), 5)


def test_a_raised_version_after_a_stop_of_all(platform):
    """Calls that are up go on, and new ones wait for the new programs, unless a sipmod that ends got them."""
    platform.call(5)
    wait_for(lambda: platform.load.up > 10, 10, "calls that are up")
    for process in [*platform.bed.sipmods.values(), *platform.trunkds]:
        process.stop()
    platform.follow("Upgrading", "raised")
    cdrs = platform.finish()
    assert platform.released() == "99.1.0" and versions(platform) == {"99.1.0"}
    served = [c for c in platform.load.calls if c.final == 200]
    assert all(c.ended_at for c in served) and check_calls(platform.load, cdrs) == len(served) == len(cdrs) > 100
    assert {c.final for c in platform.load.calls} <= {200, 503} and not [c for c in cdrs if c["estimated"] != "0"]


def test_old_programs_take_nothing_under_a_raised_version(platform):
    """They were forgotten: what ends with them waits for the new ones."""
    bed, load = platform.bed, platform.load
    platform.call(2)
    wait_for(lambda: load.up > 10, 10, "calls that are up")
    platform.install(platform.trunkds[0], "raised")
    for sipmod in bed.sipmods.values():
        wait_for(lambda s=sipmod: "newer than this sipmod knows" in s.log(), 8)
    wait_for(lambda: "until then nothing is served" in platform.trunkds[1].log(), 5)
    platform.calling.join(30)
    before = len(load.calls)
    load.run(0.5, 20, random.Random(3))
    platform.trunkds[1].stop()
    platform.trunkds[1].start(ready=False)
    assert platform.trunkds[1].wait_exit(10, code=None) != 0 and "upgrade the program" in platform.trunkds[1].log()
    assert "upgrade" in refusal(platform)
    for sipmod in bed.sipmods.values():
        platform.install(sipmod, "raised")
    assert load.drain(30)
    cdrs = bed.settle()
    assert {c.final for c in load.calls[before:]} == {503} and {c.final for c in load.calls[:before]} == {200}
    assert check_calls(load, cdrs) == before == len(cdrs) and not [c for c in cdrs if c["estimated"] != "0"]


def refusal(platform):
    """What `schema load` of the old release says."""
    with pytest.raises(AssertionError) as failed:
        platform.ctl("schema", "load")
    return failed.value.err
