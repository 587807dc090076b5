"""deploy/backup of a Trunkline under load, and deploy/restore of it onto an empty machine."""

import glob
import os
import pathlib
import random
import shutil
import stat
import subprocess
import threading

import pytest

from harness import Books, Redis, Sipmod, Trunkd, build_dir, wait_for
from harness.bed import SCHEMA_VERSION
from harness.programs import Ctl, write_conf
from harness.users import login, password
from fault_bed import FaultBed
from load import Load

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
OURS, LATER = f"schema {SCHEMA_VERSION}", f"schema {int(SCHEMA_VERSION) + 1}"
TALK = [(8, "talk"), (1, "busy"), (1, "cancel")]


def deploy(script, *args, code=0):
    """Runs deploy/SCRIPT; returns what it printed, stderr after stdout."""
    done = subprocess.run([DEPLOY / script, *map(str, args)], capture_output=True, text=True, check=False, timeout=120,
                          env={**os.environ, "TRUNKLINE_BUILD": build_dir(), "LC_ALL": "C.UTF-8"})
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def manifest(backup):
    return dict(line.split(" ", 1) for line in (backup / "manifest").read_text().splitlines())


def books(backup):
    """The account's line of the backup's books."""
    names = "account admitted refused cdrs live balance ledger differences".split()
    return {line.split()[0]: dict(zip(names, line.split())) for line in (backup / "books").read_text().splitlines()}


class Machine:
    """A place to restore to: its folders, settings, and the programs on them."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.redis = Redis(str(folder), aof=True)
        self.files, self.spool = folder / "files", folder / "spool"
        self.settings = {"redis.address": self.redis.address, "files.dir": self.files, "sip.spool_dir": self.spool,
                         "sip.lease_s": 5, "log.level": "info"}
        self.conf = folder / "trunkline.ini"
        write_conf(str(self.conf), self.settings)
        self.ctl = Ctl(str(self.conf))
        self.programs = []

    def restore(self, backup, *options, code=0):
        return deploy("restore", "-c", self.conf, *options, backup, self.redis.data, code=code)

    def start(self):
        self.redis.start()
        settings = {**self.settings, **login("trunkd")}
        self.programs = [Trunkd(str(self.folder), settings).start(),
                         Sipmod(str(self.folder), settings, "sipmod0").start()]

    def close(self):
        for process in reversed(self.programs):
            process.discard()
        self.redis.discard()


class Saved:
    """What the tests look at: a backup that was taken amid calls, and the bed's end after it."""

    def __init__(self, bed, folder):
        self.account, self.folder = bed.customer.id, folder / "backups"
        shutil.copy(bed.trunkd.conf, folder / "trunkline.ini")
        (folder / "backup.password").write_text(password("backup"))
        self.arguments = ["-c", folder / "trunkline.ini", self.folder]
        load = Load(bed.targets, "", kinds=TALK)
        load.number = bed.serve(load.address["callee"], 1000)
        try:
            self.amid(bed, load)
        finally:
            load.close()

    def amid(self, bed, load):
        """Two backups while calls come and go; then everything is killed amid calls."""
        thread = threading.Thread(target=load.run, args=(7, 40, random.Random(1)), daemon=True)
        thread.start()
        wait_for(lambda: len(bed.books.files(bed.files)) > 20, 10, "CDRs in files")
        self.said = [deploy("backup", *self.arguments)]
        files = len(bed.books.files(bed.files))
        wait_for(lambda: len(bed.books.files(bed.files)) > files, 10, "more CDRs in files")
        self.said.append(deploy("backup", *self.arguments))
        thread.join(30)
        for process in [*bed.sipmods.values(), bed.trunkd]:
            process.kill9()
        self.first, self.backup = sorted(self.folder.glob("2*Z"))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    with FaultBed(**{"files.cdr_hours": 0, "sip.lease_s": 60}) as bed:
        bed.redis.client.config_set("repl-diskless-sync-delay", "0")
        yield Saved(bed, tmp_path_factory.mktemp("saved"))


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path / "machine")
    yield made
    made.close()


