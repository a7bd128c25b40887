"""Redis, with a real server: each worktree has a user who sees its own keys only."""

import secrets
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from router.data.connection import read
from router.data.kind import Order
from router.data.ledger import Ledger
from router.data.making import Made, Work, drop, make
from router.data.redis import Redis
from tests.data.servers import PASSWORD, RedisServer
from tests.data.shops import failed, wanted


@dataclass(frozen=True)
class Cache:
    server: RedisServer
    name: str
    work: Work

    def made(self) -> Made:
        outcome = make(self.work)
        assert isinstance(outcome, Made), outcome
        return outcome

    def own(self, *words: str) -> str:
        return self.server.cli("-n", "2", *words, user=self.name)


@pytest.fixture
def cache(redis_server: RedisServer, tmp_path: Path) -> Cache:
    name = f"feature-{secrets.token_hex(4)}"
    connection = read(redis_server.url(), directory=tmp_path)
    work = Work(wanted(name, kind="redis"), Redis(), connection, Ledger(tmp_path), Order())
    return Cache(redis_server, name, work)


def test_a_worktree_has_a_user_who_sees_its_own_keys_only(cache: Cache) -> None:
    made = cache.made()
    assert cache.own("SET", f"{cache.name}:a", "1") == "OK"
    for words in (("SET", "other:a", "1"), ("FLUSHALL",), ("PUBLISH", "other", "x"), ("ACL", "LIST"), ("KEYS", "*")):
        assert "NOPERM" in cache.own(*words)
    assert cache.made() == made
    url = cache.work.kind.url(cache.work.connection, made.record.name)
    answered = subprocess.run(["redis-cli", "-u", url.split("?")[0], "GET", f"{cache.name}:a"], capture_output=True,
                              text=True, check=True)  # fmt: skip
    assert answered.stdout == "1\n"
    assert cache.work.kind.describe(cache.work.connection, made.record).state == "ready"


def test_its_user_and_keys_are_dropped_and_no_others(cache: Cache) -> None:
    record = cache.made().record
    for number in ("2", "3"):
        cache.server.cli("-n", number, "SET", f"{cache.name}:a", "1")
        cache.server.cli("-n", number, "SET", f"{cache.name}x:a", "1")
    assert drop(cache.work.ledger, cache.work.kind, cache.work.connection, record) is None
    left = [cache.server.cli("-n", number, "KEYS", f"{cache.name}*") for number in ("2", "3")]
    assert left == [f"{cache.name}x:a"] * 2
    assert cache.name not in cache.server.cli("ACL", "USERS")
    assert cache.work.ledger.records() == ()


def test_users_and_keys_that_are_there_already_are_left(cache: Cache) -> None:
    cache.server.cli("-n", "2", "SET", f"{cache.name}:a", "1")
    assert failed(make(cache.work)).cause == "foreign"
    cache.server.cli("-n", "2", "DEL", f"{cache.name}:a")
    cache.server.cli("ACL", "SETUSER", cache.name, "on", ">mine")
    assert failed(make(cache.work)).cause == "foreign"
    [intent] = cache.work.ledger.records()
    assert drop(cache.work.ledger, cache.work.kind, cache.work.connection, intent) is None
    assert cache.name in cache.server.cli("ACL", "USERS")


def test_one_that_was_replaced_is_left(cache: Cache) -> None:
    record = cache.made().record
    cache.server.cli("ACL", "SETUSER", cache.name, "reset", "on", ">mine")
    assert failed(drop(cache.work.ledger, cache.work.kind, cache.work.connection, record)).cause == "foreign"
    assert cache.work.kind.describe(cache.work.connection, record).state == "foreign"


def test_a_user_that_a_restart_forgot_is_made_again(cache: Cache) -> None:
    cache.made()
    cache.own("SET", f"{cache.name}:a", "1")
    cache.server.cli("ACL", "DELUSER", cache.name)
    cache.made()
    assert cache.own("GET", f"{cache.name}:a") == "1"


def test_one_that_is_in_use_is_not_dropped(cache: Cache) -> None:
    record = cache.made().record
    command = ["redis-cli", "-p", str(cache.server.port), "--user", cache.name, "--pass", PASSWORD, "--no-auth-warning",
               "SUBSCRIBE", f"{cache.name}:news"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        assert client.stdout.readline()
        assert failed(drop(cache.work.ledger, cache.work.kind, cache.work.connection, record)).cause == "busy"
        assert client.poll() is None
        client.kill()


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("redis://:wrong@127.0.0.1:{port}", "wrong-credentials"),
        ("redis://:s3cr3t@127.0.0.1:9", "down"),
        ("redis://weak:weak@127.0.0.1:{port}", "denied"),
    ],
)
def test_what_goes_wrong_is_said(cache: Cache, url: str, cause: str) -> None:
    cache.server.cli("ACL", "SETUSER", "weak", "on", ">weak", "~*", "+@all", "-@admin")
    connection = read(url.format(port=cache.server.port), directory=Path("/"))
    failure = failed(make(replace(cache.work, connection=connection)))
    assert failure.cause == cause
    assert failure.hint
    assert "s3cr3t" not in failure.message + failure.hint
