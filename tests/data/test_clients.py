"""Who holds what a gone worktree had: its own processes end, and nobody else's, whatever is connected; real servers."""

import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from router import ps
from router.data import clients
from router.data.connection import read
from router.data.kind import Order, Session
from router.data.ledger import Ledger
from router.data.making import Made, Work, drop, make
from router.data.mysql.kind import Mysql
from router.data.postgres.kind import Postgres
from router.data.redis import Redis
from router.data.sqlite import Sqlite
from router.processes.clients import ends
from router.remembered import GoneWorktree, Memory
from tests.data.servers import PASSWORD, MariadbServer, PostgresServer, RedisServer
from tests.data.shops import failed, wanted
from tests.processes.scenes import Started, gone, started, wait_until

LIBRARIES = f"import sys; sys.path[:0] = {[each for each in sys.path if each]!r}\n"
POSTGRES = """
from pg8000.native import Connection
held = Connection("ann", host="127.0.0.1", port={port}, database={name!r}, password={secret!r})
held.run("SELECT 1")
"""
MYSQL = """
import pymysql
held = pymysql.connect(host="127.0.0.1", port={port}, user="ann", password={secret!r}, database={name!r})
"""
REDIS = """
import redis
held = redis.Redis.from_url({url!r})
held.ping()
"""
SQLITE = """
import sqlite3
held = sqlite3.connect({name!r})
held.execute("CREATE TABLE IF NOT EXISTS t (n)")
"""


@dataclass(frozen=True)
class Held:
    """A worktree's own, and the program that holds it."""

    work: Work
    made: Made
    code: str

    def sessions(self) -> tuple[Session, ...]:
        return self.work.kind.describe(self.work.connection, self.made.record).sessions  # type: ignore[no-any-return]

    def dropped(self) -> bool:
        return drop(self.work.ledger, self.work.kind, self.work.connection, self.made.record) is None


def postgres(request: pytest.FixtureRequest, state: Path) -> tuple[Work, str]:
    server: PostgresServer = request.getfixturevalue("postgres15")
    name = f"shop{secrets.token_hex(4)}"
    server.psql("postgres", f"CREATE DATABASE {name} OWNER ann")
    connection = read(server.url(name), directory=state)
    return Work(wanted(f"{name}_x"), Postgres(), connection, Ledger(state), Order()), POSTGRES


def mariadb(request: pytest.FixtureRequest, state: Path) -> tuple[Work, str]:
    server: MariadbServer = request.getfixturevalue("mariadb_server")
    name = f"shop{secrets.token_hex(4)}"
    server.sql(f"CREATE DATABASE {name}; GRANT ALL ON `{name}\\_%`.* TO ann@localhost")
    connection = read(server.url(name), directory=state)
    return Work(wanted(f"{name}_x", kind="mysql"), Mysql(), connection, Ledger(state), Order()), MYSQL


def redis(request: pytest.FixtureRequest, state: Path) -> tuple[Work, str]:
    server: RedisServer = request.getfixturevalue("redis_server")
    connection = read(server.url(), directory=state)
    name = f"feature-{secrets.token_hex(4)}"
    return Work(wanted(name, kind="redis"), Redis(), connection, Ledger(state), Order()), REDIS


def sqlite(request: pytest.FixtureRequest, state: Path) -> tuple[Work, str]:
    state.mkdir()
    connection = read(f"sqlite:///{state}/dev.db", directory=state)
    own = wanted(str(state / "x.db"), kind="sqlite")
    return Work(own, Sqlite(), connection, Ledger(state), Order(work=state)), SQLITE


@pytest.fixture(params=[postgres, mariadb, redis, sqlite])
def held(request: pytest.FixtureRequest, tmp_path: Path) -> Held:
    kind: Callable[..., tuple[Work, str]] = request.param
    work, code = kind(request, tmp_path / "state")
    made = make(work)
    assert isinstance(made, Made), made
    name = made.record.name
    filled = code.format(
        port=work.connection.port, name=name, secret=PASSWORD, url=work.kind.url(work.connection, name)
    )
    return Held(work, made, LIBRARIES + filled)


@pytest.fixture
def real() -> Iterator[Started]:
    with started() as made:
        yield made


def test_the_own_clients_of_a_gone_worktree_end_and_a_foreign_one_stays_connected(
    held: Held, real: Started, tmp_path: Path
) -> None:
    place, elsewhere = tmp_path / "shop.x", tmp_path / "elsewhere"
    for each in (place, elsewhere):
        each.mkdir()
    record = held.made.record
    mine = [real.idle(place, code=held.code) for _ in range(2)]
    bystander, agent = real.idle(place), real.idle(place, name="claude", code=held.code)
    foreign = real.idle(elsewhere, code=held.code)
    wait_until(lambda: len(held.sessions()) == 4, what="four sessions")
    memory = Memory(gone=(GoneWorktree(record.worktree, str(place), "shop", "x", ("x",), 1.0),))

    def end() -> tuple[clients.Client, ...]:
        return clients.end_own(held.sessions(), held.work.connection, record, memory, routers=())

    assert {each.pid for each in end()} == {*mine, agent, foreign}  # its directory is there: nothing is left of it
    assert not gone(mine[0])
    place.rmdir()
    stay = end()
    assert {each.pid for each in stay} == {agent, foreign}
    assert gone(*mine)
    assert all(ps.identify(pid) for pid in (bystander, agent, foreign))
    said = clients.named(stay)
    assert f"claude (an agent, pid {agent}, session " in said
    assert f"(pid {foreign}, session " in said
    wait_until(lambda: len(held.sessions()) == 2, what="the sessions of its own clients are over")
    assert failed(drop(held.work.ledger, held.work.kind, held.work.connection, record)).cause == "busy"
    real.end()
    wait_until(lambda: held.sessions() == (), what="nobody is connected")
    assert held.dropped()


def test_a_client_of_another_gone_worktree_stays(held: Held, real: Started, tmp_path: Path) -> None:
    place = tmp_path / "shop.y"
    place.mkdir()
    pid = real.idle(place, code=held.code)
    place.rmdir()
    record = held.made.record
    other = GoneWorktree(replace(record.worktree, admin="y"), str(place), "shop", "y", ("y",), 1.0)
    [stays] = clients.end_own(held.sessions(), held.work.connection, record, Memory(gone=(other,)), routers=())
    assert (stays.pid, stays.left) == (pid, None)
    assert ps.identify(pid)


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("127.0.0.1", 5, (("127.0.0.1", 5),)),
        ("::ffff:127.0.0.1", 5, (("127.0.0.1", 5),)),
        ("localhost", 5, (("127.0.0.1", 5), ("::1", 5))),
        ("0:0:0:0:0:0:0:1", 5, (("::1", 5),)),
        ("", 5, ()),  # a Unix socket
        ("127.0.0.1", None, ()),
        ("127.0.0.1", -1, ()),
    ],
)
def test_what_a_server_says_of_a_client_is_an_end_of_a_connection(
    host: str, port: int | None, expected: tuple[tuple[str, int], ...]
) -> None:
    assert ends(host, port) == expected


def test_a_session_that_could_be_two_connections_is_nobodys() -> None:
    seen = {("127.0.0.1", 5): 11, ("::1", 5): 12}
    [one] = clients.identified([Session(7, "", "ann", "localhost", 5)], seen, {}, [])
    assert (one.pid, str(one)) == (None, "ann (session 7), whose process cannot be seen")
