"""Users of the store (deploy/redis/make-users). All other suites run trunkd and sipmod as their own users, so what
they need they have; here: what they must not have."""

import os
import pathlib
import re
import stat
import subprocess

import pytest
import redis

from harness.users import password

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEY = "{a:1000001}"


@pytest.fixture(scope="module")
def as_user(shared_stack):
    number, = shared_stack.order(shared_stack.define_trunk(shared_stack.peer("127.0.0.3")))
    shared_stack.redis.client.set("did:2062199999", "1000001|1|1|1|")

    def connect(name):
        return redis.Redis(port=shared_stack.redis.port, username=name, password=password(name), decode_responses=True)

    connect.number = number
    return connect


CARRIERS_REFUSED = [
    "FLUSHALL", "KEYS *", "CONFIG GET dir", "FUNCTION LIST", "FUNCTION FLUSH", "SHUTDOWN", "EVAL return 0", "ACL LIST",
    "SET anything 1", "HSET did:2062199999 account 2", "DEL did:2062199999", "HSET schema secret x",
    "HSET lcr:{default}:rate 1 1", "HGETALL seq:order", f"FCALL account_book 1 {KEY} 100 x y z",
    f"FCALL token_add 1 {KEY} {'a' * 64} x all 2", f"FCALL order_pay 1 {KEY} 1", "FCALL did_assign 1 did:2062199999 1",
    "SUBSCRIBE elsewhere", "PUBLISH elsewhere x", "MONITOR", "CLIENT KILL ID 1", "REPLICAOF NO ONE", "SCAN 0"]
REFUSED = {
    "sipmod": CARRIERS_REFUSED,
    "kamailio": [*CARRIERS_REFUSED, "SUBSCRIBE tl:kill", "SMEMBERS sources", f"FCALL call_kill 1 {KEY} c1"],
    "ops": ["FLUSHALL", "KEYS *", "SHUTDOWN", "FUNCTION LIST", "SET anything 1", f"HSET {KEY} balance 1", f"DEL {KEY}",
            f"HGETALL {KEY}:tokens", "HGETALL schema", f"FCALL call_kill 1 {KEY} c1", f"XADD {KEY}:cdr * a b",
            f"XTRIM {KEY}:cdr MAXLEN 0", "PUBLISH tl:kill x", "EVAL return 0", "ACL LIST", "CLIENT KILL ID 1",
            "CONFIG GET requirepass", "MONITOR"],
    "trunkd": ["FLUSHALL", "FLUSHDB", "KEYS *", "CONFIG SET dir /tmp", "SHUTDOWN", "ACL LIST",
               "MIGRATE a 1 b 0 1", "REPLICAOF NO ONE", "MODULE LIST", "SUBSCRIBE elsewhere", "CLIENT KILL ID 1"],
    "backup": ["FLUSHALL", "KEYS *", "SHUTDOWN", "GET anything", "SET anything 1", f"HGETALL {KEY}", "HGETALL schema",
               "REPLICAOF NO ONE", "FUNCTION LIST", "CONFIG GET dir", "ACL LIST", "EVAL return 0", "PUBLISH tl:kill x"],
}


@pytest.mark.parametrize("name", REFUSED)
def test_users_may_not_do_more_than_they_need(as_user, name):
    client = as_user(name)
    for command in REFUSED[name]:
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*(["EVAL", "return 0", 0] if command.startswith("EVAL") else command.split(" ")))
            pytest.fail(f"{name} may {command}")


def test_people_may_read(as_user, shared_stack):
    ops, base = as_user("ops"), "{a:%s}" % shared_stack.account
    assert ops.hget(base, "status") == "1" and ops.hgetall(f"{base}:count") == {}
    assert ops.fcall_ro("call_list", 1, base)[0] == "ok"
    assert ops.hget(f"{base}:numbers", as_user.number) and ops.smembers("accounts") == {shared_stack.account}
    assert next(ops.scan_iter(f"{base}:*")) and ops.info("server") and ops.slowlog_get() is not None
    assert [c for c in ops.client_list() if c["user"] == "sipmod"]


def test_a_second_run_keeps_the_passwords(tmp_path):
    make = [ROOT / "deploy/redis/make-users", tmp_path / "made"]
    subprocess.run(make, check=True)
    names = ("users.acl", *(f"{user}.password" for user in ("trunkd", "sipmod", "kamailio", "ops", "backup")))
    first = {name: (tmp_path / "made" / name).read_text() for name in names}
    subprocess.run(make, check=True)
    assert first == {name: (tmp_path / "made" / name).read_text() for name in names}
    assert len(set(first.values())) == len(first)
    for name in names:
        assert stat.S_IMODE(os.stat(tmp_path / "made" / name).st_mode) == 0o600
    assert "user default off" in first["users.acl"]
    assert subprocess.run(make[:1], capture_output=True, check=False).returncode == 2


def test_callers_may_use_no_command_in_vain():
    """Each command that who carries calls may use stands in the functions that it calls."""
    text = (ROOT / "deploy/redis/make-users").read_text()
    granted = set(re.search(r"call_commands=\(([^)]*)\)", text).group(1).split())
    lua = "".join(p.read_text() for part in ("part/*.lua", "lib/*.lua") for p in (ROOT / "redis-schema").glob(part))
    used = {name.lower() for name in re.findall(r"redis\.p?call\('([A-Z]+)'", lua)}
    assert granted - used <= {"expire"}