def test_a_backup_amid_calls_is_whole(saved):
    told, account = manifest(saved.backup), books(saved.backup)[saved.account]
    assert (told["format"], told["schema"], told["differences"]) == ("1", SCHEMA_VERSION, "0") and int(told["live"]) > 5
    assert account["live"] == told["live"] and account["balance"] == account["ledger"]
    assert int(account["admitted"]) + int(account["refused"]) == int(account["cdrs"]) + int(account["live"])
    assert str(saved.backup) in saved.said[1] and f"cdrs {told['cdrs']}" in saved.said[1]
    assert stat.S_IMODE(saved.backup.stat().st_mode) == 0o700
    assert (saved.backup / "settings" / "backup.password").exists() and (saved.backup / "spool").is_dir()
    assert deploy("restore", "--check", saved.backup).startswith("Verified: ")


def test_only_the_latest_are_kept(saved, tmp_path):
    """And nothing but backups goes, whatever the folder's name is."""
    folder, other = tmp_path / "my backups", tmp_path / "my"
    for made in [folder / "20250101T000000Z", folder / "20250102T000000Z", folder / "notes", other]:
        made.mkdir(parents=True)
    deploy("backup", *saved.arguments[:2], "--keep", "2", folder)
    left = sorted(path.name for path in folder.iterdir() if path.name != ".lock")
    assert len(left) == 3 and left[0] == "20250102T000000Z" and left[2] == "notes" and other.exists()


def test_files_that_stay_the_same_are_kept_once(saved):
    """Both backups have the same closed files: links to one."""
    same = [path for path in glob.glob(f"{saved.backup}/files/**/*", recursive=True)
            if os.path.isfile(path) and os.stat(path).st_nlink > 1]
    changed = [path for path in glob.glob(f"{saved.backup}/files/cdr/{saved.account}/*") if path not in same]
    assert changed, "CDRs came in between"
    for path in same:
        assert os.path.samefile(path, path.replace(str(saved.backup), str(saved.first)))


@pytest.mark.parametrize("which", ["first", "backup"])
def test_a_restored_machine_has_the_books_of_the_backup(saved, machine, which):
    backup = getattr(saved, which)
    was = books(backup)[saved.account]
    said = machine.restore(backup)
    assert f"{was['live']} calls that were up are ended" in said
    machine.start()
    at, books_now = machine.redis.client, Books(machine.redis, saved.account)
    total = int(was["admitted"]) + int(was["refused"])
    entries = wait_for(lambda: len(books_now.files(machine.files)) == total and books_now.files(machine.files), 20,
                       "all CDRs in files")
    assert len({row["id"] for row in entries}) == total and len({row["sequence"] for row in entries}) == total
    lost = [row for row in entries if row["reason"] == "lost"]
    assert len(lost) == int(was["live"]) and all(row["estimated"] == "1" for row in lost)
    after, = [row for row in machine.ctl("reconcile") if row["accountno"] == saved.account]
    assert (after["live"], after["differences"]) in ((0, 0), ("0", "0"))
    assert books_now.counts()["admitted"] == int(was["admitted"]) and books_now.live() == []
    charged = {line["ref"] for line in books_now.ledger() if line["activity"] == "Call Charges"}
    assert charged == {f"call:{row['id']}" for row in entries if float(row["amount"])}
    assert at.config_get("appendonly") == {"appendonly": "yes"}
    assert machine.redis.restart() and books_now.counts()["admitted"] == int(was["admitted"])


def test_calls_that_are_kept_go_on_or_are_reaped(saved, machine):
    """--calls keep: a sipmod that has been running on has them; none has, so trunkd closes them after the lease."""
    was = books(saved.backup)[saved.account]
    machine.restore(saved.backup, "--calls", "keep")
    machine.start()
    books_now = Books(machine.redis, saved.account)
    machine.programs[1].stop()
    wait_for(lambda: books_now.live() == [], 30, "all calls reaped")
    counts = books_now.counts()
    assert counts["cdrs"] == int(was["cdrs"]) + int(was["live"]) == counts["admitted"] + counts["refused"]


def copy(backup, tmp_path):
    made = tmp_path / "copy"
    shutil.copytree(backup, made)
    return made


