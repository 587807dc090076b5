"""deploy/container: cheap checks always; with TRUNKLINE_CONTAINER=1 the image is built and all of it runs by compose,
on a base made by debootstrap (needs buildah, podman, runc and debootstrap beside tests/packages, and root)."""

import contextlib
import functools
import glob
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading
import types

import pytest
import yaml

from harness import Api, Dialog, Stack, UdpPeer, free_port, wait_for
from harness.inventory import write_inventory
from harness.process import make_workdir, remove_workdir
from harness.programs import program

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "deploy" / "container"
COMPOSE = HERE / "compose.yaml"
PORTS = ("REDIS_PORT", "HTTP", "METRICS_TRUNKD", "SIP_A", "METRICS_A", "SIP_B", "METRICS_B")
CONTAINERFILE = (HERE / "Containerfile").read_text(encoding="utf-8")


def run(*argv, **options):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


@functools.lru_cache(maxsize=None)
def services():
    """As docker-compose understands them, with defaults filled in."""
    return yaml.safe_load(run("docker-compose", "-f", COMPOSE, "config"))["services"]


def test_services_are_confined():
    assert set(services()) == {"prepare", "redis", "trunkd", "sipmod-a", "sipmod-b", "backup"}
    for name, service in services().items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["user"] == "trunkline", name
        assert service["security_opt"] == ["no-new-privileges:true"] and service["network_mode"] == "host", name
        assert service["mem_limit"] and service["pids_limit"] and service["ulimits"]["core"] == 0, name
        assert "privileged" not in service and "ports" not in service, name
        assert ("healthcheck" in service) == (name not in ("prepare", "backup")), name


def test_nothing_is_shared_that_must_not_be():
    own = {name: [word for word in service["command"] if re.match("sip.node=|sip.listen=|metrics.", word)]
           for name, service in services().items()}
    assert len(own["sipmod-a"]) == 3 and not set(own["sipmod-a"]) & set(own["sipmod-b"])
    for name, service in services().items():
        for volume in service["volumes"]:
            assert volume.endswith(":ro") or name in ("prepare", "redis") or "settings" not in volume, (name, volume)


