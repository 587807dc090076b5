"""Users of the store (deploy/redis/make-users). All other suites run trunkd and sipmod as their own users, so what
they need they have; here: what they must not have."""

import os
import pathlib
import re
import stat
import subprocess

import pytest
import redis

from harness import Redis
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
    "SUBSCRIBE elsewhere", "PUBLISH elsewhere x", "MONITOR", "CLIENT KILL ID 1", "REPLICAOF NO ONE", "SCAN 0",
    f"HGETALL {KEY}:tokens", f"HSET {KEY}:tokens a b", f"HSET {KEY}:numbers 2062190000 x",
    f"HSET {KEY}:tg:1 sessions 9",
    f"HSET {KEY}:order:1 tg 2", f"HGETALL {KEY}:pay:P1", f"HGETALL {KEY}:carts", f"HSET {KEY}:sagas a b",
    f"XLEN audit:{KEY}", "HGETALL {ops}:operators", "SADD accounts x",
    "HGETALL hooks", "HGETALL inv:{WA}:holder", f"HGETALL {KEY}:request:ab"]
REFUSED = {
    "sipmod": CARRIERS_REFUSED,
    "kamailio": [*CARRIERS_REFUSED, "SUBSCRIBE tl:kill", "SMEMBERS sources", f"FCALL call_kill 1 {KEY} c1"],
    "ops": ["FLUSHALL", "KEYS *", "SHUTDOWN", "FUNCTION LIST", "SET anything 1", f"HSET {KEY} balance 1", f"DEL {KEY}",
            f"HGETALL {KEY}:tokens", f"FCALL_RO token_list 1 {KEY}", f"HGETALL {KEY}:hook:1",
            f"FCALL_RO hook_list 1 {KEY}",
            "HGETALL {ops}:operators", "HGETALL trace:{1}", f"XRANGE audit:{KEY} - +", f"HGETALL {KEY}:request:ab",
            "PUBLISH tl:calls x", "HGETALL schema", f"FCALL call_kill 1 {KEY} c1", f"XADD {KEY}:cdr * a b",
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
        with pytest.raises(redis.exceptions.ResponseError, match="permission|can't access"):
            client.execute_command(*(["EVAL", "return 0", 0] if command.startswith("EVAL") else command.split(" ")))
            pytest.fail(f"{name} may {command}")


# What calls need, beside what the other suites have them do.
CALLS_MAY = [
    f"HGETALL {KEY}", f"HINCRBY {KEY} held 5", f"XADD {KEY}:ledger * a b", f"HGETALL {KEY}:hooks",
    f"HINCRBY {KEY}:hooks x 1",
    f"HSET {KEY}:hook:5 tries 0", f"XADD {KEY}:hook:5:queue * a b", f"XDEL {KEY}:hook:5:queue 1-1",
    f"XADD {KEY}:hook:5:dead * a b", f"HSET {KEY}:kills a b", f"ZADD {KEY}:due 1 a", f"HINCRBY {KEY}:mou 1 1",
    f"HGET {KEY}:numbers 1", f"HMGET {KEY}:tg:1 kind", f"HMGET {KEY}:order:1 tg", f"HMGET {KEY}:port:1 tg",
    f"HSET {KEY}:st:tg:1:2026-11-24 a b", "ZADD gw:{g}:calls 1 a", "LPUSH gw:{g}:cps 1", "HGETALL gw:{g}",
    "HSET node:n:health a b", "SADD nodes n", "PUBLISH tl:calls x", "PUBLISH tl:health x"]


@pytest.mark.parametrize("name", ["sipmod", "kamailio"])
def test_calls_may_do_what_they_need(shared_stack, name):
    for command in CALLS_MAY:
        said = shared_stack.redis.client.execute_command("ACL", "DRYRUN", name, *command.split(" "))
        assert said in (b"OK", "OK", True), f"{command}: {said}"


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


def test_redis_reads_all_of_its_file_again_under_these_users(tmp_path):
    """It does so as the default user, as which nobody else may come in."""
    subprocess.run([ROOT / "deploy/redis/make-users", tmp_path / "made"], check=True)
    server = Redis(str(tmp_path), aof=True, options=["--aclfile", str(tmp_path / "made" / "users.acl")])
    secret = (tmp_path / "made" / "trunkd.password").read_text().strip()
    client = server.client = redis.Redis(port=server.port, username="trunkd", password=secret, decode_responses=True)
    try:
        server.start()
        for _ in range(2):
            client.pipeline(transaction=True).incr("{a:1}:one").incr("{a:1}:two").execute()
            server.restart()
        assert client.mget("{a:1}:one", "{a:1}:two") == ["2", "2"] and "CRITICAL" not in server.log()
        with pytest.raises(redis.exceptions.AuthenticationError):
            redis.Redis(port=server.port).ping()
        with pytest.raises(redis.exceptions.ResponseError, match="WRONGPASS"):
            redis.Redis(port=server.port).execute_command("AUTH", "default", "")
    finally:
        server.discard()
