"""Units, man pages, Redis's configuration; and with TRUNKLINE_PACKAGES=1 the Debian packages, in a clean Debian 12."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from harness import Redis
from harness.process import make_workdir, remove_workdir
from harness.programs import program

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def run(*argv, **options):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("unit", UNITS, ids=lambda p: p.stem)
def test_units_are_hardened_and_right(unit, tmp_path):
    """As systemd reads them; exposure (0 to 10) at most 1.5. The programs are not installed here, so /bin/true is."""
    report = run("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=15", unit)
    assert "Overall exposure level" in report
    copy = tmp_path / unit.name
    text = re.sub(r"/usr/sbin/(trunkd|sipmod)", "/bin/true", unit.read_text())
    copy.write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.M))
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    assert copy.name not in said.stderr, said.stderr


@pytest.mark.parametrize("page", sorted((DEPLOY / "man").iterdir()), ids=lambda p: p.name)
def test_man_pages_name_each_option(page):
    """Of those that the program tells of itself."""
    rendered = run("man", "--warnings", "-l", page, env={**os.environ, "MANPAGER": "cat", "LC_ALL": "C.UTF-8"})
    binary = program(page.stem)
    told = subprocess.run([binary, "help" if page.stem == "trunkctl" else "-h"], capture_output=True, text=True,
                          check=False)
    options = set(re.findall(r"^ +(--?[A-Za-z-]+)", told.stdout + told.stderr, re.M))
    assert options and all(option in rendered for option in options), options


def test_redis_takes_its_configuration():
    workdir = make_workdir("redis")
    server = Redis(workdir)
    server.argv.insert(1, str(DEPLOY / "redis" / "redis.conf"))
    try:
        server.start()
        assert server.client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    finally:
        server.discard()
        remove_workdir(workdir)
    assert "appendfsync always" in (DEPLOY / "redis" / "redis.conf").read_text()


def test_packages_are_built_with_what_building_needs():
    listed = {line for line in (DEPLOY / "packages").read_text().split() if line.endswith("-dev")}
    wanted = re.search(r"^Build-Depends: (.*(?:\n .*)*)", (DEPLOY / "debian" / "control").read_text(), re.M)[1]
    assert listed == {name for name in re.split(r"[,\s]+", wanted) if name.endswith("-dev")}


@contextlib.contextmanager
def clean_debian(folder):
    """A minimal Debian 12 to run commands in: chroot(*argv)."""
    lists = [path for path in (pathlib.Path("/etc/apt/sources.list"),
                               pathlib.Path("/etc/apt/sources.list.d/debian.sources")) if path.exists()]
    mirror = re.search(r"^(?:deb (?:\[.*?\] )?|URIs: *)(\S+)", "\n".join(p.read_text() for p in lists), re.M)
    run("debootstrap", "--variant=minbase", "bookworm", folder, mirror[1])
    for path in lists:
        shutil.copy(path, f"{folder}{path}")
    quiet = {"PATH": os.environ["PATH"], "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    run("mount", "-t", "proc", "proc", f"{folder}/proc")
    try:
        yield lambda *argv: run("chroot", folder, *argv, env=quiet)
    finally:
        run("umount", f"{folder}/proc")


@pytest.mark.skipif("TRUNKLINE_PACKAGES" not in os.environ, reason="minutes long: TRUNKLINE_PACKAGES=1 runs it")
def test_packages_in_a_clean_debian(tmp_path):
    run(DEPLOY / "build-packages", tmp_path / "out")
    packages = sorted((tmp_path / "out").glob("*.deb"))
    assert [p.name.split("_")[0] for p in packages] == ["sipmod", "trunkd", "trunkline-common"]
    assert run("lintian", "--allow-root", "--fail-on", "error,warning", *packages) == ""
    root = str(tmp_path / "root")
    with clean_debian(root) as chroot:
        for package in packages:
            shutil.copy(package, f"{root}/tmp")
        chroot("apt-get", "update")
        chroot("apt-get", "install", "-y", "--no-install-recommends", *[f"/tmp/{p.name}" for p in packages])
        assert "trunkline" in chroot("id", "trunkline")
        assert chroot("stat", "-c", "%a %U %G", "/etc/trunkline/trunkline.ini").split() == ["640", "root", "trunkline"]
        for name in ("trunkd", "sipmod"):
            chroot("su", "-s", "/bin/sh", "trunkline", "-c", f"{name} -t -c /etc/trunkline/trunkline.ini")
        chroot("su", "-s", "/bin/sh", "trunkline", "-c", "/usr/share/trunkline/make-users /tmp/users")
        for script in ("backup", "restore"):
            assert "Usage:" in chroot(f"/usr/share/trunkline/{script}", "-h")
        shipped = chroot("find", "/usr/share/trunkline", "-type", "f").split()
        assert {"RUNBOOK.md", "60-trunkline.conf", "trunkline.rules.yml"} <= {path.split("/")[-1] for path in shipped}
        chroot("apt-get", "purge", "-y", "trunkline-common")
        assert chroot("sh", "-c", "ls -d /etc/trunkline /usr/sbin/trunkd 2>/dev/null || true") == ""