def test_versions_agree():
    version = re.search(r"project\(\w+ VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    assert {s["image"] for s in services().values()} == {f"trunkline:{version}"}
    assert f"-t trunkline:{version} " in CONTAINERFILE
    assert f"({version})" in (ROOT / "deploy/debian/changelog").read_text().splitlines()[0]


def test_the_containerfile_names_what_is_there():
    for words in re.findall(r"^COPY (?!--from)(.*)$", CONTAINERFILE, re.M):
        *sources, _ = [w for w in words.split() if not w.startswith("--")]
        assert all((ROOT / source).exists() for source in sources), words
    last = CONTAINERFILE.split("\nFROM ")[-1]
    assert last.index("USER trunkline") < last.index("CMD [") and "STOPSIGNAL SIGTERM" in last
    assert "debian:12" in re.search(r"^ARG BASE=(.*)$", CONTAINERFILE, re.M)[1]


@pytest.fixture
def prepared(tmp_path):
    """Settings as `prepare` writes them, beside make-users as in the image."""
    for script in (HERE / "prepare", ROOT / "deploy/redis/make-users"):
        shutil.copy(script, tmp_path)
    make = functools.partial(run, tmp_path / "prepare", tmp_path / "settings")
    make(env={**os.environ, "REDIS_PORT": "7777"})
    return types.SimpleNamespace(folder=tmp_path / "settings", again=make)


def test_prepared_settings_are_good_and_stay(prepared):
    for name in ("trunkd", "sipmod"):
        run(program(name), "-t", "-c", prepared.folder / f"{name}.ini")
        assert "127.0.0.1:7777" in (prepared.folder / f"{name}.ini").read_text()
    before = {path: pathlib.Path(path).read_text() for path in glob.glob(f"{prepared.folder}/*")}
    prepared.again()
    assert before == {path: pathlib.Path(path).read_text() for path in glob.glob(f"{prepared.folder}/*")}


def healthy(address, series):
    return subprocess.run([HERE / "healthy", address, series], capture_output=True, check=False).returncode == 0


def test_health_is_told():
    with Stack() as s:
        wait_for(lambda: healthy(s.trunkd.metrics_address, "trunkline_ready"), 5)
        wait_for(lambda: healthy(s.sipmod.metrics_address, "trunkline_redis_up"), 5)
        s.redis.stop()
        wait_for(lambda: not healthy(s.sipmod.metrics_address, "trunkline_redis_up"), 5)
        s.redis.start()
    assert not healthy(s.trunkd.metrics_address, "trunkline_ready")


# --- for real ---------------------------------------------------------------------------------


class Machine:
    """A store of images, a podman with the API of Docker, and the compose project on free ports."""

    def __init__(self, folder):
        self.folder = folder
        self.ports = {name: free_port() for name in PORTS}
        (folder / "containers.conf").write_text('[engine]\ncgroup_manager = "cgroupfs"\nruntime = "runc"\n')
        (folder / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/storage"\nrunroot = "{folder}/run"\n')
        places = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}
        self.env = {**os.environ, **places, "REDIS_PORT": str(self.ports["REDIS_PORT"]), "NOFILE": "8192",
                    "CONTAINERS_CONF": str(folder / "containers.conf"),
                    "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
                    "DOCKER_HOST": f"unix://{folder}/podman.sock"}
        self.service, self.over = None, threading.Event()
        backups = folder / "backups"
        backups.mkdir()
        backups.chmod(0o777)
        self.env["BACKUPS"] = str(backups)

    def podman(self, *argv, **options):
        return run("podman", *argv, env=self.env, **options)

    def compose(self, *argv, **options):
        return run("docker-compose", "-p", "test", "-f", COMPOSE, *argv, env=self.env, **options)

    def build(self):
        """The image, on a Debian made here: no registry is asked."""
        base = f"{self.folder}/base"
        mirror = "\n".join(p.read_text() for p in pathlib.Path("/etc/apt").glob("sources.list*/*.sources"))
        run("debootstrap", "--variant=minbase", "bookworm", base, re.search(r"^URIs: *(\S+)", mirror, re.M)[1])
        for path in pathlib.Path("/etc/apt/sources.list.d").glob("*.sources"):
            shutil.copy(path, f"{base}/etc/apt/sources.list.d")
        run("tar", "-C", base, "-cf", f"{base}.tar", "--exclude=./proc/*", ".")
        self.podman("import", f"{base}.tar", "localhost/debian:12")
        version = services()["redis"]["image"]
        run("buildah", "bud", "--isolation", "chroot", "--build-arg", "BASE=localhost/debian:12", "-t", version,
            "-f", HERE / "Containerfile", ROOT, env=self.env)

    def serve(self):
        socket = self.folder / "podman.sock"
        self.service = subprocess.Popen(["podman", "system", "service", "--time", "0", f"unix://{socket}"],
                                        env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(socket.exists, 10)
        threading.Thread(target=self.check_health, daemon=True).start()

    def check_health(self):
        """What systemd's timers do for podman, where there is a systemd."""
        while not self.over.wait(1):
            listed = subprocess.run(["podman", "ps", "-q"], env=self.env, capture_output=True, text=True, check=False)
            for name in listed.stdout.split():
                subprocess.run(["podman", "healthcheck", "run", name], env=self.env, capture_output=True, check=False)

    def up(self):
        self.compose("up", "-d", "--no-build", timeout=180)
        for name in ("METRICS_A", "METRICS_B"):
            wait_for(lambda n=name: healthy(f"127.0.0.1:{self.ports[n]}", "trunkline_redis_up"), 30, "sipmods serve")

    def ctl(self, *argv, **options):
        out = self.podman("exec", "-i", "test_trunkd_1", "trunkctl", "-c", "/etc/trunkline/trunkd.ini", "--json", *argv,
                          **options)
        return json.loads(out) if out.strip() else None

    def close(self):
        self.over.set()
        with contextlib.suppress(AssertionError):
            self.podman("rm", "-fa", "-t", "1")
        if self.service:
            self.service.terminate()
            self.service.wait()


@pytest.fixture
def machine():
    folder = pathlib.Path(make_workdir("container"))
    made = Machine(folder)
    yield made
    made.close()
    remove_workdir(folder)


def order_number(machine):
    """An account with a number on a trunk to the peer."""
    account = machine.ctl("account", "add", "--name", "Test")["accountno"]
    machine.ctl("account", "credit", account, "100")
    machine.ctl("carrier", "add", "test", "127.0.0.2")
    path = f"{machine.folder}/inventory.csv"
    write_inventory(path)
    machine.podman("cp", path, "test_trunkd_1:/var/lib/trunkline/files/inventory.csv")
    machine.ctl("inventory", "import", "/var/lib/trunkline/files/inventory.csv")
    token = machine.ctl("token", "add", account)["token"]
    customer = types.SimpleNamespace(api=Api(f"http://127.0.0.1:{machine.ports['HTTP']}", account, token))
    callee = UdpPeer("127.0.0.3", 0, to=("127.0.0.1", machine.ports["SIP_A"]))
    number, = Stack.order(customer, Stack.define_trunk(customer, callee))
    return account, callee, number


def call(machine, callee, number, port):
    """A call through one of both sipmods."""
    carrier = UdpPeer("127.0.0.2", 0, to=("127.0.0.1", machine.ports[port]))
    invite = carrier.send(carrier.invite("1" + number))
    callee.respond(callee.expect("INVITE"), 200)
    dialog = Dialog.caller(carrier, invite, carrier.expect(200, call_id=invite.call_id))
    dialog.send("ACK")
    dialog.send("BYE")
    callee.respond(callee.expect("BYE"), 200)
    carrier.expect(lambda m: m.status == 200 and "BYE" in m.get("cseq"), call_id=invite.call_id)
    carrier.close()


@pytest.mark.skipif("TRUNKLINE_CONTAINER" not in os.environ, reason="minutes long: TRUNKLINE_CONTAINER=1 runs it")
def test_the_project_takes_calls(machine):
    machine.build()
    machine.serve()
    machine.compose("run", "--rm", "prepare")
    policy = "printf '[policy]\\nloopback_trunks = yes\\n' >>/etc/trunkline/trunkd.ini"
    machine.compose("run", "--rm", "prepare", "sh", "-c", policy)
    machine.up()
    account, callee, number = order_number(machine)
    for port in ("SIP_A", "SIP_B"):
        call(machine, callee, number, port)
    wait_for(lambda: len(machine.ctl("cdr", "list", account)) == 2, 10)
    said = machine.compose("run", "--rm", "backup")
    assert "cdrs 2" in said and "differences 0" in said
    machine.compose("stop", timeout=180)
    for name in ("redis", "trunkd", "sipmod-a", "sipmod-b"):
        assert machine.podman("inspect", f"test_{name}_1", "--format", "{{.State.ExitCode}}").strip() == "0", name
    machine.up()
    call(machine, callee, number, "SIP_B")
    wait_for(lambda: len(machine.ctl("cdr", "list", account)) == 3, 10)
    assert machine.ctl("reconcile")[0]["differences"] in (0, "0")
    callee.close()