def resum(backup):
    """As if it had been made so."""
    subprocess.run("find . -type f ! -name SHA256SUMS | sort | xargs sha256sum >SHA256SUMS", shell=True, check=True,
                   cwd=backup)


def spoil_snapshot(backup):
    data = bytearray((backup / "redis.rdb").read_bytes())
    data[len(data) // 2] ^= 1
    (backup / "redis.rdb").write_bytes(data)


def replace(name, old, new):
    def change(backup):
        text = (backup / name).read_text()
        assert old in text
        (backup / name).write_text(text.replace(old, new))
    return change


BAD = {  # what is done to the copy, whether its sums are made to fit, what is said
    "snapshot": (spoil_snapshot, False, "damaged: ./redis.rdb"),
    "snapshot, sums made to fit": (spoil_snapshot, True, "can't load"),
    "a file gone": (lambda b: os.unlink(b / "books"), False, "damaged"),
    "a file more": (lambda b: (b / "files" / "more").write_text("x"), False, "files that SHA256SUMS doesn't name"),
    "no manifest": (lambda b: os.unlink(b / "manifest"), False, "is no backup"),
    "a later format": (replace("manifest", "format 1", "format 2"), True, 'format "2"'),
    "another's books": (replace("books", " 0\n", " 1\n"), True, "the books are not those of the backup"),
    "another's manifest": (replace("manifest", OURS, LATER), True, f"{OURS} in the snapshot"),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_good_backup_is_refused(saved, machine, tmp_path, bad):
    change, fits, text = BAD[bad]
    made = copy(saved.backup, tmp_path)
    change(made)
    if fits:
        resum(made)
    assert text in machine.restore(made, code=1)
    assert os.listdir(machine.redis.data) == [] and not machine.files.exists()


def test_a_later_schema_is_refused(saved, machine, tmp_path):
    made = copy(saved.backup, tmp_path)
    server = Redis(str(tmp_path), options=["--dbfilename", "redis.rdb"])
    shutil.copy(made / "redis.rdb", server.data)
    server.start()
    server.client.hset("schema", mapping={"version": LATER.split()[1], "release": "9.0.0"})
    server.client.save()
    server.stop()
    shutil.copy(os.path.join(server.data, "redis.rdb"), made / "redis.rdb")
    replace("manifest", OURS, LATER)(made)
    resum(made)
    assert f"this program knows {SCHEMA_VERSION}: install that release" in machine.restore(made, code=1)


@pytest.mark.parametrize("place", ["redis", "files", "spool"])
def test_nothing_is_overwritten(saved, machine, place):
    folder = pathlib.Path(machine.redis.data) if place == "redis" else getattr(machine, place)
    folder.mkdir(exist_ok=True)
    (folder / "mine").write_text("x")
    assert f"{folder} is not empty" in machine.restore(saved.backup, code=1)
    assert os.listdir(folder) == ["mine"]


def test_settings_come_back_where_there_are_none(saved, machine, tmp_path):
    """Those of the backup count then: files go where they say."""
    made = copy(saved.backup, tmp_path)
    (made / "settings" / "trunkline.ini").write_text(machine.conf.read_text())
    resum(made)
    machine.conf.unlink()
    machine.restore(made)
    assert machine.conf.read_text() == (made / "settings" / "trunkline.ini").read_text()
    assert (machine.folder / "backup.password").read_text() == password("backup")
    assert (machine.files / "cdr" / saved.account / "position").exists()


def test_a_backup_that_fails_leaves_nothing(saved, tmp_path):
    settings = {"redis.address": "127.0.0.1:1", "files.dir": tmp_path / "files", "sip.spool_dir": ""}
    write_conf(str(tmp_path / "x.ini"), settings)
    assert "no snapshot of Redis" in deploy("backup", "-c", tmp_path / "x.ini", tmp_path / "backups", code=1)
    assert glob.glob(f"{tmp_path}/backups/*") == [] and glob.glob(f"{tmp_path}/backups/.partial*") == []
    assert "Usage: deploy/backup" in deploy("backup", code=2) and "Usage: deploy/restore" in deploy("restore", code=2)
    assert "--keep needs a number" in deploy("backup", "--keep", "0", tmp_path, code=1)
